#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "workloads/attended_pairs.hpp"
#include "workloads/builtin.hpp"
#include "workloads/heterogeneous_graph.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/planned_sequences.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumOps = 20'000'000;
constexpr std::int64_t kOpsPerLayer = 40;  // of a group in a micro-batch, both passes

/// One training step over sequences of many lengths, as a planner has put them on groups of devices
/// (plan/sequence_plan.hpp): FlexSP, and what it is compared with. The planner's costs choose the
/// plan and nothing else; how long the step takes the machine says.
///
/// Memory categories: weights, gradients (shards and gathered units), optimizer, activations,
/// buffers. Leaves out: recomputation, dropout, gradient clipping, the planner's own time (it runs
/// on the host beside the step before), communicators that are made for new groups.
class HeterogeneousSequenceParallel final : public Workload, public PlannedSequences {
 public:
  HeterogeneousSequenceParallel(HeterogeneousSettings settings, SequencePlan plan)
      : settings_(std::move(settings)), plan_(std::move(plan)) {}

  Job build() const override {
    Job job{.graph = HeterogeneousGraph(settings_, plan_).build(), .facts = {}};
    job.precision = settings_.precision;
    const NetworkShape& shape = settings_.network;
    double longest = 0;
    double pairs = 0;
    for (const std::int64_t length : settings_.lengths_of(settings_.batch)) {
      const auto tokens = static_cast<double>(length);
      job.tokens += tokens;
      longest = std::max(longest, tokens);
      pairs += static_cast<double>(twice_causal_pairs(shape, length));
    }
    const auto operations = [&](AttentionSpan span) {
      return 3 * job.tokens * model_operations_for_pairs(shape, pairs / job.tokens, span);
    };
    job.model_operations = operations(AttentionSpan::causal);
    job.model_operations_full_attention = operations(AttentionSpan::full);
    double bound = 0;
    for (const SequenceMicroBatch& each : plan_.micro_batches) bound += each.bound_s;
    const auto fact = [&job](const char* key, double value, const char* about) {
      job.facts.push_back({key, value, about});
    };
    fact("parameters", static_cast<double>(network_parameters(shape)),
         "Parameters of the network.");
    fact("tokens_per_step", job.tokens, "Of all sequences of the batch.");
    fact("longest_sequence", longest, "Tokens of the longest sequence of the batch.");
    fact("micro_batches", static_cast<double>(plan_.micro_batches.size()),
         "Over which gradients are accumulated.");
    fact("predicted_time_s", plan_.time_s,
         "What the planner's costs say of the plan: of every micro-batch its slowest group.");
    fact("predicted_bound_s", bound,
         "Below which no grouping of these micro-batches comes by the same costs, sequences "
         "counted as long as their buckets; 0 where groups are alike.");
    return job;
  }

  JsonValue resolved() const override { return to_json(settings_); }
  const HeterogeneousSettings& settings() const override { return settings_; }
  const SequencePlan& plan() const override { return plan_; }

 private:
  HeterogeneousSettings settings_;
  SequencePlan plan_;
};

bool is_small_enough(JsonCursor& parameters, const HeterogeneousSettings& settings,
                     const SequencePlan& plan) {
  std::int64_t groups = 0;
  for (const SequenceMicroBatch& each : plan.micro_batches) {
    groups += static_cast<std::int64_t>(each.groups.size());
  }
  const std::int64_t ops = groups * settings.network.layers * kOpsPerLayer;
  if (ops <= kMaximumOps) return true;
  parameters.find("plan").error(std::to_string(groups) + " groups in all micro-batches, of " +
                                std::to_string(settings.network.layers) + " layers, make " +
                                std::to_string(ops) + " ops, more than " +
                                std::to_string(kMaximumOps));
  return false;
}

}  // namespace

std::unique_ptr<Workload> make_heterogeneous_sequence_parallel(JsonCursor parameters,
                                                               const WorkloadContext& context) {
  std::optional<HeterogeneousSettings> settings = read_heterogeneous(parameters, context);
  if (!settings) return nullptr;
  try {
    SequencePlan plan = plan_sequences(settings->plan, settings->lengths_of(settings->batch));
    if (!is_small_enough(parameters, *settings, plan)) return nullptr;
    return std::make_unique<HeterogeneousSequenceParallel>(std::move(*settings), std::move(plan));
  } catch (const DoesNotFit& error) {
    Diagnostics at_lengths;
    JsonCursor(parameters.value(), at_lengths).find("lengths").error(error.what());
    throw DoesNotFit(at_lengths.items().front().text());
  } catch (const OverflowError& error) {
    parameters.error(std::string("a micro-batch is too much work: ") + error.what());
  }
  return nullptr;
}

}  // namespace orrery
