#include <string>
#include <utility>
#include <vector>

#include "workloads/kernel_forms.hpp"
#include "workloads/linear_attention.hpp"
#include "workloads/sequence/builtin.hpp"

namespace orrery {
namespace {

/// LASP (Sun et al. 2024, arXiv:2404.02882, §2.3, Algorithms 2 and 3): the state goes through the
/// ranks one after another, P-1 messages of heads d^2 elements that wait for each other, forward
/// from the first rank to the last, backward the other way.
///
///   overlapped    all      intra, as if nothing came before
///                 rank r   [receive]  update  [send]  apply      update: M + K^T V, on the
///                                                                chain's way
///   synchronous   rank r   [receive]  attention  [send]          output and new state by one
///                                                                kernel, as the released code has
///                                                                it (OpenNLPLab/LASP)
///
/// Backward the update is dM + Q^T dO. The sum of what comes before stays for the backward pass.
/// Leaves out: that the released code waits on the host for its message.
class Lasp final : public SequenceMethod {
 public:
  explicit Lasp(bool overlapped) : overlapped_(overlapped) {}

  bool is_linear() const override { return true; }

  std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                         std::int64_t degree) const override {
    if (layer.mask == AttentionMask::full) {
      return SequenceRefusal{"mask",
                             "lasp's state has seen what comes before alone, mask "
                             "\"causal\""};
    }
    return linear_refusal("lasp", layer, degree);
  }

  OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const LinearCore core = linear_core(layer, graph.degree());
    const Chain chain = pass(graph, layer, after,
                             {.hop = 1,
                              .lane = Lane::around,
                              .intra = linear_forward(core),
                              .update = linear_state(core),
                              .apply = linear_apply(core),
                              .suffix = ""});
    graph.end_round(chain.first);
    graph.take(chain.first, graph.labels().activations, saved(layer, graph.degree()));
    return chain.last;
  }

  OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const override {
    const LinearCore core = linear_core(layer, graph.degree());
    const auto& labels = graph.labels();
    const Chain chain = pass(graph, layer, after,
                             {.hop = graph.degree() - 1,
                              .lane = Lane::back,
                              .intra = linear_backward(core),
                              .update = linear_state_gradient(core),
                              .apply = linear_apply_backward(core),
                              .suffix = "_backward"});
    graph.take(chain.first, labels.buffers, core.query() + core.key_value());
    graph.free(chain.last, labels.buffers, core.output());
    graph.free(chain.last, labels.activations,
               core.query() + core.key_value() + saved(layer, graph.degree()));
    return chain.last;
  }

  Bytes saved(const SequenceLayer& layer, std::int64_t degree) const override {
    const LinearCore core = linear_core(layer, degree);
    return core.output() + core.state();
  }

  Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const override {
    return linear_core(layer, degree).state() * (degree - 1);
  }
  Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const override {
    return sent_forward(layer, degree);
  }

  JsonValue resolved() const override {
    if (overlapped_) return json_string("lasp");
    return json_object({{"kind", json_string("lasp")}, {"overlapped", json_boolean(false)}});
  }

 private:
  struct Work {
    std::int64_t hop = 1;  // to the next rank of the chain
    Lane lane = Lane::around;
    Kernel intra;
    Kernel update;
    Kernel apply;
    std::string suffix;
  };
  struct Chain {
    OpId first;
    OpId last;
  };

  /// Ranks in the order of the chain. The last one's state goes nowhere, but is made.
  Chain pass(SequenceGraph& graph, const SequenceLayer& layer, OpId after, Work work) const {
    const std::int64_t degree = graph.degree();
    const Bytes state = linear_core(layer, degree).state();
    if (!overlapped_) {
      const Bytes made = work.update.written;
      work.update = work.intra;
      work.update.written += made;
    }
    for (Kernel* kernel : {&work.intra, &work.update, &work.apply}) kernel->host = layer.host;
    work.update.read += state;
    const std::string chain = (overlapped_ ? "update" : "attention") + work.suffix;
    const OpId first = overlapped_ ? graph.kernel("intra" + work.suffix, graph.all(), work.intra)
                                   : graph.marker("start" + work.suffix);
    graph.depend(first, after);
    OpId received;
    for (std::int64_t step = 0; step < degree; ++step) {
      const bool forward = work.lane == Lane::around;
      const Places where = {forward ? step : degree - 1 - step};
      const std::string number = " " + std::to_string(step);
      const OpId update = graph.kernel(chain + number, where, work.update);
      graph.depend(update, received);
      const OpId before = received;
      if (step + 1 < degree) {
        received =
            graph.send("send state" + work.suffix + number, work.lane, where, work.hop, state);
        graph.depend(received, update, Side::source);
      }
      if (step == 0 || !overlapped_) continue;
      const OpId apply = graph.kernel("apply" + work.suffix + number, where, work.apply);
      graph.depend(apply, before);
    }
    const OpId last = graph.marker("end" + work.suffix);
    graph.take(first, graph.labels().buffers, state * 2);  // what comes and what goes
    graph.free(last, graph.labels().buffers, state * 2);
    return {first, last};
  }

  bool overlapped_;
};

}  // namespace

std::unique_ptr<SequenceMethod> make_lasp(JsonCursor parameters) {
  parameters.has("kind");
  JsonCursor overlapped = parameters.find("overlapped");
  const bool value = !overlapped.present() || overlapped.as_boolean();
  parameters.reject_unknown_keys();
  return std::make_unique<Lasp>(value);
}

}  // namespace orrery
