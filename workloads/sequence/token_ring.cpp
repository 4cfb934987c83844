#include <string>
#include <utility>
#include <vector>

#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// TokenRing (ACA-Lab-SJTU/token-ring, README and casual_test/): keys and values stay, queries go
/// around, and what a position gives for them returns straight to their owner.
///
///   round s      position r attends with the queries of r + s and meanwhile sends them to r - 1
///   round s + 1  its partial output and log-sum-exp go to r + s, which merges them behind its own
///                attention of that round; those of the last round in a round of their own, the
///                tail; those of round 0 are at home
///
///         queries  <-- <-- <--          of 4: rounds 0, 1 send queries, 2 both, 3 and the tail
///         outputs  --> ---> ---->       outputs
///
/// In a full mesh queries and outputs take links of their own, elsewhere they may share them. With
/// zigzag and a causal mask only the second half of queries that have passed position 0 is needed,
/// and no more of them and of their outputs travels.
///
/// Backward (ours; nothing is published): queries go around with the gradient of their output and
/// both statistics of their softmax, dQ returns, dK and dV stay.
class TokenRing final : public SequenceMethod {
 public:
  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    const auto why = layout_refusal(layer, degree);
    if (!why) return std::nullopt;
    return SequenceRefusal{"degree", *why};
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t own = layer.tokens() / graph.degree();
    const OpId first = go_around(graph, layer, after, Way::forward);
    const Bytes output = layer.query(own) + layer.log_sum_exp(own);
    graph.take(first, graph.labels().activations, output);
    if (graph.degree() == 1) return first;
    const OpId finish = graph.kernel("finish", graph.all(), finish_kernel(layer, own));
    // Queries in hand and those that come, outputs made here, that leave and that come.
    const Bytes buffers = layer.query(own) * 2 + output * 3 + accumulator(layer, own);
    graph.take(first, graph.labels().buffers, buffers);
    graph.free(finish, graph.labels().buffers, buffers);
    return finish;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t own = layer.tokens() / graph.degree();
    const auto& labels = graph.labels();
    const OpId first = go_around(graph, layer, after, Way::backward);
    OpId last = first;
    graph.take(first, labels.buffers, layer.query(own) + layer.key_value(own));
    if (graph.degree() > 1) {
      last = graph.kernel("finish", graph.all(), finish_kernel(layer, own));
      const Bytes buffers = around(layer, own, Way::backward) * 2 + layer.query(own) * 3 +
                            accumulator(layer, own) + layer.key_value(own) + layer.kv_gradient(own);
      graph.take(first, labels.buffers, buffers);
      graph.free(last, labels.buffers, buffers);
    }
    graph.free(last, labels.buffers, layer.query(own));
    graph.free(last, labels.activations,
               layer.query(own) * 2 + layer.key_value(own) + layer.log_sum_exp(own));
    return last;
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent(layer, degree, Way::forward);
  }
  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent(layer, degree, Way::backward);
  }

  JsonValue resolved() const override { return json_string("token_ring"); }

 private:
  enum class Way : unsigned char { forward, backward };
  static std::string named(const char* what, std::int64_t round) {
    return std::string(what) + " " + std::to_string(round);
  }
  static Bytes around(const SequenceLayer& layer, std::int64_t tokens, Way way) {
    if (way == Way::forward) return layer.query(tokens);
    return layer.query(tokens) * 2 + layer.log_sum_exp(tokens) * 2;
  }
  static Bytes back(const SequenceLayer& layer, std::int64_t tokens, Way way) {
    return way == Way::forward ? layer.query(tokens) + layer.log_sum_exp(tokens)
                               : layer.query(tokens);
  }

  /// Tokens of the owner's queries that a position attends with; fewer never come after more.
  static std::int64_t needed(const SequenceLayer& layer, std::int64_t degree, std::int64_t owner,
                             std::int64_t at) {
    return block_between(layer, degree, owner % degree, at % degree).queries;
  }

  static Bytes sent(const SequenceLayer& layer, std::int64_t degree, Way way) {
    Bytes sum;
    for (std::int64_t owner = 0; owner < degree; ++owner) {
      for (std::int64_t at = 0; at < degree; ++at) {
        const std::int64_t tokens = needed(layer, degree, owner, at);
        if (at != owner) sum += around(layer, tokens, way) + back(layer, tokens, way);
      }
    }
    return sum;
  }

  /// All that positions send in one lane in one round: one op for each size.
  template <class Tokens, class Size>
  static void send(SequenceGraph& graph, const std::string& label, Lane lane, std::int64_t hops,
                   Tokens tokens_at, Size size_of, std::vector<OpId>& sent) {
    std::vector<SequenceGraph::Message> messages;
    for (const auto& [tokens, where] : alike<std::int64_t>(graph.degree(), tokens_at)) {
      if (tokens > 0) messages.push_back({where, size_of(tokens)});
    }
    const std::vector<OpId> ops = graph.send(label, lane, messages, hops);
    sent.insert(sent.end(), ops.begin(), ops.end());
  }

  static OpId go_around(SequenceGraph& graph, const SequenceLayer& layer, OpId after, Way way) {
    const std::int64_t degree = graph.degree();
    std::vector<OpId> before = {after};  // messages of the round before
    std::vector<OpId> kernels;           // likewise
    OpId first;                          // the attention of round 0
    for (std::int64_t s = 0; s < degree + (degree > 1 ? 1 : 0); ++s) {
      std::vector<OpId> sent;
      if (s + 1 < degree) {
        send(
            graph, named("send q", s), Lane::around, degree - 1,
            [&](std::int64_t r) { return needed(layer, degree, r + s, r - 1 + degree); },
            [&](std::int64_t tokens) { return around(layer, tokens, way); }, sent);
      }
      const std::size_t queries = sent.size();
      if (s >= 2) {
        send(
            graph, named("send output", s - 1), Lane::back, s - 1,
            [&](std::int64_t r) { return needed(layer, degree, r + s - 1, r); },
            [&](std::int64_t tokens) { return back(layer, tokens, way); }, sent);
      }
      for (const OpId message : sent) {
        graph.depend(message, before);
        graph.depend(message, kernels);
      }
      kernels.clear();
      if (s < degree) attend(graph, layer, s, before, way, kernels);
      if (s == 0) first = kernels.front();
      if (s >= 2) {
        take_in(graph, layer, s - 1,
                {sent.begin() + static_cast<std::ptrdiff_t>(queries), sent.end()}, way, kernels);
      }
      before = std::move(sent);
    }
    return first;
  }

  static void attend(SequenceGraph& graph, const SequenceLayer& layer, std::int64_t round,
                     const std::vector<OpId>& before, Way way, std::vector<OpId>& kernels) {
    const std::int64_t degree = graph.degree();
    const auto block_at = [&](std::int64_t r) {
      return block_between(layer, degree, (r + round) % degree, r);
    };
    for (const auto& [block, where] : alike<AttentionBlock>(degree, block_at)) {
      if (block.queries == 0) continue;
      const bool is_forward = way == Way::forward;
      kernels.push_back(graph.kernel(
          named(is_forward ? "attention" : "attention_backward", round), where,
          is_forward ? attention_kernel(layer, block) : attention_backward_kernel(layer, block)));
      graph.depend(kernels.back(), before);
      if (is_forward) graph.end_round(kernels.back());
      if (is_forward || round == 0) continue;
      kernels.push_back(graph.kernel(named("accumulate dkv", round), where,
                                     accumulate_kernel(layer, 0, block.keys)));
    }
  }

  static AttentionBlock block_of(const SequenceLayer& layer, std::int64_t degree,
                                 std::int64_t tokens) {
    return {.queries = tokens, .part = tokens < layer.tokens() / degree};
  }

  /// What others gave for the own queries in a round.
  static void take_in(SequenceGraph& graph, const SequenceLayer& layer, std::int64_t round,
                      const std::vector<OpId>& outputs, Way way, std::vector<OpId>& kernels) {
    const std::int64_t degree = graph.degree();
    const auto tokens_at = [&](std::int64_t owner) {
      return needed(layer, degree, owner, owner - round + degree);
    };
    for (const auto& [tokens, where] : alike<std::int64_t>(degree, tokens_at)) {
      if (tokens == 0) continue;
      const auto [first, last] =
          graph.kernels(named("merge", round), where,
                        way == Way::forward ? merge_kernels(layer, block_of(layer, degree, tokens))
                                            : std::vector{accumulate_kernel(layer, tokens, 0)});
      graph.depend(first, outputs);
      kernels.push_back(last);
    }
  }
};

}  // namespace

std::unique_ptr<SequenceMethod> make_token_ring(JsonCursor parameters) {
  parameters.has("kind");
  parameters.reject_unknown_keys();
  return std::make_unique<TokenRing>();
}

}  // namespace orrery
