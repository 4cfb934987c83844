#include "workloads/inference_graph.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "workloads/inference_layer.hpp"
#include "workloads/inference_steps.hpp"
#include "workloads/linear_attention.hpp"

namespace orrery {
namespace {

using inference::add_crossing;
using inference::add_shared;
using inference::Phase;
using inference::PreparedStep;
using inference::PreparedSteps;
using inference::Stage;

constexpr Bytes kTokenId{4};  // int32

class InferenceGraphBuilder {
 public:
  explicit InferenceGraphBuilder(const InferenceSettings& settings)
      : settings_(settings),
        network_(settings.network),
        graph_(
            static_cast<Rank>(settings.grid.tensor * settings.grid.data * settings.grid.pipeline)),
        compute_(graph_.stream("compute")),
        tensor_(graph_.stream("tensor")),
        buffers_(graph_.label("buffers")),
        kv_cache_(graph_.label("kv_cache")),
        states_(graph_.label("states")) {}

  InferenceGraph build() {
    for (std::int64_t s = 0; s < settings_.grid.pipeline; ++s) {
      add_stage(s);
    }
    const std::int64_t own = settings_.input_length / settings_.form.sequence;
    Phase phase = prepare("prefill", {settings_.sequences(), own, 0});
    const OpId first_tokens = run(phase, 0);
    OpId last_tokens = first_tokens;
    for (std::int64_t step = 1; step <= settings_.decode_steps(); ++step) {
      const InferencePass pass = {settings_.sequences(), 1, settings_.input_length + step - 1};
      if (step == 1) {
        phase = prepare("decode", pass);
      } else {
        advance(phase, pass);
      }
      last_tokens = run(phase, step);
    }
    return {std::move(graph_), first_tokens, last_tokens, kv_cache_};
  }

 private:
  void add_stage(std::int64_t index) {
    Stage stage;
    stage.index = index;
    stage.ranks = graph_.rank_set(settings_.grid.tensor_groups(index));
    stage.first = index == 0;
    stage.last = index == settings_.grid.pipeline - 1;
    const StageParts parts = {.layers = settings_.layers(),
                              .linear_layers = settings_.linear_layers(),
                              .embedding = stage.first,
                              .head = stage.last,
                              .head_holds_weights = !network_.tied_embeddings || !stage.first};
    graph_.add_static_memory(stage.ranks, graph_.label("weights"),
                             inference_weights(network_, settings_.form, parts));
    stages_.push_back(stage);
  }

  /// The residual stream, and outputs of blocks that are not added yet.
  std::int64_t states_between_layers() const {
    return settings_.form.architecture == Architecture::ladder ? 3 : 2;
  }

  /// Of a kernel that is not the first of its pass.
  Duration host_time(const std::string& phase) const {
    const bool in_graph = phase == "decode" && settings_.launch == Launch::graph;
    return in_graph ? Duration(0) : settings_.host_launch;
  }

  KernelId add_kernel(Kernel kernel, Duration host) {
    kernel.host = host;
    return graph_.kernel(std::move(kernel));
  }

  Phase prepare(const std::string& name, const InferencePass& pass) {
    const InferenceForm& form = settings_.form;
    Phase phase;
    phase.embedding = prepare(name, inference_embedding(network_, form, pass), kv_cache_);
    const Steps layer = inference_layer(network_, form, pass);
    while (form.sequence == 1 && !layer[phase.attention].kernel.kind.starts_with("attention")) {
      ++phase.attention;
    }
    phase.layer = prepare(name, layer, kv_cache_);
    if (settings_.linear_layers() > 0) {
      phase.linear_layer =
          prepare(name, inference_layer(network_.of_layer(true), form, pass), states_);
    }
    phase.head = prepare(name, inference_head(network_, form, pass), kv_cache_);
    phase.state = pass_state(network_, form, pass);
    return phase;
  }

  /// A step of decode further: attention has another length, and the cache may be full.
  void advance(Phase& phase, const InferencePass& pass) {
    const Steps layer = inference_layer(network_, settings_.form, pass);
    phase.layer[phase.attention].op.kernel =
        add_kernel(layer[phase.attention].kernel, host_time("decode"));
    for (std::size_t i = 0; i < layer.size(); ++i) {
      phase.layer[i].memory = layer[i].memory;
    }
  }

  PreparedSteps prepare(const std::string& phase, const Steps& steps, LabelId saved_as) {
    PreparedSteps result;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      PreparedStep prepared = {.op = {},
                               .started = {},
                               .memory = step.memory,
                               .saved_as = saved_as,
                               .posts = step.posts,
                               .waits_for = step.waits_for,
                               .shared = step.shared.has_value(),
                               .of_linear_layer = step.of_linear_layer};
      Op& op = prepared.op;
      op.label = graph_.label(phase + "." + step.label);
      if (step.shared) {
        op.category = graph_.label(phase);
      } else if (step.collective) {
        op.kind = OpKind::collective;
        op.collective = *step.collective;
        if (i > 0 && steps[i - 1].blocks > 0) {  // what is left of an all-reduce
          op.collective = CollectiveKind::all_gather;
          op.label = graph_.label(phase + "." + steps[i - 1].label + ".all_gather");
        }
        op.stream = tensor_;
        op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
        op.category = graph_.label("tensor_parallel");
        op.bytes = step.bytes;
      } else {
        op.kind = OpKind::compute;
        op.stream = compute_;
        op.category = graph_.label(phase);
        op.kernel = add_kernel(step.kernel, host_time(phase));
        const bool starts = result.empty() && host_time(phase) != settings_.host_launch;
        prepared.started = starts ? add_kernel(step.kernel, settings_.host_launch) : op.kernel;
        if (step.blocks > 0) prepared.staged = stage_product(phase, step, steps[i + 1]);
      }
      result.push_back(std::move(prepared));
    }
    return result;
  }

  std::shared_ptr<StagedProduct> stage_product(const std::string& phase, const Step& product,
                                               const Step& reduction) {
    StagedProduct::Plan plan =
        staged_plan(product, reduction, settings_.grid.tensor, phase + "." + product.label);
    plan.kernel.host = host_time(phase);
    plan.product = graph_.label(phase);
    plan.reduction = graph_.label("tensor_parallel");
    return std::make_shared<StagedProduct>(graph_, std::move(plan));
  }

  /// All micro-batches through all stages; returns what makes the tokens of the last one.
  OpId run(const Phase& phase, std::int64_t step) {
    arrived_.resize(static_cast<std::size_t>(settings_.micro_batches));
    const bool ends = step == settings_.decode_steps();
    for (OpId& arrived : arrived_) {
      for (std::size_t s = 0; s < stages_.size(); ++s) {
        Stage& stage = stages_[s];
        run_pass(stage, phase, arrived, ends);
        if (!stage.last) {
          arrived = send("pipeline", stage, stages_[s + 1], phase.state * 2);
        } else if (!stage.first && !ends) {
          arrived = send("token", stage, stages_.front(), kTokenId * settings_.sequences());
        } else {
          arrived = OpId();
        }
      }
    }
    return stages_.back().last_op;
  }

  void run_pass(Stage& stage, const Phase& phase, OpId arrived, bool ends) {
    bool first = true;
    const auto add_all = [&](const PreparedSteps& steps) {
      for (const PreparedStep& step : steps) {
        const OpId op = add_step(stage, step, first);
        if (first) {
          graph_.take_memory(op, buffers_, phase.state * states_between_layers());
          if (arrived.valid()) {
            graph_.depend(op, arrived);
          }
        }
        first = false;
      }
    };
    if (stage.first) {
      add_all(phase.embedding);
    }
    for (std::int64_t layer = 0; layer < settings_.layers(); ++layer) {
      add_all(network_.is_linear(layer) ? phase.linear_layer : phase.layer);
    }
    if (stage.last) {
      add_all(phase.head);
    }
    graph_.free_memory(stage.last_op, buffers_, phase.state * (stage.last ? 1 : 2));
    if (ends) {
      graph_.free_memory(
          stage.last_op, kv_cache_,
          settings_.kv_bytes_per_token() * settings_.sequences() * settings_.cached_tokens());
      const LinearCore core = linear_core(
          network_, {.micro_batch = settings_.sequences(), .tensor = settings_.grid.tensor});
      graph_.free_memory(stage.last_op, states_, recurrent_state(core) * settings_.linear_layers());
    }
  }

  OpId add_step(Stage& stage, const PreparedStep& step, bool first) {
    Op op = step.op;
    op.ranks = stage.ranks;
    op.kernel = first ? step.started : op.kernel;
    if (step.staged) step.staged->add_kernels(stage.ranks);
    const bool follows =
        !step.shared && stage.last_op.valid() && graph_.op(stage.last_op).stream != op.stream;
    std::vector<OpId> others;  // on another stream
    if (follows) others.push_back(stage.last_op);
    for (const Block block : step.waits_for) {
      const OpId posted = stage.posted[static_cast<std::size_t>(block)];
      if (posted.valid()) others.push_back(posted);
    }
    if (!others.empty() && settings_.stream_crossing > Duration(0)) {
      others = {add_crossing(graph_, op, settings_.stream_crossing, others)};
    }
    const OpId id = step.shared   ? add_shared(graph_, settings_, stage, step, compute_, buffers_)
                    : step.staged ? step.staged->first()
                                  : graph_.add(op);
    const OpId end = step.staged ? step.staged->last() : id;
    for (const OpId other : others) graph_.depend(id, other);
    graph_.take_memory(id, step.saved_as, step.memory.saved);
    if (!step.shared) graph_.take_memory(id, buffers_, step.memory.buffer);
    graph_.free_memory(end, buffers_, step.memory.unbuffer);
    for (const OpId trigger : std::exchange(stage.scattered, {})) graph_.depend(id, trigger);
    if (step.staged) stage.scattered = step.staged->add_ring();
    (step.posts ? stage.posted[static_cast<std::size_t>(*step.posts)] : stage.last_op) = end;
    return id;
  }

  OpId send(const std::string& what, const Stage& from, const Stage& to, Bytes bytes) {
    Op op;
    op.kind = OpKind::transfer;
    op.stream = graph_.stream(what + "_send");
    op.peer_stream = graph_.stream(what + "_receive");
    op.ranks = from.ranks;
    op.peers = to.ranks;
    op.label = graph_.label(what);
    op.category = graph_.label("pipeline_parallel");
    op.bytes = bytes;
    const OpId id = graph_.add(op);
    graph_.depend(id, from.last_op, Side::source);
    graph_.take_memory(id, buffers_, bytes);
    graph_.free_memory(id, buffers_, bytes);
    return id;
  }

  const InferenceSettings& settings_;
  const NetworkShape& network_;
  TaskGraph graph_;
  StreamId compute_;
  StreamId tensor_;
  LabelId buffers_;
  LabelId kv_cache_;
  LabelId states_;
  std::vector<Stage> stages_;
  std::vector<OpId> arrived_;  // by micro-batch: the transfer that its next pass waits for
};

}  // namespace

InferenceGraph inference_graph(const InferenceSettings& settings) {
  return InferenceGraphBuilder(settings).build();
}

}  // namespace orrery
