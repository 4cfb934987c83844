#pragma once

#include "workloads/step.hpp"

namespace orrery {

/// Passes that keep less for the backward pass and compute it again (Chen et al. 2016,
/// arXiv:1604.06174). Collectives of what is computed again run again, as in Megatron-LM.

/// The attention core keeps its inputs and its output only; the rest is computed again where the
/// backward pass comes to it (Korthikanti et al. 2022, arXiv:2205.05198, §5: of s·b·h·(34 +
/// 5·a·s/h) bytes of a layer, s·b·h·34 stay).
Passes recompute_core(const Passes& passes);

/// A forward pass that keeps nothing; what it would have saved lives to its end. A checkpoint of
/// `input` bytes is saved as it starts (none: 0).
Steps without_saving(const Steps& forward, Bytes checkpoint);
/// The forward pass once more, from a checkpoint of `input` bytes, which the first step would save.
Steps from_checkpoint(const Steps& forward, Bytes checkpoint);

/// The two halves of a backward pass whose weight gradients can wait. Steps keep their order; those
/// of the first wait for what they waited for, those of the second run after all of the first.
Steps input_gradients(const Steps& backward);
Steps weight_gradients(const Steps& backward);

}  // namespace orrery
