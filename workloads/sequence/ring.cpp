#include <string>
#include <utility>
#include <vector>

#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// Ring Attention (Liu, Zaharia and Abbeel 2023, arXiv:2310.01889, §3): queries stay, blocks of
/// keys and values go around.
///
///   round s     position r attends to the block of r - s, and meanwhile sends it to r + 1 and gets
///               that of the next round; rounds 1 … P-1 merge what they give into the output
///   backward    the same, and the sum of a block's dK and dV follows it one round behind, from the
///               position after its owner on, until it is home after P - 1 hops; there what the
///               owner itself gave is added (zhuzilin/ring-flash-attention, ring_flash_attn.py,
///               sends that too, in P hops)
///
/// A round's messages begin when all of the round before is done, as that code waits for them. With
/// layout contiguous and a causal mask positions skip the blocks of those behind them, and wait.
/// One rank alone sums nothing, unless it is told to (LoneRank::sums) and PyTorch's operations are
/// asked for (MergeKernels). Leaves out: messages of half a block where zigzag needs no more;
/// slices in the backward pass.
class Ring final : public SequenceMethod {
 public:
  explicit Ring(LoneRank lone) : lone_(lone) {}

  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    const auto why = layout_refusal(layer, degree);
    if (!why) return std::nullopt;
    return SequenceRefusal{"degree", *why};
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t degree = graph.degree();
    const std::int64_t own = layer.tokens() / degree;
    OpId received = after;
    const bool sums = sums_of(layer, degree);
    std::vector<OpId> kernels;
    OpId first;
    for (std::int64_t s = 0; s < degree; ++s) {
      const OpId sent = send_block(graph, layer, s, received, kernels);
      kernels.clear();
      for (const auto& [block, where] : blocks(graph, layer, s)) {
        if (block.queries == 0) continue;
        std::vector<Kernel> work = before_attention(layer, block, own, s, SequencePass::forward);
        work.push_back(attention_kernel(layer, block));
        const auto [begun, attended] = graph.kernels(named("attention", s), where, std::move(work),
                                                     s > 0 ? slices_of(layer, block) : 0);
        graph.depend(begun, received);
        graph.end_round(attended);
        kernels.push_back(attended);
        if (s == 0) first = begun;
        const OpId merged = graph
                                .kernels(named("merge", s), where,
                                         s > 0 ? merge_kernels(layer, block)
                                               : beginning_kernels(layer, sums ? own : 0, 0))
                                .second;
        if (merged.valid()) kernels.push_back(merged);
      }
      received = sent.valid() ? sent : received;
    }
    const Bytes output = layer.query(own) + layer.log_sum_exp(own);
    graph.take(first, graph.labels().activations, output);
    if (!sums) return first;
    const Bytes buffers =
        layer.key_value(own) * (degree > 1 ? 2 : 0) + accumulator(layer, own) + output;
    const OpId finish = graph.kernel("finish", graph.all(), finish_kernel(layer, own));
    graph.depend(finish, received);
    graph.take(first, graph.labels().buffers, buffers);
    graph.free(finish, graph.labels().buffers, buffers);
    return finish;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const std::int64_t degree = graph.degree();
    const std::int64_t own = layer.tokens() / degree;
    OpId received = after;
    OpId returned;  // the message that brought a block's dK and dV so far
    std::vector<OpId> kernels;
    OpId first;
    for (std::int64_t s = 0; s < degree; ++s) {
      const OpId sent = send_block(graph, layer, s, received, kernels);
      kernels.clear();
      for (const auto& [block, where] : blocks(graph, layer, s)) {
        if (block.queries == 0) continue;
        std::vector<Kernel> work = before_attention(layer, block, own, s, SequencePass::backward);
        work.push_back(attention_backward_kernel(layer, block));
        const auto [begun, attended] =
            graph.kernels(named("attention_backward", s), where, std::move(work));
        graph.depend(begun, received);
        kernels.push_back(attended);
        if (s == 0) first = begun;
        const std::int64_t all = sums_of(layer, degree) ? own : 0;
        const auto [summing, summed] =
            graph.kernels(named("accumulate", s), where,
                          s > 0 ? accumulate_kernels(layer, block, own, s > 1 ? block.keys : 0)
                                : beginning_kernels(layer, all, all));
        if (!summed.valid()) continue;
        graph.depend(summing, returned);
        kernels.push_back(summed);
      }
      if (s > 0) {
        const OpId gradient =
            graph.send(named("send dkv", s), Lane::back, graph.all(), 1, layer.kv_gradient(own));
        graph.depend(gradient, returned);
        graph.depend(gradient, kernels);
        returned = gradient;
      }
      received = sent.valid() ? sent : received;
    }
    return end_backward(graph, layer, first, returned);
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return layer.key_value(layer.tokens() / degree) * degree * (degree - 1);
  }

  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_forward(layer, degree) +
           layer.kv_gradient(layer.tokens() / degree) * degree * (degree - 1);
  }

  JsonValue resolved() const override { return json_string("ring"); }

 private:
  bool sums_of(const SequenceLayer& layer, std::int64_t degree) const {
    return degree > 1 || (lone_ == LoneRank::sums && layer.kernels != MergeKernels::fused);
  }

  static std::string named(const char* what, std::int64_t round) {
    return std::string(what) + " " + std::to_string(round);
  }

  static std::vector<Kernel> before_attention(const SequenceLayer& layer,
                                              const AttentionBlock& block, std::int64_t own,
                                              std::int64_t round, SequencePass pass) {
    return round == 0 && own < layer.tokens() ? halving_kernels(layer, own, pass)
                                              : selecting_kernels(layer, block, own);
  }

  static std::vector<std::pair<AttentionBlock, Places>> blocks(const SequenceGraph& graph,
                                                               const SequenceLayer& layer,
                                                               std::int64_t round) {
    const std::int64_t degree = graph.degree();
    return alike<AttentionBlock>(degree, [&](std::int64_t q) {
      return block_between(layer, degree, q, (q - round + degree) % degree);
    });
  }

  /// None in the last round.
  static OpId send_block(SequenceGraph& graph, const SequenceLayer& layer, std::int64_t round,
                         OpId received, const std::vector<OpId>& kernels) {
    if (round + 1 == graph.degree()) return OpId();
    const OpId sent = graph.send(named("send kv", round), Lane::around, graph.all(), 1,
                                 layer.key_value(layer.tokens() / graph.degree()));
    graph.depend(sent, received);
    graph.depend(sent, kernels);
    return sent;
  }

  OpId end_backward(SequenceGraph& graph, const SequenceLayer& layer, OpId first,
                    OpId returned) const {
    const std::int64_t own = layer.tokens() / graph.degree();
    const auto& labels = graph.labels();
    const Bytes gradients = layer.query(own) + layer.key_value(own);
    OpId last = first;
    graph.take(first, labels.buffers, gradients);
    if (sums_of(layer, graph.degree())) {
      Bytes buffers = accumulator(layer, own) + gradients + layer.kv_gradient(own);
      if (graph.degree() > 1) {
        const OpId home =
            graph.kernel("accumulate own", graph.all(), accumulate_kernel(layer, 0, own));
        graph.depend(home, returned);
        buffers = buffers + layer.key_value(own) * 2 + layer.kv_gradient(own) * 2;
      }
      last = graph.kernel("finish", graph.all(), finish_kernel(layer, own));
      graph.take(first, labels.buffers, buffers);
      graph.free(last, labels.buffers, buffers);
    }
    graph.free(last, labels.buffers, layer.query(own));
    graph.free(last, labels.activations,
               layer.query(own) * 2 + layer.key_value(own) + layer.log_sum_exp(own));
    return last;
  }

  LoneRank lone_;
};

}  // namespace

std::unique_ptr<SequenceMethod> make_ring(JsonCursor parameters) {
  parameters.has("kind");
  parameters.reject_unknown_keys();
  return make_ring(LoneRank::attends);
}

std::unique_ptr<SequenceMethod> make_ring(LoneRank lone) {
  return std::make_unique<Ring>(lone);
}

}  // namespace orrery
