#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "workloads/builtin.hpp"
#include "workloads/inference_graph.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumOps = 20'000'000;  // a graph of about 2 GB
/// The executor numbers one op on one rank by 32 bits.
constexpr std::int64_t kMaximumInstances = 4'000'000'000;

/// Prefill and decode of one batch of equal requests by a dense decoder-only transformer, with
/// tensor and pipeline parallelism, in replicas, as vLLM runs it: a growing cache, micro-batches
/// one behind the other through the stages, weights and cache in precisions of their own. Parallel
/// residuals reduce once, sliding windows bound the cache, latent attention decodes with absorbed
/// maps, linear layers keep states, and ranks may share the prompts of a prefill. Memory
/// categories: weights, kv_cache, states, buffers. Leaves out: arrivals and continuous batching,
/// chunked prefill, custom all-reduce kernels, two blocks at the same time but for ladder's
/// all-reduces, the host's time for collectives and between steps, scales of quantised weights.
class TransformerInference final : public Workload {
 public:
  explicit TransformerInference(InferenceSettings settings) : settings_(std::move(settings)) {}

  Job build() const override {
    InferenceGraph made = inference_graph(settings_);
    Job job{.graph = std::move(made.graph), .headline = "latency_s", .facts = {}};
    const double sequences =
        static_cast<double>(settings_.batch) * static_cast<double>(settings_.grid.replicas());
    job.tokens = sequences * static_cast<double>(settings_.output_length);
    job.model_operations = sequences * operations_per_sequence(AttentionSpan::causal);
    job.model_operations_full_attention = sequences * operations_per_sequence(AttentionSpan::full);
    job.precision = settings_.form.precision;
    job.pipelined = settings_.grid.pipeline > 1;
    job.timed_figures.push_back(
        {.key = "time_to_first_token_s", .from = {}, .to = made.first_tokens});
    if (settings_.decode_steps() > 0) {
      job.timed_figures.push_back({.key = "time_per_output_token_s",
                                   .from = made.first_tokens,
                                   .to = made.last_tokens,
                                   .parts = settings_.decode_steps()});
    }
    const Bytes on_rank = settings_.kv_bytes_per_token() / settings_.form.sequence;
    job.kv_cache = {.category = made.kv_cache,
                    .per_token_on_rank = on_rank,
                    .per_token = settings_.kv_bytes_per_token() * settings_.grid.tensor *
                                 settings_.grid.pipeline,
                    .batch = settings_.batch,
                    .batch_step = settings_.micro_batches};
    add_facts(job, sequences);
    return job;
  }

  JsonValue resolved() const override { return to_json(settings_); }

 private:
  /// Matrix products of all passes; in prefill logits of the last token only. Latent attention as
  /// it is defined, with keys and values of each head.
  double operations_per_sequence(AttentionSpan span) const {
    const NetworkShape& network = settings_.network;
    const double inputs = static_cast<double>(settings_.input_length);
    const double head =
        2 * static_cast<double>(network.hidden) * static_cast<double>(network.vocabulary);
    double sum = inputs * model_operations_per_token(network, settings_.input_length, span) -
                 (inputs - 1) * head;
    for (std::int64_t step = 1; step <= settings_.decode_steps(); ++step) {
      const std::int64_t seen = kept_tokens(network, settings_.input_length + step);
      sum += model_operations_per_token(network, seen, AttentionSpan::full);
    }
    return sum;
  }

  void add_facts(Job& job, double sequences) const {
    const auto fact = [&job](const char* key, double value, const char* about) {
      job.facts.push_back({key, value, about});
    };
    fact("parameters", static_cast<double>(network_parameters(settings_.network)),
         "Parameters of the network as published, tied weights counted once.");
    fact("input_tokens", sequences * static_cast<double>(settings_.input_length),
         "batch * input_length, of all replicas.");
    fact("output_tokens", job.tokens, "batch * output_length, of all replicas.");
    fact("decode_steps", static_cast<double>(settings_.decode_steps()),
         "output_length - 1: the first token comes from prefill.");
    fact("micro_batches", static_cast<double>(settings_.micro_batches),
         "Parts of the batch that follow each other through the pipeline.");
    fact("padded_vocabulary",
         static_cast<double>(
             padded_vocabulary(settings_.network, settings_.form.vocabulary_ranks())),
         "Rows of embedding and head, padded to a multiple of 128 * the ranks that share them.");
    fact("kv_cache_bytes_per_token", job.kv_cache->per_token.as_double(),
         "Keys and values of one token of one sequence, on all ranks of a replica.");
    fact("cached_tokens", static_cast<double>(settings_.cached_tokens()),
         settings_.cached_tokens() < settings_.length()
             ? "Tokens in the cache of a sequence at its end: those in the attention window."
             : "Tokens in the cache of a sequence at its end: input_length + output_length - 1.");
    std::ranges::move(linear_layers_left_out(settings_.sequence, settings_.network),
                      std::back_inserter(job.facts));
  }

  InferenceSettings settings_;
};

/// Whether the graph is small enough to be built and run; says so where not.
bool fits(JsonCursor& parameters, const InferenceSettings& settings) {
  const std::int64_t ops = inference_ops(settings);
  const std::int64_t ranks = settings.grid.tensor * settings.grid.data;
  JsonCursor place = parameters.find("output_length");
  if (ops > kMaximumOps) {
    place.error(std::to_string(settings.output_length) + " passes of " +
                std::to_string(settings.network.layers) + " layers with " +
                std::to_string(settings.micro_batches) + " micro-batches make " +
                std::to_string(ops) + " ops, more than " + std::to_string(kMaximumOps));
    return false;
  }
  if (ranks > kMaximumInstances / ops) {
    place.error(std::to_string(ops) + " ops on " + std::to_string(ranks) +
                " ranks each are more than " + std::to_string(kMaximumInstances) + " instances");
    return false;
  }
  return true;
}

/// Throws OverflowError where an amount of work or memory leaves 64 bits.
void try_amounts(const InferenceSettings& settings) {
  const InferencePass prefill = {settings.sequences(), settings.input_length, 0};
  const InferencePass decode = {settings.sequences(), 1, settings.length() - 1};
  for (const InferencePass& pass : {prefill, decode}) {
    inference_embedding(settings.network, settings.form, pass);
    inference_layer(settings.network, settings.form, pass);
    inference_head(settings.network, settings.form, pass);
  }
  static_cast<void>(settings.kv_bytes_per_token() * settings.grid.pipeline * settings.batch *
                    settings.cached_tokens() * settings.grid.tensor);
}

}  // namespace

std::unique_ptr<Workload> make_transformer_inference(JsonCursor parameters,
                                                     const WorkloadContext& context) {
  std::optional<InferenceSettings> settings = read_inference_settings(parameters, context);
  if (!settings) {
    return nullptr;
  }
  try {
    if (!fits(parameters, *settings)) {
      return nullptr;
    }
    try_amounts(*settings);
    return std::make_unique<TransformerInference>(*std::move(settings));
  } catch (const OverflowError& error) {
    parameters.error(std::string("a batch is too much work: ") + error.what());
    return nullptr;
  }
}

}  // namespace orrery
