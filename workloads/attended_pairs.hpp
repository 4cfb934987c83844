#pragma once

#include <cstdint>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Twice the pairs of a query and a key that a causal mask leaves of one sequence of `length`
/// tokens, the diagonal counted half: l^2; under a sliding window of w < l tokens 2 l w - w^2 (the
/// first w tokens see w^2 / 2, each of the others w; Jiang et al. 2023, Mistral 7B,
/// arXiv:2310.06825, §2). For lengths up to 2^24.
std::int64_t twice_causal_pairs(const NetworkShape& shape, std::int64_t length);
/// The same over all sequences of a micro-batch; packed ones do not see each other (the
/// block-diagonal mask of FlashAttention's flash_attn_varlen_func).
std::int64_t twice_causal_pairs(const NetworkShape& shape, const Division& division);

/// Pairs of a query and a key when `tokens` new tokens of one sequence come after `cached` ones,
/// the diagonal counted whole: the i-th sees cached + i tokens, or as many of them as the window
/// has.
std::int64_t attended_pairs(const NetworkShape& shape, std::int64_t cached, std::int64_t tokens);

}  // namespace orrery
