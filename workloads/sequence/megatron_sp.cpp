#include <string>

#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// Tensor parallelism with sequence parallelism (Korthikanti et al. 2022, arXiv:2205.05198,
/// §4.2.2), as far as it is one attention layer's: the hidden state of all tokens, heads x
/// head_size wide, is gathered; each rank attends with heads/P heads over whole sequences; what its
/// rows of the projection give, which is as large as the hidden state, is reduce-scattered to the
/// owners of the tokens. Backward likewise: the output's gradient is gathered, that of the input
/// reduce-scattered. With fewer key-value heads than ranks several ranks hold the same one.
///
/// Leaves out: the linear maps between (as all methods do), and that the backward pass gathers the
/// layer's input once more beside them. The transformer workloads have all of it ("parallel").
class MegatronSp final : public SequenceMethod {
 public:
  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    const auto refuse = [degree](std::int64_t number, const char* of) {
      return SequenceRefusal{"degree", "megatron_sp divides heads: " + std::to_string(degree) +
                                           " ranks do not divide " + std::to_string(number) + of};
    };
    if (layer.heads % degree != 0) return refuse(layer.heads, " heads");
    if (layer.kv_heads % degree != 0 && degree % layer.kv_heads != 0) {
      return refuse(layer.kv_heads, " key-value heads, nor are they a multiple of them");
    }
    if (layer.tokens() % degree != 0) return refuse(layer.tokens(), " tokens");
    return std::nullopt;
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t own = layer.tokens() / graph.degree();
    const OpId first = move_state(graph, layer, CollectiveKind::all_gather, after);
    const SequenceLayer part = part_of(layer, graph.degree());
    const OpId kernel =
        graph.kernel("attention", graph.all(), attention_kernel(part, whole_row(part)));
    graph.depend(kernel, first);
    graph.end_round(kernel);
    graph.take(kernel, graph.labels().activations, layer.query(own) + layer.log_sum_exp(own));
    return move_state(graph, layer, CollectiveKind::reduce_scatter, kernel);
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t own = layer.tokens() / graph.degree();
    const auto& labels = graph.labels();
    const OpId first = move_state(graph, layer, CollectiveKind::all_gather, after);
    const SequenceLayer part = part_of(layer, graph.degree());
    const OpId kernel = graph.kernel("attention_backward", graph.all(),
                                     attention_backward_kernel(part, whole_row(part)));
    graph.depend(kernel, first);
    const Bytes taken = inputs(layer, graph.degree());
    graph.take(kernel, labels.buffers, taken);
    graph.free(kernel, labels.buffers, layer.query(own));
    graph.free(kernel, labels.activations, taken + layer.query(own) + layer.log_sum_exp(own));
    return move_state(graph, layer, CollectiveKind::reduce_scatter, kernel);
  }

  /// Of all tokens, of the heads that are the rank's.
  Bytes inputs(const SequenceLayer& layer, std::int64_t degree) const override {
    const SequenceLayer part = part_of(layer, degree);
    return part.query(layer.tokens()) + part.key_value(layer.tokens());
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return layer.query(layer.tokens()) * 2 * (degree - 1);
  }
  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_forward(layer, degree);
  }

  JsonValue resolved() const override { return json_string("megatron_sp"); }

 private:
  static SequenceLayer part_of(SequenceLayer layer, std::int64_t degree) {
    layer.heads /= degree;
    layer.kv_heads = layer.kv_heads < degree ? 1 : layer.kv_heads / degree;
    return layer;
  }

  /// The whole state is there while it is gathered, and mapped, or reduced: not during attention.
  static OpId move_state(SequenceGraph& graph, const SequenceLayer& layer, CollectiveKind kind,
                         OpId after) {
    if (graph.degree() == 1) return after;
    const Bytes state = layer.query(layer.tokens());
    const OpId op = graph.collective(std::string(to_string(kind)), kind, state);
    graph.depend(op, after);
    graph.take(op, graph.labels().buffers, state);
    graph.free(op, graph.labels().buffers, state);
    return op;
  }
};

}  // namespace

std::unique_ptr<SequenceMethod> make_megatron_sp(JsonCursor parameters) {
  parameters.has("kind");
  parameters.reject_unknown_keys();
  return std::make_unique<MegatronSp>();
}

}  // namespace orrery
