#include "workloads/gpt_fast.hpp"

#include "workloads/kernel_forms.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery::gpt_fast {
namespace {

constexpr std::int64_t kSoftmax = 6;  // mask, maximum, difference, exponential, sum, quotient
/// Of a sum over the cache that is cut in two: what num_splits gives for 16 sequences among eight
/// ranks (12 of one, 4 among four); partial sums are in fp32.
constexpr std::int64_t kParts = 8;

struct Attention {
  std::int64_t heads = 0;    // of the rank
  std::int64_t queries = 0;  // of all sequences, times heads
  Bytes copies;              // keys of the static cache, one copy for each query head; or values
};

Attention attention_of(const PassSteps& steps) {
  const InferenceForm& form = steps.form();
  const std::int64_t heads = steps.shape().heads / form.tensor;
  const std::int64_t sequences = steps.pass().sequences;
  return {.heads = heads,
          .queries = sequences * steps.pass().tokens * heads,
          .copies =
              matrix_bytes(form.kv, sequences * heads * form.static_keys, steps.shape().head_size)};
}

Kernel product(const PassSteps& steps, const Attention& attention, const char* kind, Bytes read,
               Bytes written) {
  Kernel kernel;
  kernel.kind = kind;
  kernel.precision = steps.form().precision;
  kernel.unit = MathUnit::matrix;
  kernel.operations =
      Flops(2) * attention.queries * steps.form().static_keys * steps.shape().head_size;
  kernel.read = read + attention.copies;
  kernel.written = written;
  return kernel;
}

/// Each product a reduction of its own, over all of a cache of fixed size.
void attend_by_products(PassSteps& steps, std::int64_t inputs) {
  const InferenceForm& form = steps.form();
  const Attention of = attention_of(steps);
  const std::int64_t head = steps.shape().head_size;
  const Bytes scores = matrix_bytes(form.precision, of.queries, form.static_keys);
  const Bytes vectors = matrix_bytes(form.precision, of.queries, head);
  const Bytes partial = matrix_bytes(Precision::fp32, of.queries * kParts, head);
  steps.add("attention.scores", product(steps, of, "attention_scores", vectors, scores),
            {.buffer = scores, .unbuffer = steps.activations(inputs)});
  steps.add("attention.softmax", elementwise({.kind = "softmax",
                                              .elements = of.queries * form.static_keys,
                                              .operations_per_element = kSoftmax,
                                              .read = scores,
                                              .written = scores}));
  steps.add("attention.values", product(steps, of, "attention_values", scores, partial),
            {.buffer = partial, .unbuffer = scores});
  steps.add("attention.sum",
            elementwise({.elements = of.queries * kParts * head,
                         .operations_per_element = 1,
                         .read = partial,
                         .written = vectors}),
            {.buffer = vectors, .unbuffer = partial});
}

void copy(PassSteps& steps, const char* label, Bytes read, Bytes written, StepMemory memory) {
  steps.add(label,
            elementwise({.elements = static_cast<std::int64_t>(
                             written.count() / matrix_bytes(steps.form().precision, 1, 1).count()),
                         .operations_per_element = 0,
                         .read = read,
                         .written = written}),
            memory);
}

/// All pairs of new tokens and the tokens that the cache is laid out for.
void attend_under_mask(PassSteps& steps, std::int64_t inputs) {
  const InferenceForm& form = steps.form();
  const InferencePass& pass = steps.pass();
  const Attention of = attention_of(steps);
  const std::int64_t head = steps.shape().head_size;
  const Bytes cached =
      kv_bytes_per_token(steps.shape(), form.kv, form.tensor) * pass.sequences * form.static_keys;
  const Bytes vectors = matrix_bytes(form.precision, of.queries, head);
  copy(steps, "attention.repeat", cached, of.copies * 2, {.buffer = of.copies * 2});
  Kernel kernel = product(steps, of, "attention", vectors + of.copies, vectors);
  kernel.operations = kernel.operations * 2;
  kernel.shape = {{"batch", pass.sequences},
                  {"heads", of.heads},
                  {"kv_heads", of.heads},
                  {"queries", pass.tokens},
                  {"keys", form.static_keys},
                  {"head_size", head},
                  {"causal", 0}};
  steps.add("attention.flash", std::move(kernel),
            {.buffer = vectors, .unbuffer = steps.activations(inputs) + of.copies * 2});
  copy(steps, "attention.order", vectors, vectors, {});
}

}  // namespace

void attend(PassSteps& steps, std::int64_t inputs) {
  steps.eager() ? attend_under_mask(steps, inputs) : attend_by_products(steps, inputs);
}

void feed_forward(PassSteps& steps, PassSteps::Input input) {
  const Division division = steps.division();
  const bool mapped = input == PassSteps::Input::mapped;
  const LinearMap down = down_map(steps.shape(), division);
  LinearMap up = up_map(steps.shape(), division);
  Step activation = activation_step(steps.shape(), division);
  const Bytes gate = activation.kernel.read - activation.kernel.written;
  if (steps.multiplies_rows()) {
    if (!mapped) steps.linear(up, input);
    steps.linear(down, PassSteps::Input::kept);
    steps.last().kernel.read += gate;
    steps.last().memory.unbuffer += activation.kernel.read;
    return;
  }
  if (!mapped && gate > Bytes(0)) {
    LinearMap first = up;
    first.label = "feed_forward.gate";
    first.out = up.out / 2;
    steps.linear(first, PassSteps::Input::kept);
    up.out -= first.out;
  }
  if (!mapped) steps.linear(up, input);
  const StepMemory memory = {.buffer = activation.kernel.written,
                             .unbuffer = activation.kernel.read};
  if (steps.eager() && gate > Bytes(0)) {  // the gate's function, then the product
    activation.kernel.read += activation.kernel.written;
    activation.kernel.written = activation.kernel.written * 2;
  }
  steps.add(activation.label, std::move(activation.kernel), memory);
  steps.linear(down);
}

void add_to_product(PassSteps& steps) {
  steps.last().kernel.read += steps.state();
  steps.last().memory.unbuffer += steps.state();
}

void norm_in_passes(Kernel& kernel) {
  kernel.read = kernel.read * 10;
  kernel.written = kernel.written * 8;
}

void rotary_in_passes(Kernel& kernel) {
  kernel.read = kernel.read * 13;
  kernel.written = kernel.written * 11;
}

}  // namespace orrery::gpt_fast
