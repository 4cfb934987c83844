#pragma once

#include <cstdint>

#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"
#include "workloads/network.hpp"

namespace orrery {

/// What one token of context takes in the key-value cache of one of `tensor` ranks, in each layer:
/// a key and a value per key-value head that the rank holds (Pope et al. 2022, arXiv:2211.05102,
/// §3.3). Ranks that hold the same head hold the same part of the cache. With latent attention
/// every rank holds the latent vector and the rotated part of the key that all heads share
/// (DeepSeek-V2, arXiv:2405.04434, §2.1.3 and Table 1). Leaves out the rounding up to whole pages.
Bytes kv_bytes_per_token(const NetworkShape& shape, Precision precision, std::int64_t tensor);

/// How many of a sequence's `length` tokens its cache holds: under a sliding window the last ones,
/// each in the place of one that no token sees any more (Jiang et al. 2023, Mistral 7B,
/// arXiv:2310.06825, §2, "Rolling Buffer Cache").
std::int64_t kept_tokens(const NetworkShape& shape, std::int64_t length);

}  // namespace orrery
