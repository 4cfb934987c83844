#include "workloads/inference_layer.hpp"

#include "workloads/gpt_fast.hpp"
#include "workloads/inference_attention.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

constexpr Bytes kTokenId{4};  // int32

/// From the normed hidden state, which it frees, to an output that is not yet reduced.
void feed_forward_steps(PassSteps& steps, PassSteps::Input input = PassSteps::Input::freed) {
  if (steps.of_gpt_fast()) {
    gpt_fast::feed_forward(steps, input);
    return;
  }
  const Division division = steps.division();
  if (input != PassSteps::Input::mapped) steps.linear(up_map(steps.shape(), division), input);
  Step activation = activation_step(steps.shape(), division);
  const StepMemory memory = {.buffer = activation.kernel.written,
                             .unbuffer = activation.kernel.read};
  steps.add(activation.label, std::move(activation.kernel), memory);
  steps.linear(down_map(steps.shape(), division));
}

void sequential_layer(PassSteps& steps) {
  steps.enter(Block::attention);
  attention_steps(steps, PassSteps::Input::freed);
  steps.all_reduce("attention.projection", Block::attention);
  steps.enter(Block::feed_forward);
  feed_forward_steps(steps);
  steps.all_reduce("feed_forward.down", Block::feed_forward);
}

/// Both blocks' maps of the normed state in one product.
void fused_input(PassSteps& steps) {
  LinearMap both = qkv_map(steps.shape(), steps.division());
  both.label = "layer.input";
  both.out += up_map(steps.shape(), steps.division()).out;
  steps.linear(both);
}

void parallel_layer(PassSteps& steps) {
  const NetworkShape& shape = steps.shape();
  const bool shares_norm = shape.form == LayerForm::shared_norm;
  steps.residual_norm("attention.norm");
  if (steps.form().architecture == Architecture::parallel_attention) {
    fused_input(steps);
    attention_steps(steps, PassSteps::Input::mapped);
    feed_forward_steps(steps, PassSteps::Input::mapped);
  } else {
    attention_steps(steps, shares_norm ? PassSteps::Input::kept : PassSteps::Input::freed);
    if (!shares_norm) {
      steps.norm("feed_forward.norm", shape.hidden, {.buffer = steps.state()});
    }
    feed_forward_steps(steps);
  }
  if (steps.multiplies_rows()) {
    gpt_fast::add_to_product(steps);
    steps.all_reduce("layer");
    return;
  }
  steps.add("layer.sum",
            elementwise({.elements = steps.pass().rows() * shape.hidden,
                         .operations_per_element = 1,
                         .read = steps.state() * 2,
                         .written = steps.state()}),
            {.unbuffer = steps.state()});
  steps.all_reduce("layer");
}

}  // namespace

Steps inference_layer(const NetworkShape& shape, const InferenceForm& form,
                      const InferencePass& pass) {
  PassSteps steps(shape, form, pass);
  shape.form == LayerForm::sequential ? sequential_layer(steps) : parallel_layer(steps);
  Steps layer = steps.take();
  trigger_reductions(layer, form.overlap, form.tensor);
  return layer;
}

Steps inference_embedding(const NetworkShape& shape, const InferenceForm& form,
                          const InferencePass& pass) {
  PassSteps steps(shape, form, pass);
  const Bytes state = steps.state();
  const std::int64_t elements = pass.rows() * shape.hidden;
  steps.add(
      "embedding.lookup",
      elementwise(
          {.elements = elements, .operations_per_element = 0, .read = state, .written = state}));
  if (form.divides_vocabulary) steps.all_reduce("embedding");
  if (shape.positions == Positions::learned) {
    steps.add("embedding.positions", elementwise({.elements = elements,
                                                  .operations_per_element = 1,
                                                  .read = state * 2,
                                                  .written = state}));
  }
  return steps.take();
}

Steps inference_head(const NetworkShape& shape, const InferenceForm& form,
                     const InferencePass& pass) {
  PassSteps steps(shape, form, pass);
  if (form.architecture == Architecture::ladder) {
    steps.residual("head.residual", {Block::attention, Block::feed_forward});
  }
  steps.residual_norm("head.norm");
  const std::int64_t ranks = form.vocabulary_ranks();
  const std::int64_t vocabulary = padded_vocabulary(shape, ranks);
  const std::int64_t rows = steps.eager() ? pass.rows() : pass.sequences;
  const Bytes all = matrix_bytes(form.precision, rows, vocabulary);
  Bytes held = matrix_bytes(form.precision, rows, vocabulary / ranks);
  steps.add("head.logits", steps.product(rows, vocabulary / ranks, shape.hidden),
            {.buffer = held, .unbuffer = steps.state()});
  if (ranks > 1) {
    steps.all_gather("head", all);
    held += all;
  }
  steps.add("head.sample",
            elementwise({.elements = pass.sequences * vocabulary,
                         .operations_per_element = 1,
                         .read = matrix_bytes(form.precision, pass.sequences, vocabulary),
                         .written = kTokenId * pass.sequences}),
            {.unbuffer = held});
  return steps.take();
}

namespace {

/// Of one layer of the kind that `shape` is asked of.
Bytes layer_weights(const NetworkShape& shape, const InferenceForm& form) {
  std::vector<LinearMap> maps = attention_maps(shape, form.tensor);
  const Division division = {.tensor = form.tensor};
  maps.push_back(up_map(shape, division));
  maps.push_back(down_map(shape, division));
  Bytes matrices;
  std::int64_t others = layer_parameters(shape, form.tensor).on_rank(form.tensor);
  for (const LinearMap& map : maps) {
    matrices += matrix_bytes(form.weights, map.in, map.out);
    others -= map.in * map.out;
  }
  return matrices + matrix_bytes(form.precision, others, 1);
}

}  // namespace

Bytes inference_weights(const NetworkShape& shape, const InferenceForm& form,
                        const StageParts& parts) {
  Bytes bytes = layer_weights(shape.of_layer(false), form) * (parts.layers - parts.linear_layers);
  if (parts.linear_layers > 0) {
    bytes += layer_weights(shape.of_layer(true), form) * parts.linear_layers;
  }
  const std::int64_t ranks = form.vocabulary_ranks();
  const std::int64_t vocabulary = padded_vocabulary(shape, ranks);
  std::int64_t ends = 0;
  if (parts.embedding) {
    ends += embedding_parameters(shape, vocabulary).on_rank(ranks);
  }
  if (parts.head) {
    ends += head_parameters(shape, vocabulary, parts.head_holds_weights).on_rank(ranks);
  }
  return bytes + matrix_bytes(form.precision, ends, 1);
}

}  // namespace orrery
