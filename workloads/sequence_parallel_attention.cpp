#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "workloads/builtin.hpp"
#include "workloads/sequence_attention_settings.hpp"
#include "workloads/sequence_parallel.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMostRounds = 16;  // whose times are figures of their own

/// One attention layer over sequences that are divided among the ranks of a group: its kernels, the
/// merges between them, and what a sequence-parallel method sends, forward and, on request,
/// backward; `repeats` times one behind the other, as a benchmark does whose host runs ahead into
/// the next: headline, tokens and operations are then of all, other figures of the first. Q, K and
/// V (and the output's gradient) are there when it begins. Memory categories: activations (Q, K, V,
/// output, log-sum-exp), buffers. Leaves out: linear maps, rotary positions and norms around it;
/// dropout.
class SequenceAttention final : public Workload {
 public:
  explicit SequenceAttention(SequenceAttentionSettings settings) : settings_(std::move(settings)) {}

  Job build() const override {
    const std::int64_t ranks = settings_.degree * settings_.groups;
    Job job{
        .graph = TaskGraph(static_cast<Rank>(ranks)), .headline = "attention_time_s", .facts = {}};
    std::vector<Rank> all(static_cast<std::size_t>(ranks));
    std::iota(all.begin(), all.end(), 0);
    for (std::int64_t repeat = 0; repeat < settings_.repeats; ++repeat) {
      add_layer(job, all, repeat == 0 ? Figures::added : Figures::none);
    }
    add_work(job);
    return job;
  }

  JsonValue resolved() const override { return to_json(settings_); }

 private:
  enum class Figures : unsigned char { added, none };

  void add_layer(Job& job, const std::vector<Rank>& all, Figures figures) const {
    SequenceGraph forward(job.graph, all, settings_.degree,
                          labels(job.graph, "forward", settings_.host));
    const SequenceLayer& layer = settings_.layer;
    const Bytes held = settings_.method->inputs(layer, settings_.degree);
    const OpId inputs = forward.marker("inputs");
    forward.take(inputs, forward.labels().activations, held);
    const OpId output = settings_.method->forward(forward, layer, inputs);
    if (figures == Figures::added) add_figures(job, forward, output);
    const OpId end = settings_.has_backward ? add_backward(job, all, output, figures) : output;
    const OpId last = forward.marker("end");
    forward.depend(last, end);
    if (settings_.has_backward) {
      forward.free(last, forward.labels().buffers, held);
    } else {
      forward.free(last, forward.labels().activations,
                   held + settings_.method->saved(layer, settings_.degree));
    }
  }

  static SequenceGraph::Labels labels(TaskGraph& graph, const char* pass, const HostThread& host) {
    return {.compute = graph.stream("compute"),
            .category = graph.label(pass),
            .activations = graph.label("activations"),
            .buffers = graph.label("buffers"),
            .name = std::string(pass) + ".",
            .host = host};
  }

  OpId add_backward(Job& job, const std::vector<Rank>& all, OpId output, Figures figures) const {
    const SequenceLayer& layer = settings_.layer;
    SequenceGraph graph(job.graph, all, settings_.degree,
                        labels(job.graph, "backward", settings_.host));
    const OpId gradient = graph.marker("output gradient");
    graph.depend(gradient, output);
    graph.take(gradient, graph.labels().buffers, layer.query(layer.tokens() / settings_.degree));
    const OpId end = settings_.method->backward(graph, layer, gradient);
    if (figures == Figures::added) job.timed_figures.push_back({"backward_s", output, end});
    return end;
  }

  /// Round k: from the end of its attention to that of the next.
  void add_figures(Job& job, const SequenceGraph& forward, OpId output) const {
    job.timed_figures.push_back({"forward_s", OpId(), output});
    const std::vector<OpId>& rounds = forward.rounds();
    std::vector<OpId> last;  // where a round has kernels of several kinds
    for (const OpId each : rounds) {
      if (!last.empty() && job.graph.op(last.back()).label == job.graph.op(each).label) {
        last.back() = each;
      } else {
        last.push_back(each);
      }
    }
    if (static_cast<std::int64_t>(last.size()) > kMostRounds) return;
    for (std::size_t k = 0; k + 1 < last.size(); ++k) {
      job.timed_figures.push_back({"round_" + std::to_string(k) + "_s", last[k], last[k + 1]});
    }
  }

  /// A backward pass needs twice the operations of a forward pass; that FlashAttention computes the
  /// scores again is not asked for.
  void add_work(Job& job) const {
    const SequenceLayer& layer = settings_.layer;
    const auto groups = static_cast<double>(settings_.groups);
    const double layers = groups * static_cast<double>(settings_.repeats);
    const double passes = layers * (settings_.has_backward ? 3 : 1);
    job.tokens = layers * static_cast<double>(layer.batch) * static_cast<double>(layer.tokens());
    job.model_operations = passes * attention_operations(layer, layer.mask);
    job.model_operations_full_attention = passes * attention_operations(layer, AttentionMask::full);
    job.precision = layer.precision;
    const auto degree = static_cast<double>(settings_.degree);
    const auto fact = [&job](const char* key, double value, const char* about) {
      job.facts.push_back({key, value, about});
    };
    fact("tokens_on_rank", job.tokens / layers / degree, "Tokens of all rows that a rank holds.");
    if (layer.linear_block > 0 && !settings_.method->is_linear()) {
      job.facts.push_back(linear_layers_left_out(*settings_.method, settings_.repeats));
    }
    fact("forward_sent_bytes",
         settings_.method->sent_forward(layer, settings_.degree).as_double() / degree,
         "What a rank sends in the forward pass, on average.");
    if (!settings_.has_backward) return;
    fact("backward_sent_bytes",
         settings_.method->sent_backward(layer, settings_.degree).as_double() / degree,
         "What a rank sends in the backward pass, on average.");
  }

  SequenceAttentionSettings settings_;
};

}  // namespace

std::unique_ptr<Workload> make_sequence_parallel_attention(JsonCursor parameters,
                                                           const WorkloadContext& context) {
  std::optional<SequenceAttentionSettings> settings =
      read_sequence_attention(std::move(parameters), context);
  if (!settings) return nullptr;
  return std::make_unique<SequenceAttention>(std::move(*settings));
}

}  // namespace orrery
