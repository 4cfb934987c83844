#include <string>
#include <utility>

#include "workloads/linear_attention.hpp"
#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// LASP-2 (Sun et al. 2025, arXiv:2502.07563, §3.3, Algorithms 1 to 4): every rank makes the state
/// M = K^T V of its tokens, the states of all are gathered once, (P-1) heads d^2 elements to each
/// whatever the length, and each rank adds up those before its own; backward the same with dM = Q^T
/// dO and those behind.
///
///   overlapped    state [all_gather]            prefix_sum apply      gather beside the rank's own
///                 intra, as if nothing came before                    linear attention
///   synchronous   state [all_gather] prefix_sum attention             as the released code has it
///                                                                     (Linear-MoE,
///                                                                     sequence_modeling /lasp2):
///                                                                     one kernel fewer
///
/// Without a mask the sum is of all states, and there is no attention within a rank. The sum of
/// what comes before stays for the backward pass. States travel in the precision of the run.
class Lasp2 final : public SequenceMethod {
 public:
  explicit Lasp2(bool overlapped) : overlapped_(overlapped) {}

  bool is_linear() const override { return true; }

  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    return linear_refusal("lasp2", layer, degree);
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const LinearCore core = linear_core(layer, graph.degree());
    const Shared states = share(graph, layer, after, "state", linear_state(core));
    OpId last = states.gather;
    if (layer.mask == AttentionMask::full) {
      Kernel apply = linear_apply(core);
      apply.read = apply.read - core.output();
      last = finish(graph, layer, states, std::move(apply), "attention");
    } else if (overlapped_) {
      kernel(graph, layer, "intra", linear_forward(core));
      last = finish(graph, layer, states, linear_apply(core), "apply");
    } else {
      Kernel attention = linear_forward(core);
      attention.read += core.state();
      last = finish(graph, layer, states, std::move(attention), "attention");
    }
    graph.end_round(last);
    graph.take(states.first, graph.labels().activations, saved(layer, graph.degree()));
    return last;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const LinearCore core = linear_core(layer, graph.degree());
    const auto& labels = graph.labels();
    const Shared states = share(graph, layer, after, "state_gradient", linear_state_gradient(core));
    OpId last;
    if (layer.mask == AttentionMask::full) {
      last = finish(graph, layer, states, linear_apply_backward(core), "attention_backward");
    } else if (overlapped_) {
      kernel(graph, layer, "intra_backward", linear_backward(core));
      last = finish(graph, layer, states, linear_apply_backward(core), "apply_backward");
    } else {
      Kernel attention = linear_backward(core);
      attention.read += core.state() * 2;
      last = finish(graph, layer, states, std::move(attention), "attention_backward");
    }
    graph.take(states.first, labels.buffers, core.query() + core.key_value());
    graph.free(last, labels.buffers, core.output());
    graph.free(last, labels.activations,
               core.query() + core.key_value() + saved(layer, graph.degree()));
    return last;
  }

  Bytes saved(const SequenceLayer& layer, std::int64_t degree) const override {
    const LinearCore core = linear_core(layer, degree);
    return core.output() + core.state();
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return linear_core(layer, degree).state() * degree * (degree - 1);
  }
  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_forward(layer, degree);
  }

  JsonValue resolved() const override {
    return json_object({{"kind", json_string("lasp2")}, {"overlapped", json_boolean(overlapped_)}});
  }

 private:
  struct Shared {
    OpId first;
    OpId gather;
  };

  static OpId kernel(SequenceGraph& graph, const SequenceLayer& layer, const char* label,
                     Kernel kernel) {
    kernel.host = layer.host;
    return graph.kernel(label, graph.all(), std::move(kernel));
  }

  /// A rank's state, and those of all.
  static Shared share(SequenceGraph& graph, const SequenceLayer& layer, OpId after,
                      const char* label, Kernel state) {
    const Bytes bytes = linear_core(layer, graph.degree()).state();
    const OpId first = kernel(graph, layer, label, std::move(state));
    graph.depend(first, after);
    graph.take(first, graph.labels().buffers, bytes);
    if (graph.degree() == 1) return {first, first};
    const OpId gather = graph.collective("all_gather " + std::string(label),
                                         CollectiveKind::all_gather, bytes * graph.degree());
    graph.depend(gather, first);
    graph.take(gather, graph.labels().buffers, bytes * graph.degree());
    return {first, gather};
  }

  /// The sum of states, and what needs it.
  static OpId finish(SequenceGraph& graph, const SequenceLayer& layer, const Shared& states,
                     Kernel work, const char* label) {
    const std::int64_t degree = graph.degree();
    const LinearCore core = linear_core(layer, degree);
    const OpId sum = kernel(graph, layer, "prefix_sum", linear_prefix_sum(core, degree));
    graph.depend(sum, states.gather);
    const OpId last = kernel(graph, layer, label, std::move(work));
    graph.free(last, graph.labels().buffers, core.state() * (degree > 1 ? degree + 1 : 1));
    return last;
  }

  bool overlapped_;
};

}  // namespace

std::unique_ptr<SequenceMethod> make_lasp2(JsonCursor parameters) {
  parameters.has("kind");
  JsonCursor overlapped = parameters.find("overlapped");
  const bool value = !overlapped.present() || overlapped.as_boolean();
  parameters.reject_unknown_keys();
  return std::make_unique<Lasp2>(value);
}

}  // namespace orrery
