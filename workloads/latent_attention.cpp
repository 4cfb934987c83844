#include "workloads/latent_attention.hpp"

#include <string>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kRotary = 3;  // x cos + rotated x sin

/// A latent vector of each token, from the hidden state down, normed, and up to a rank's heads.
struct Latent {
  std::string name;
  std::int64_t rank = 0;
  std::int64_t beside = 0;  // elements that come down with it and are not normed
  std::int64_t up = 0;      // width on one rank

  LinearMap up_map() const {
    return {.label = name + ".up", .in = rank, .out = up, .beside = beside};
  }
};

std::int64_t heads_of(const NetworkShape& shape, const Division& division) {
  return shape.heads / division.tensor;
}

Latent query_latent(const NetworkShape& shape, const Division& division) {
  return {.name = "attention.query",
          .rank = shape.latent.query_rank,
          .up = heads_of(shape, division) * shape.head_size};
}

Latent key_value_latent(const NetworkShape& shape, const Division& division) {
  const std::int64_t content = shape.head_size - shape.rotary_size;
  return {.name = "attention.key_value",
          .rank = shape.latent.kv_rank,
          .beside = shape.rotary_size,
          .up = heads_of(shape, division) * (content + shape.latent.value_size)};
}

LinearMap direct_query_map(const NetworkShape& shape, const Division& division) {
  return {.label = "attention.query",
          .in = shape.hidden,
          .out = heads_of(shape, division) * shape.head_size};
}

Bytes of_tokens(const Division& division, std::int64_t width) {
  return matrix_bytes(division.precision, division.tokens(), width);
}

Bytes of_own_tokens(const Division& division, std::int64_t width) {
  return matrix_bytes(division.precision, division.own_tokens(), width);
}

void down_forward(Steps& steps, const NetworkShape& shape, const Division& division,
                  const Latent& latent) {
  const Bytes vector = of_own_tokens(division, latent.rank);
  steps.push_back(kernel_step(
      latent.name + ".down",
      gemm(division.precision, division.own_tokens(), latent.rank + latent.beside, shape.hidden),
      {.saved = vector, .buffer = of_own_tokens(division, latent.beside)}));
  steps.push_back(
      kernel_step(latent.name + ".norm",
                  norm_kernel(shape, division.precision, division.own_tokens(), latent.rank),
                  {.saved = vector}));
}

/// Takes the reduced gradients of the normed latent and of what is beside it, both buffers.
/// `adds`: to an input gradient that is there already, else that is a buffer from here on.
void down_backward(Steps& steps, const NetworkShape& shape, const Division& division,
                   const Latent& latent, bool adds) {
  const std::int64_t tokens = division.own_tokens();
  const std::int64_t width = latent.rank + latent.beside;
  const Bytes vector = of_own_tokens(division, latent.rank);
  const Bytes hidden = hidden_state(shape, division);
  Step norm = kernel_step(
      latent.name + ".norm", norm_gradient_kernel(shape, division.precision, tokens, latent.rank),
      {.dropped = vector, .buffer = vector, .unbuffer = of_tokens(division, latent.rank)});
  norm.gradients = norm_parameters(shape, latent.rank);
  if (division.tensor > 1) {
    norm.after = {2};  // the reduction; the weight gradient between them runs beside it
  }
  steps.push_back(std::move(norm));
  Step to_input = kernel_step(latent.name + ".down.input_gradient",
                              gemm(division.precision, tokens, shape.hidden, width),
                              {.buffer = adds ? Bytes(0) : hidden});
  to_input.kernel.read += adds ? hidden : Bytes(0);
  steps.push_back(std::move(to_input));
  Step to_weight = kernel_step(latent.name + ".down.weight_gradient",
                               weight_gradient_gemm(division, tokens, width, shape.hidden),
                               {.unbuffer = vector + of_tokens(division, latent.beside)});
  to_weight.gradients = shape.hidden * width;
  to_weight.weights_only = true;
  steps.push_back(std::move(to_weight));
}

/// What putting Q, K and V together moves on one rank.
struct Assembly {
  Bytes up;   // K' and V as they come up
  Bytes key;  // with the rotated part
  Bytes value;
  Bytes rotated;  // of Q
  Bytes shared;   // the key's rotated part, before it goes to all heads
  std::int64_t elements = 0;
};

Assembly assembly_of(const NetworkShape& shape, const Division& division) {
  const std::int64_t heads = heads_of(shape, division);
  return {.up = of_tokens(division, key_value_latent(shape, division).up),
          .key = of_tokens(division, heads * shape.head_size),
          .value = of_tokens(division, heads * shape.latent.value_size),
          .rotated = of_tokens(division, heads * shape.rotary_size),
          .shared = of_tokens(division, shape.rotary_size),
          .elements = division.tokens() * (heads + 1) * shape.rotary_size};
}

}  // namespace

void latent_inputs_forward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const Latent query = query_latent(shape, division);
  const Latent key_value = key_value_latent(shape, division);
  const StepMemory query_output = {.saved = of_tokens(division, query.up)};
  if (query.rank > 0) {
    down_forward(steps, shape, division, query);
    column_linear_forward(steps, division, query.up_map(), query_output);
  } else {
    column_linear_forward(steps, division, direct_query_map(shape, division), query_output);
  }
  const Assembly parts = assembly_of(shape, division);
  down_forward(steps, shape, division, key_value);
  column_linear_forward(steps, division, key_value.up_map(), {.buffer = parts.up});
  const Bytes gathered = division.sequence_parallel ? parts.shared : Bytes(0);
  steps.push_back(
      kernel_step("attention.rotary",
                  elementwise({.elements = parts.elements,
                               .operations_per_element = kRotary,
                               .read = parts.up + parts.shared + parts.rotated,
                               .written = parts.key + parts.value + parts.rotated}),
                  {.saved = parts.key + parts.value,
                   .unbuffer = parts.up + of_own_tokens(division, shape.rotary_size) + gathered}));
}

Bytes latent_inputs_backward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const Latent query = query_latent(shape, division);
  const Latent key_value = key_value_latent(shape, division);
  const Assembly parts = assembly_of(shape, division);
  steps.push_back(
      kernel_step("attention.rotary",
                  elementwise({.elements = parts.elements,
                               .operations_per_element = kRotary,
                               .read = parts.key + parts.value + parts.rotated,
                               .written = parts.up + parts.shared + parts.rotated}),
                  {.buffer = parts.up + parts.shared, .unbuffer = parts.key + parts.value}));
  const bool has_query_latent = query.rank > 0;
  if (has_query_latent) {
    column_linear_backward(steps, division, query.up_map());
    down_backward(steps, shape, division, query, false);
  } else {
    column_linear_backward(steps, division, direct_query_map(shape, division));
    steps.back().memory.dropped = Bytes(0);  // the keys and values still need the hidden state
  }
  column_linear_backward(steps, division, key_value.up_map());
  down_backward(steps, shape, division, key_value, true);
  steps.back().memory.dropped = hidden_state(shape, division);
  return has_query_latent ? hidden_state(shape, division) : of_tokens(division, shape.hidden);
}

}  // namespace orrery
