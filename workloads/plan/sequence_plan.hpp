#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/base/errors.hpp"
#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {

/// How the sequences of a step come to groups of devices.
///   heterogeneous   FlexSP: micro-batches of sequences of like lengths, each with groups of its
///   own batch_adaptive  groups of one size, the best for the batch (FlexSP-BatchAda in the
///   publication) fixed           groups of one size that is given (DeepSpeed-Ulysses there)
enum class PlanMethod : std::uint8_t { heterogeneous, batch_adaptive, fixed };

struct PlanSettings {
  GroupCost cost;
  std::int64_t devices = 1;
  PlanMethod method = PlanMethod::heterogeneous;
  std::int64_t group = 1;               // devices of a group; fixed
  std::int64_t buckets = 16;            // of a micro-batch, at most (FlexSP, §4.2)
  std::int64_t more_micro_batches = 4;  // beyond the least number, up to which are tried (§4.3)
  bool mixed_integer = false;           // by the solver too, not by the heuristic alone
  SolverLimits limits = {};
};

struct SequenceGroup {
  std::int64_t devices = 1;
  std::vector<std::int64_t> lengths = {};  // descending
  std::int64_t tokens = 0;
  double time_s = 0;        // predicted
  double memory_bytes = 0;  // predicted, of each device
};

struct SequenceMicroBatch {
  std::vector<SequenceGroup> groups = {};  // larger first
  std::int64_t tokens = 0;
  double time_s = 0;           // of the slowest group
  double bucketing_error = 0;  // excess of the buckets over the tokens
  /// What is known of the best grouping of these buckets, and of the one chosen; heterogeneous.
  double grouping_s = 0;
  double bound_s = 0;
  std::optional<Solved> solved = {};  // when a solver was asked

  double gap() const { return grouping_s > 0 ? 1 - bound_s / grouping_s : 0; }
};

struct SequencePlan {
  std::vector<SequenceMicroBatch> micro_batches;
  double time_s = 0;  // their sum: gradients are accumulated over them
};

/// A sequence that fits on no group that may be used: no mistake, but the answer no (exit code 3).
class DoesNotFit : public Error {
 public:
  explicit DoesNotFit(const std::string& what) : Error(what, 3) {}
};

/// The plan of a step: every sequence in exactly one group, no group over its devices' memory, in
/// no micro-batch more devices than there are. Sequences are packed by best fit, longest first,
/// where groups are alike; a micro-batch then has one such pack for each group, the slowest ones
/// first. Throws DoesNotFit. Deterministic, but where a solver runs out of time.
SequencePlan plan_sequences(const PlanSettings& settings, std::span<const std::int64_t> lengths);

/// "⟨32, 16, 8x2⟩": sizes of the groups of a micro-batch.
std::string to_text(const SequenceMicroBatch& micro_batch);

}  // namespace orrery
