#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "workloads/builtin.hpp"
#include "workloads/training_graph.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumOps = 20'000'000;  // a graph of about 2 GB
/// The executor numbers one op on one rank by 32 bits.
constexpr std::int64_t kMaximumInstances = 4'000'000'000;

/// One training step of a dense decoder-only transformer: Megatron tensor and sequence parallelism,
/// pipeline schedules, recomputation, DDP buckets of whole tensors, ZeRO 1-3 and FSDP (hybrid too),
/// offload, clipping, vocabulary-parallel embedding and head, 2-byte weights with fp32 master
/// weights (fp8 products on request), Adam.
///
/// With more tensor ranks than key-value heads ranks hold copies of a head, whose gradients are
/// summed for free; so are those of norms of queries and keys without sequence parallelism.
/// Memory categories: weights, gradients, optimizer (static), activations (saved for the backward
/// pass), buffers (tensors between steps of a pass, gathered inputs, transfers), runtime;
/// optimizer_on_host and activations_on_host lie in the host's memory.
/// Leaves out: Adam on the host's processors, fp8 copies of saved inputs, selective recomputation
/// of layers with a parallel residual, causal skipping in products of materialized attention,
/// overlap of anything that Megatron-LM exposes.
class TransformerTraining final : public Workload {
 public:
  TransformerTraining(TrainingSettings settings, TrainingParts parts)
      : settings_(std::move(settings)), parts_(std::move(parts)) {}

  Job build() const override {
    Job job{.graph = training_graph(settings_, parts_), .facts = {}};
    job.tokens = static_cast<double>(settings_.global_batch) *
                 static_cast<double>(settings_.division.sequence_length);
    // Backward twice the forward pass: gradients of inputs and of weights; recomputation not
    // counted.
    job.model_operations = 3 * job.tokens * operations_per_token(AttentionSpan::causal);
    job.model_operations_full_attention =
        3 * job.tokens * operations_per_token(AttentionSpan::full);
    job.precision = settings_.division.fp8_linear ? Precision::fp8 : settings_.division.precision;
    job.pipelined = settings_.grid.pipeline > 1;
    add_facts(job);
    return job;
  }

  JsonValue resolved() const override { return to_json(settings_); }

 private:
  double operations_per_token(AttentionSpan span) const {
    const Division& division = settings_.division;
    if (division.documents.empty()) {
      return model_operations_per_token(settings_.network, division, span);
    }
    const double sum = std::accumulate(parts_.pairs.begin(), parts_.pairs.end(), 0.0);
    const double tokens =
        static_cast<double>(parts_.pairs.size()) * static_cast<double>(division.tokens());
    return model_operations_for_pairs(settings_.network, sum / tokens, span);
  }

  void add_facts(Job& job) const {
    const auto fact = [&job](const char* key, double value, const char* about) {
      job.facts.push_back({key, value, about});
    };
    const double micro_batches = static_cast<double>(settings_.micro_batches);
    fact("parameters", static_cast<double>(network_parameters(settings_.network)),
         "Parameters of the network as published, tied weights counted once.");
    fact("tokens_per_step", job.tokens, "global_batch * sequence_length.");
    fact("micro_batches", micro_batches,
         "Micro-batches that each pipeline works through in a step: global_batch / (micro_batch * "
         "data).");
    fact("padded_vocabulary", static_cast<double>(parts_.vocabulary),
         "Rows of embedding and head, padded to a multiple of 128 * tensor as in Megatron-LM.");
    fact("model_operations_per_token", job.model_operations / job.tokens,
         "3 * the operations of a forward pass's matrix products, each token attending to half of "
         "the sequence on average (causal).");
    const PassTimes even;
    const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
    const double bubble =
        schedulers.find(settings_.schedule)->make()->bubble(settings_.pipeline(), even);
    fact("ideal_bubble_fraction", bubble / (micro_batches * even.all() + bubble),
         "Share of the step that a stage idles by the schedule's closed form: equal stages, free "
         "transfers, and as much time for the forward pass as for the gradients of inputs and for "
         "those of weights; (p - 1) / (m + p - 1) with 1F1B.");
    std::ranges::move(linear_layers_left_out(settings_.sequence, settings_.network),
                      std::back_inserter(job.facts));
  }

  TrainingSettings settings_;
  TrainingParts parts_;
};

/// Whether the graph is small enough to be built and run; says so where not.
bool fits(JsonCursor& parameters, const TrainingSettings& settings, const TrainingParts& parts) {
  const std::int64_t ops = estimated_ops(settings, parts);
  const std::int64_t ranks = settings.grid.tensor * settings.grid.data;
  JsonCursor place = parameters.find("global_batch");
  if (ops > kMaximumOps) {
    place.error(std::to_string(settings.micro_batches) + " micro-batches of " +
                std::to_string(settings.network.layers) + " layers make " + std::to_string(ops) +
                " ops, more than " + std::to_string(kMaximumOps));
    return false;
  }
  if (ranks > kMaximumInstances / ops) {
    place.error(std::to_string(ops) + " ops on " + std::to_string(ranks) +
                " ranks each are more than " + std::to_string(kMaximumInstances) +
                " instances; use fewer micro-batches");
    return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<Workload> make_transformer_training(JsonCursor parameters,
                                                    const WorkloadContext& context) {
  std::optional<TrainingSettings> settings = read_training_settings(parameters, context);
  if (!settings) {
    return nullptr;
  }
  try {
    TrainingParts parts = training_parts(*settings);
    if (!fits(parameters, *settings, parts)) {
      return nullptr;
    }
    return std::make_unique<TransformerTraining>(*std::move(settings), std::move(parts));
  } catch (const OverflowError& error) {
    parameters.error(std::string("a micro-batch is too much work: ") + error.what());
    return nullptr;
  }
}

}  // namespace orrery
