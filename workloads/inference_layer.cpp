#include "workloads/inference_layer.hpp"

#include <array>
#include <string>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

// Operations per element, one for each addition, multiplication, … of the defining formula.
constexpr std::int64_t kResidual = 1;
constexpr std::int64_t kLayerNorm = 8;  // mean 1, variance 3, normalise 2, scale and shift 2
constexpr std::int64_t kRmsNorm = 4;    // squares 2, normalise 1, scale 1
constexpr std::int64_t kRotary = 3;     // x cos + rotated x sin
constexpr std::int64_t kGelu = 9;       // 0.5 x (1 + tanh(c (x + 0.044715 x^3)))
constexpr std::int64_t kSwiglu = 5;     // x / (1 + exp(-x)) * gate
constexpr Bytes kTokenId{4};            // int32

enum Map : std::size_t { qkv, projection, up, down };

std::int64_t query_on_rank(const NetworkShape& shape, const InferenceForm& form) {
  return shape.query_size() / form.tensor;
}

/// The linear maps of a layer as one rank holds them; index: Map.
std::array<LinearMap, 4> maps_of(const NetworkShape& shape, const InferenceForm& form) {
  const std::int64_t query = query_on_rank(shape, form);
  const std::int64_t feed_forward = shape.feed_forward / form.tensor;
  return {{{.label = "attention.qkv",
            .in = shape.hidden,
            .out = query + 2 * shape.key_size(form.tensor),
            .biases = shape.qkv_biases},
           {.label = "attention.projection",
            .in = query,
            .out = shape.hidden,
            .biases = shape.projection_biases},
           {.label = "feed_forward.up",
            .in = shape.hidden,
            .out = shape.up_size() / form.tensor,
            .biases = shape.feed_forward_biases},
           {.label = "feed_forward.down",
            .in = feed_forward,
            .out = shape.hidden,
            .biases = shape.feed_forward_biases}}};
}

/// Makes the steps of one pass.
class PassSteps {
 public:
  PassSteps(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass)
      : shape_(shape), form_(form), pass_(pass), state_(pass_state(shape, form, pass)) {}

  /// Adds the block's output to the residual stream and normalises the sum.
  void norm(std::string label) {
    const std::int64_t operations = shape_.norm == Norm::layernorm ? kLayerNorm : kRmsNorm;
    add(std::move(label),
        elementwise({.elements = pass_.rows() * shape_.hidden,
                     .operations_per_element = operations + kResidual,
                     .read = state_ * 2,
                     .written = state_ * 2}),
        {.buffer = state_, .unbuffer = state_});
  }

  void linear(const LinearMap& map) {
    Kernel kernel = gemm(form_.precision, pass_.rows(), map.out, map.in);
    kernel.read = activations(map.in) + matrix_bytes(form_.weights, map.in, map.out);
    add(map.label, std::move(kernel),
        {.buffer = activations(map.out), .unbuffer = activations(map.in)});
  }

  void all_reduce(const std::string& label) {
    if (form_.tensor > 1) {
      steps_.push_back(collective_step(label + ".all_reduce", CollectiveKind::all_reduce, state_));
    }
  }

  void attention() {
    const std::int64_t query = query_on_rank(shape_, form_);
    const std::int64_t key = shape_.key_size(form_.tensor);
    if (shape_.positions == Positions::rotary) {
      const Bytes rotated = activations(query + key);
      add("attention.rotary", elementwise({.elements = pass_.rows() * (query + key),
                                           .operations_per_element = kRotary,
                                           .read = rotated,
                                           .written = rotated}));
    }
    const Bytes cached = kv_bytes_per_token(shape_, form_) * pass_.rows();
    add("attention.cache",
        elementwise({.elements = pass_.rows() * 2 * key,
                     .operations_per_element = 1,
                     .read = activations(2 * key),
                     .written = cached}),
        {.saved = cached});
    add("attention.flash", inference_attention(shape_, form_, pass_),
        {.buffer = activations(query), .unbuffer = activations(query + 2 * key)});
  }

  void activation() {
    const std::int64_t width = shape_.feed_forward / form_.tensor;
    const Bytes input = activations(shape_.up_size() / form_.tensor);
    add("feed_forward.activation",
        elementwise(
            {.elements = pass_.rows() * width,
             .operations_per_element = shape_.activation == Activation::swiglu ? kSwiglu : kGelu,
             .read = input,
             .written = activations(width)}),
        {.buffer = activations(width), .unbuffer = input});
  }

  void embedding() {
    const std::int64_t elements = pass_.rows() * shape_.hidden;
    add("embedding.lookup", elementwise({.elements = elements,
                                         .operations_per_element = 0,
                                         .read = state_,
                                         .written = state_}));
    all_reduce("embedding");
    if (shape_.positions == Positions::learned) {
      add("embedding.positions", elementwise({.elements = elements,
                                              .operations_per_element = 1,
                                              .read = state_ * 2,
                                              .written = state_}));
    }
  }

  void logits() {
    const std::int64_t vocabulary = padded_vocabulary(shape_, form_.tensor);
    const std::int64_t rows = pass_.sequences;
    const Bytes all = matrix_bytes(form_.precision, rows, vocabulary);
    Bytes held = matrix_bytes(form_.precision, rows, vocabulary / form_.tensor);
    add("head.logits", gemm(form_.precision, rows, vocabulary / form_.tensor, shape_.hidden),
        {.buffer = held, .unbuffer = state_});
    if (form_.tensor > 1) {
      steps_.push_back(collective_step("head.all_gather", CollectiveKind::all_gather, all));
      steps_.back().memory.buffer = all;
      held += all;
    }
    add("head.sample",
        elementwise({.elements = rows * vocabulary,
                     .operations_per_element = 1,
                     .read = all,
                     .written = kTokenId * rows}),
        {.unbuffer = held});
  }

  Steps take() { return std::move(steps_); }

 private:
  Bytes activations(std::int64_t width) const {
    return matrix_bytes(form_.precision, pass_.rows(), width);
  }
  void add(std::string label, Kernel kernel, StepMemory memory = {}) {
    steps_.push_back(kernel_step(std::move(label), std::move(kernel), memory));
  }

  const NetworkShape& shape_;
  const InferenceForm& form_;
  const InferencePass& pass_;
  Bytes state_;
  Steps steps_;
};

}  // namespace

Bytes kv_bytes_per_token(const NetworkShape& shape, const InferenceForm& form) {
  return matrix_bytes(form.kv, 2, shape.key_size(form.tensor));
}

Bytes pass_state(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass) {
  return matrix_bytes(form.precision, pass.rows(), shape.hidden);
}

Kernel inference_attention(const NetworkShape& shape, const InferenceForm& form,
                           const InferencePass& pass) {
  const std::int64_t query = query_on_rank(shape, form);
  const std::int64_t context = pass.cached + pass.tokens;
  // Of a sequence and a head; the i-th new token looks at cached + i.
  const std::int64_t pairs = pass.tokens * pass.cached + pass.tokens * (pass.tokens + 1) / 2;
  const Bytes moved = matrix_bytes(form.precision, pass.rows(), query);
  Kernel kernel;
  kernel.kind = pass.tokens > 1 ? "attention" : "attention_decode";
  kernel.precision = form.precision;
  kernel.unit = MathUnit::matrix;
  kernel.operations = Flops(4) * pass.sequences * pairs * query;
  kernel.read = moved + kv_bytes_per_token(shape, form) * pass.sequences * context;
  kernel.written = moved;
  kernel.shape = {{"batch", pass.sequences},
                  {"heads", shape.heads / form.tensor},
                  {"kv_heads", shape.kv_heads_on_rank(form.tensor)},
                  {"queries", pass.tokens},
                  {"keys", context},
                  {"head_size", shape.head_size},
                  {"causal", 1}};
  return kernel;
}

Steps inference_layer(const NetworkShape& shape, const InferenceForm& form,
                      const InferencePass& pass) {
  const std::array<LinearMap, 4> maps = maps_of(shape, form);
  PassSteps steps(shape, form, pass);
  steps.norm("attention.norm");
  steps.linear(maps[qkv]);
  steps.attention();
  steps.linear(maps[projection]);
  steps.all_reduce(maps[projection].label);
  steps.norm("feed_forward.norm");
  steps.linear(maps[up]);
  steps.activation();
  steps.linear(maps[down]);
  steps.all_reduce(maps[down].label);
  return steps.take();
}

Steps inference_embedding(const NetworkShape& shape, const InferenceForm& form,
                          const InferencePass& pass) {
  PassSteps steps(shape, form, pass);
  steps.embedding();
  return steps.take();
}

Steps inference_head(const NetworkShape& shape, const InferenceForm& form,
                     const InferencePass& pass) {
  PassSteps steps(shape, form, pass);
  steps.norm("head.norm");
  steps.logits();
  return steps.take();
}

Bytes inference_weights(const NetworkShape& shape, const InferenceForm& form,
                        const StageParts& parts) {
  Bytes matrices;
  std::int64_t others = 2 * norm_parameters(shape);
  for (const LinearMap& map : maps_of(shape, form)) {
    matrices += matrix_bytes(form.weights, map.in, map.out);
    others += map.biases ? map.out : 0;
  }
  Bytes bytes = (matrices + matrix_bytes(form.precision, others, 1)) * parts.layers;
  const std::int64_t vocabulary = padded_vocabulary(shape, form.tensor);
  std::int64_t ends = 0;
  if (parts.embedding) {
    ends += embedding_parameters(shape, vocabulary).on_rank(form.tensor);
  }
  if (parts.head) {
    ends += head_parameters(shape, vocabulary, parts.head_holds_weights).on_rank(form.tensor);
  }
  return bytes + matrix_bytes(form.precision, ends, 1);
}

}  // namespace orrery
