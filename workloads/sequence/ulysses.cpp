#include <string>
#include <utility>

#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// DeepSpeed-Ulysses (Jacobs et al. 2023, arXiv:2309.14509, §3.1): all-to-alls bring all tokens of
/// some heads to each rank, attention runs on whole sequences, an all-to-all brings the output back
/// to the owners of the tokens; backward the mirror of it. USP (Fang and Zhao 2024,
/// arXiv:2405.07719, §3) does so among neighbours, and has a ring in place of the attention on one
/// rank among those of the same heads; with one neighbour only, each rank exchanges with itself,
/// and a ring of one begins and ends as others do, as feifeibear/long-context-attention did
/// (comm/all_to_all.py, hybrid/attn_layer.py, recalled).
///
///   q, k, v     three all-to-alls, one behind the other, nothing beside them
///   attention   of heads/U query heads and kv_heads/U key-value heads, by the inner method
///   out         one all-to-all; attention's own output stays for the backward pass
///
/// Leaves out: packing and unpacking around the all-to-alls, key-value heads that several ranks
/// would hold together.
class Ulysses final : public SequenceMethod {
 public:
  /// `ranks` 0: all of the group.
  Ulysses(std::int64_t ranks, std::unique_ptr<SequenceMethod> inner)
      : ranks_(ranks), inner_(std::move(inner)) {}

  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    const std::int64_t ranks = ranks_of(degree);
    if (degree % ranks != 0) {
      return SequenceRefusal{"method", "usp: " + std::to_string(ranks) +
                                           " ranks of Ulysses do not divide a degree of " +
                                           std::to_string(degree)};
    }
    if (layer.kv_heads % ranks != 0) {
      return SequenceRefusal{ranks_ == 0 ? "degree" : "method",
                             "Ulysses divides heads: " + std::to_string(ranks) +
                                 " ranks do not divide " + std::to_string(layer.kv_heads) +
                                 " key-value heads, which are also the most that it can use"};
    }
    if (layer.tokens() % degree != 0) {
      return SequenceRefusal{"degree", std::to_string(degree) + " ranks do not divide " +
                                           std::to_string(layer.tokens()) + " tokens"};
    }
    return inner_->refusal(inner_layer(layer, degree), degree / ranks);
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    if (!exchanges(graph.degree())) return inner_->forward(graph, layer, after);
    const auto& labels = graph.labels();
    const Bytes query = layer.query(layer.tokens() / graph.degree());
    const OpId heads = exchange_qkv(graph, layer, "all_to_all ", after);
    SequenceGraph inner = inner_graph(graph);
    const OpId attended = inner_->forward(inner, inner_layer(layer, graph.degree()), heads);
    for (const OpId round : inner.rounds()) graph.end_round(round);
    const OpId output = exchange(graph, "all_to_all out", query);
    graph.depend(output, attended);
    graph.take(output, labels.activations, query);
    return output;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    if (!exchanges(graph.degree())) return inner_->backward(graph, layer, after);
    const auto& labels = graph.labels();
    const Bytes query = layer.query(layer.tokens() / graph.degree());
    const OpId heads = exchange(graph, "all_to_all dout", query);
    graph.depend(heads, after);
    graph.take(heads, labels.buffers, query);
    graph.free(heads, labels.buffers, query);
    graph.free(heads, labels.activations, query);  // the output by tokens
    SequenceGraph inner = inner_graph(graph);
    const OpId attended = inner_->backward(inner, inner_layer(layer, graph.degree()), heads);
    return exchange_qkv(graph, layer, "all_to_all d", attended);
  }

  Bytes saved(const SequenceLayer& layer, std::int64_t degree) const override {
    const std::int64_t ranks = ranks_of(degree);
    return inner_->saved(inner_layer(layer, degree), degree / ranks) +
           (exchanges(degree) ? layer.query(layer.tokens() / degree) : Bytes(0));
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_by_exchanges(layer, degree) +
           inner_->sent_forward(inner_layer(layer, degree), degree / ranks_of(degree)) *
               ranks_of(degree);
  }

  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_by_exchanges(layer, degree) +
           inner_->sent_backward(inner_layer(layer, degree), degree / ranks_of(degree)) *
               ranks_of(degree);
  }

  JsonValue resolved() const override {
    if (ranks_ == 0) return json_string("ulysses");
    return json_object({{"kind", json_string("usp")}, {"ulysses", json_integer(ranks_)}});
  }

 private:
  std::int64_t ranks_of(std::int64_t degree) const { return ranks_ == 0 ? degree : ranks_; }
  /// USP does so even with itself alone.
  bool exchanges(std::int64_t degree) const { return ranks_ > 0 || degree > 1; }

  SequenceLayer inner_layer(SequenceLayer layer, std::int64_t degree) const {
    layer.heads /= ranks_of(degree);
    layer.kv_heads /= ranks_of(degree);
    return layer;
  }

  SequenceGraph inner_graph(const SequenceGraph& graph) const {
    return graph.apart(ranks_of(graph.degree()));
  }

  /// 2 (H + H_kv) d tokens/P elements of every rank, all but the part that it keeps.
  Bytes sent_by_exchanges(const SequenceLayer& layer, std::int64_t degree) const {
    const std::int64_t ranks = ranks_of(degree);
    const std::int64_t own = layer.tokens() / degree;
    return (layer.query(own) * 2 + layer.key_value(own)) * (ranks - 1) * (degree / ranks);
  }

  OpId exchange(SequenceGraph& graph, const std::string& label, Bytes bytes) const {
    SequenceGraph groups = graph.neighbours(ranks_of(graph.degree()));
    return groups.collective(label, CollectiveKind::all_to_all, bytes);
  }

  /// What comes is as large as what goes, which is given back.
  OpId exchange_qkv(SequenceGraph& graph, const SequenceLayer& layer, const std::string& label,
                    OpId after) const {
    const std::int64_t own = layer.tokens() / graph.degree();
    OpId last;
    for (const char* tensor : {"q", "k", "v"}) {
      const Bytes bytes = *tensor == 'q' ? layer.query(own) : layer.key_value(own) / 2;
      last = exchange(graph, label + tensor, bytes);
      graph.depend(last, after);
      graph.take(last, graph.labels().buffers, bytes);
      graph.free(last, graph.labels().buffers, bytes);
    }
    return last;
  }

  std::int64_t ranks_;
  std::unique_ptr<SequenceMethod> inner_;
};

}  // namespace

std::unique_ptr<SequenceMethod> make_ulysses(JsonCursor parameters) {
  parameters.has("kind");
  parameters.reject_unknown_keys();
  return std::make_unique<Ulysses>(0, make_ring(LoneRank::attends));
}

std::unique_ptr<SequenceMethod> make_usp(JsonCursor parameters) {
  parameters.has("kind");
  const std::int64_t ranks = parameters.at("ulysses").as_count({.minimum = 1});
  parameters.reject_unknown_keys();
  return std::make_unique<Ulysses>(ranks, make_ring(LoneRank::sums));
}

}  // namespace orrery
