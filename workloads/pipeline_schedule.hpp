#pragma once

#include <cstdint>
#include <vector>

namespace orrery {

enum class Pass : unsigned char { forward, backward };

/// One pass of one micro-batch through a pipeline stage.
struct PipelineSlot {
  Pass pass = Pass::forward;
  std::int64_t micro_batch = 0;
  friend bool operator==(const PipelineSlot&, const PipelineSlot&) = default;
};

/// The order in which `stage` of `stages` works through its micro-batches: 1F1B without
/// interleaving (Narayanan et al. 2021, arXiv:2104.04473, §2.2.1, "PipeDream-Flush"). First
/// min(stages - 1 - stage, micro_batches) forward passes, then one forward and one backward in
/// turn, then what is left; so at most stages - stage micro-batches are in flight.
///
///   stage 0   F0 F1 F2 B0 F3 B1 B2 B3           of 3 stages, 4 micro-batches
///   stage 1   F0 F1 B0 F2 B1 F3 B2 B3
///   stage 2   F0 B0 F1 B1 F2 B2 F3 B3
std::vector<PipelineSlot> one_forward_one_backward(std::int64_t stage, std::int64_t stages,
                                                   std::int64_t micro_batches);

}  // namespace orrery
