#pragma once

#include <cstdint>

#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"
#include "workloads/network.hpp"

namespace orrery {

/// What one token of context takes in the key-value cache of one of `tensor` ranks, over all layers
/// of the network: a key and a value per layer and key-value head that the rank holds (Pope et al.
/// 2022, arXiv:2211.05102, §3.3). Ranks that hold the same head hold the same part of the cache.
/// With latent attention every rank holds the latent vector and the rotated part of the key that
/// all heads share (DeepSeek-V2, arXiv:2405.04434, §2.1.3 and Table 1). Of a sliding window only
/// the last `attention_window` tokens need be kept, which is the caller's to count. Leaves out the
/// rounding up to whole pages.
Bytes kv_cache_bytes_per_token(const NetworkShape& shape, Precision precision, std::int64_t tensor);

}  // namespace orrery
