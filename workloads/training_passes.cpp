#include <algorithm>

#include "workloads/attended_pairs.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/recomputation.hpp"
#include "workloads/training_graph_builder.hpp"

namespace orrery {
namespace {

bool halves_backward(const PipelineSchedule& schedule) {
  return std::ranges::any_of(schedule.order, [](const auto& order) {
    return std::ranges::any_of(
        order, [](const PipelineSlot& slot) { return slot.pass == Pass::weight_gradient; });
  });
}

}  // namespace

PreparedSteps TrainingGraphBuilder::prepare(const Steps& steps, const std::string& pass) {
  PreparedSteps result;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    PreparedStep prepared = {.op = {},
                             .memory = step.memory,
                             .gradients = step.gradients,
                             .after = step.after,
                             .posts = step.posts,
                             .waits_for = step.waits_for,
                             .staged = {},
                             .is_triggered = i > 0 && steps[i - 1].blocks > 0,
                             .by_content = {},
                             .shared = step.shared,
                             .of_linear_layer = step.of_linear_layer};
    Op& op = prepared.op;
    op.label = graph_.label(pass + "." + step.label);
    if (step.shared) {
      op.category = graph_.label(pass);
    } else if (step.collective) {
      op.kind = OpKind::collective;
      op.collective = *step.collective;
      op.stream = tensor_;
      op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
      if (prepared.is_triggered && op.collective == CollectiveKind::all_reduce) {
        op.label = graph_.label(pass + "." + steps[i - 1].label + ".all_gather");
      }
      op.category = tensor_category_;
      op.bytes = step.bytes;
    } else {
      op.kind = OpKind::compute;
      op.stream = compute_;
      op.category = graph_.label(pass);
      Kernel kernel = step.kernel;
      kernel.host = settings_.host.kernel;
      op.kernel = graph_.kernel(std::move(kernel));
      if (step.blocks > 0) prepared.staged = stage_product(step, steps[i + 1], pass);
      if (step.kernel.kind.starts_with("attention") && !settings_.division.documents.empty()) {
        prepared.by_content = kernels_by_content(step.kernel);
      }
    }
    result.push_back(std::move(prepared));
  }
  return result;
}

/// The work of attention is proportional to the pairs of tokens, of which `kernel` has those of
/// whole rows.
std::vector<KernelId> TrainingGraphBuilder::kernels_by_content(const Kernel& kernel) {
  const std::int64_t whole = twice_causal_pairs(settings_.network, settings_.division);
  const Flops each = kernel.operations / whole;
  std::map<std::int64_t, KernelId> known;
  std::vector<KernelId> result;
  for (const std::int64_t pairs : pairs_) {
    KernelId& id = known[pairs];
    if (!id.valid()) {
      Kernel changed = kernel;
      changed.operations = each * pairs;
      changed.shape.push_back({"twice_pairs", pairs});
      id = graph_.kernel(std::move(changed));
    }
    result.push_back(id);
  }
  return result;
}

PreparedUnit TrainingGraphBuilder::prepare(const Passes& passes, const ParameterCount& parameters) {
  PreparedUnit unit;
  unit.forward = prepare(passes.forward, "forward");
  unit.backward = prepare(passes.backward, "backward");
  if (halves_backward(schedule_)) {
    unit.input_gradient = prepare(input_gradients(passes.backward), "backward");
    unit.weight_gradient = prepare(weight_gradients(passes.backward), "backward");
  }
  unit.weights = Bytes(2) * parameters.on_rank(settings_.grid.tensor);
  return unit;
}

void TrainingGraphBuilder::prepare_recomputation(const Passes& layer, PreparedUnit& unit) {
  if (settings_.recomputation.kind != Recomputation::Kind::full || layer.forward.empty()) return;
  const Bytes input = hidden_state(settings_.network, settings_.division);
  unit.checkpointed = prepare(without_saving(layer.forward, input), "forward");
  unit.unsaved = prepare(without_saving(layer.forward, Bytes(0)), "forward");
  unit.from_input = prepare(from_checkpoint(layer.forward, input), "backward");
  unit.again = prepare(from_checkpoint(layer.forward, Bytes(0)), "backward");
}

Chunk TrainingGraphBuilder::chunk_of(std::int64_t part, const std::vector<PipelineSlot>& order,
                                     std::int64_t index) {
  const auto micro_batches = static_cast<std::size_t>(settings_.micro_batches);
  Chunk chunk;
  chunk.part = part;
  chunk.activations_in.resize(micro_batches);
  chunk.gradients_in.resize(micro_batches);
  if (part == 0) chunk.units.push_back(&embedding_);
  const PartLayers layers = layers_of_part(settings_, part);
  for (std::int64_t layer = layers.first; layer < layers.first + layers.count; ++layer) {
    chunk.units.push_back(settings_.network.is_linear(layer) ? &linear_layer_ : &layer_);
  }
  if (part + 1 == schedule_.parts()) chunk.units.push_back(&head_);
  chunk.gathered_for.assign(chunk.units.size(), 0);
  for (const PipelineSlot& slot : order) {
    if (slot.chunk == index) ++chunk.left[static_cast<std::size_t>(slot.pass)];
  }
  for (const Pass pass :
       {Pass::forward, Pass::backward, Pass::input_gradient, Pass::weight_gradient}) {
    chunk.passes[static_cast<std::size_t>(pass)] = segments_of(chunk, pass);
  }
  return chunk;
}

Segments TrainingGraphBuilder::segments_of(const Chunk& chunk, Pass pass) const {
  const bool full = settings_.recomputation.kind == Recomputation::Kind::full;
  Segments segments;
  std::int64_t layers = 0;  // so far
  for (std::size_t unit = 0; unit < chunk.units.size(); ++unit) {
    const PreparedUnit& of = *chunk.units[unit];
    const PreparedSteps* steps = pass == Pass::forward          ? &of.forward
                                 : pass == Pass::backward       ? &of.backward
                                 : pass == Pass::input_gradient ? &of.input_gradient
                                                                : &of.weight_gradient;
    if (full && pass == Pass::forward && is_layer(of)) {
      const bool first = layers++ % settings_.recomputation.every == 0;
      steps = first ? &of.checkpointed : &of.unsaved;
    }
    segments.push_back({steps, unit});
  }
  if (pass != Pass::forward) std::ranges::reverse(segments);
  if (full && (pass == Pass::backward || pass == Pass::input_gradient)) {
    append_recomputed(chunk, segments);
  }
  return segments;
}

/// Before the first step back through a group of layers: all of them forward once more.
void TrainingGraphBuilder::append_recomputed(const Chunk& chunk, Segments& segments) const {
  const auto every = static_cast<std::size_t>(settings_.recomputation.every);
  const std::size_t first = chunk.part == 0 ? 1 : 0;  // unit of the first layer
  Segments result;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::size_t unit = segments[i].unit;
    const bool layer = is_layer(*chunk.units[unit]);
    const bool before_is_layer = i > 0 && is_layer(*chunk.units[segments[i - 1].unit]);
    const bool ends_group = (unit - first) % every == every - 1 || !before_is_layer;
    if (layer && ends_group) {
      const std::size_t begin = unit - (unit - first) % every;
      for (std::size_t again = begin; again <= unit; ++again) {
        const PreparedUnit& of = *chunk.units[again];
        result.push_back({again == begin ? &of.from_input : &of.again, again});
      }
    }
    result.push_back(segments[i]);
  }
  segments = std::move(result);
}

}  // namespace orrery
