#include <algorithm>
#include <string>
#include <vector>

#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// Context parallelism of Llama 3 (Grattafiori et al. 2024, arXiv:2407.21783, §3.3.2), and the
/// standard layers of LASP-2H (Sun et al. 2025, arXiv:2502.07563, §3.5): keys and values of all
/// tokens are gathered on every rank, which attends with its own queries; backward they are
/// gathered again, and dK and dV are reduce-scattered. `gathers`: in so many parts of the key-value
/// heads, each beside the attention of the one before (heads_k_stride of
/// zhuzilin/ring-flash-attention, llama3_flash_attn_varlen.py); at most two are held at a time.
/// Reduce-scatters run beside the next part's attention; but for MergeKernels::fused it waits for
/// them, as that code does, which also copies each part out and back (recalled).
class AllGatherKv final : public SequenceMethod {
 public:
  explicit AllGatherKv(std::int64_t gathers) : gathers_(gathers) {}

  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    if (layer.kv_heads % gathers_ != 0) {
      return SequenceRefusal{"method", "all_gather_kv: " + std::to_string(gathers_) +
                                           " gathers do not divide " +
                                           std::to_string(layer.kv_heads) + " key-value heads"};
    }
    const auto why = layout_refusal(layer, degree);
    if (!why) return std::nullopt;
    return SequenceRefusal{"degree", *why};
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const Passed passed = pass(graph, layer, after, Way::forward);
    const std::int64_t own = layer.tokens() / graph.degree();
    graph.take(passed.first, graph.labels().activations, layer.query(own) + layer.log_sum_exp(own));
    return passed.last;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const Passed passed = pass(graph, layer, after, Way::backward);
    const std::int64_t own = layer.tokens() / graph.degree();
    const auto& labels = graph.labels();
    graph.take(passed.first, labels.buffers, layer.query(own) + layer.key_value(own));
    graph.free(passed.last, labels.buffers, layer.query(own));
    graph.free(passed.last, labels.activations,
               layer.query(own) * 2 + layer.key_value(own) + layer.log_sum_exp(own));
    return passed.last;
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return layer.key_value(layer.tokens()) * (degree - 1);
  }
  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return (layer.key_value(layer.tokens()) + layer.kv_gradient(layer.tokens())) * (degree - 1);
  }

  JsonValue resolved() const override {
    return json_object(
        {{"kind", json_string("all_gather_kv")}, {"gathers", json_integer(gathers_)}});
  }

 private:
  enum class Way : unsigned char { forward, backward };
  struct Passed {
    OpId first;
    OpId last;
  };

  Passed pass(SequenceGraph& graph, const SequenceLayer& layer, OpId after, Way way) const {
    const std::int64_t degree = graph.degree();
    const bool is_forward = way == Way::forward;
    const Bytes gathered = layer.key_value(layer.tokens()) / gathers_;
    const Bytes gradients = is_forward ? Bytes(0) : layer.kv_gradient(layer.tokens()) / gathers_;
    SequenceLayer part = layer;
    part.heads /= gathers_;
    part.kv_heads /= gathers_;
    const OpId first = graph.marker("begin");
    graph.depend(first, after);
    std::vector<std::vector<OpId>> kernels;
    OpId last;
    OpId next = gather(graph, layer, 0, {first});
    for (std::int64_t i = 0; i < gathers_; ++i) {
      const OpId here = next.valid() ? next : first;
      if (i + 1 < gathers_) {
        next = gather(graph, layer, i + 1, i == 0 ? std::vector<OpId>{first} : kernels.back());
      }
      kernels.emplace_back();
      for (const auto& [block, where] : alike<AttentionBlock>(
               degree, [&](std::int64_t q) { return block_of_row(layer, degree, q); })) {
        kernels.back().push_back(graph.kernel(
            named(is_forward ? "attention" : "attention_backward", i), where,
            is_forward ? attention_kernel(part, block) : attention_backward_kernel(part, block)));
        graph.depend(kernels.back().back(), here);
        if (layer.kernels != MergeKernels::fused) graph.depend(kernels.back().back(), last);
      }
      if (is_forward) graph.end_round(kernels.back().back());
      if (is_forward || degree == 1) continue;
      last = graph.collective(named("reduce_scatter dkv", i), CollectiveKind::reduce_scatter,
                              gradients);
      graph.depend(last, kernels.back());
      const auto placing = graph
                               .kernels(named("place dkv", i), graph.all(),
                                        copying_kernels(layer, gradients / degree))
                               .first;
      if (placing.valid()) graph.depend(placing, last);
    }
    if (is_forward && gathers_ > 1) {
      graph.kernels("join heads", graph.all(),
                    copying_kernels(layer, layer.query(layer.tokens() / degree)));
    }
    const OpId end = graph.marker("end");
    graph.depend(end, last);
    if (degree > 1) {
      const Bytes buffers = (gathered + gradients) * std::min<std::int64_t>(2, gathers_);
      graph.take(first, graph.labels().buffers, buffers);
      graph.free(end, graph.labels().buffers, buffers);
    }
    return {first, end};
  }

  /// None on one rank.
  OpId gather(SequenceGraph& graph, const SequenceLayer& layer, std::int64_t part,
              const std::vector<OpId>& after) const {
    if (graph.degree() == 1) return OpId();
    const auto [cutting, cut] = graph.kernels(
        named("cut kv", part), graph.all(),
        copying_kernels(layer, layer.key_value(layer.tokens() / graph.degree()) / gathers_));
    const OpId gathering =
        graph.collective(named("all_gather kv", part), CollectiveKind::all_gather,
                         layer.key_value(layer.tokens()) / gathers_);
    graph.depend(gathering, after);
    if (cut.valid()) {
      graph.depend(cutting, after);
      graph.depend(gathering, cut);
    }
    return gathering;
  }

  static std::string named(const char* what, std::int64_t part) {
    return std::string(what) + " " + std::to_string(part);
  }

  std::int64_t gathers_;
};

}  // namespace

std::unique_ptr<SequenceMethod> make_all_gather_kv(JsonCursor parameters) {
  parameters.has("kind");
  std::int64_t gathers = 1;
  if (JsonCursor parts = parameters.find("gathers"); parts.present()) {
    gathers = parts.as_count({.minimum = 1, .maximum = 1024});
  }
  parameters.reject_unknown_keys();
  return std::make_unique<AllGatherKv>(std::max<std::int64_t>(1, gathers));
}

}  // namespace orrery
