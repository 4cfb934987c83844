#include "workloads/inference_attention.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "workloads/attended_pairs.hpp"
#include "workloads/gpt_fast.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/linear_attention.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kRotary = 3;  // x cos + rotated x sin

/// Latent attention's maps to queries, and to keys and values.
LinearMap latent_down_map(const std::string& name, const NetworkShape& shape, std::int64_t width) {
  return {.label = "attention." + name + ".down", .in = shape.hidden, .out = width};
}

std::vector<LinearMap> query_maps(const NetworkShape& shape, std::int64_t tensor) {
  const std::int64_t query = shape.query_size() / tensor;
  const std::int64_t rank = shape.latent.query_rank;
  if (rank == 0) {
    return {{.label = "attention.query", .in = shape.hidden, .out = query}};
  }
  return {latent_down_map("query", shape, rank),
          {.label = "attention.query.up", .in = rank, .out = query}};
}

/// Of a key, what comes up from the latent.
std::int64_t content_size(const NetworkShape& shape) {
  return shape.head_size - shape.rotary_size;
}

std::vector<LinearMap> key_value_maps(const NetworkShape& shape, std::int64_t tensor) {
  const LatentAttention& latent = shape.latent;
  return {latent_down_map("key_value", shape, latent.kv_rank + shape.rotary_size),
          {.label = "attention.key_value.up",
           .in = latent.kv_rank,
           .out = shape.heads / tensor * (content_size(shape) + latent.value_size)}};
}

/// What attention itself works on, on one rank.
struct Core {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t key_size = 0;
  std::int64_t value_size = 0;
  Bytes per_token;  // of context: its keys and values
};

/// Latent attention's keys and values: decode has the cached vector, prefill those of each head.
Core core_of(const PassSteps& steps) {
  const NetworkShape& shape = steps.shape();
  const InferenceForm& form = steps.form();
  const std::int64_t heads = shape.heads / form.tensor;
  Core core = {.heads = heads,
               .kv_heads = shape.kv_heads_on_rank(form.tensor),
               .key_size = shape.head_size,
               .value_size = shape.value_size(),
               .per_token = kv_bytes_per_token(shape, form.kv, form.tensor)};
  if (shape.has_latent() && steps.pass().decodes()) {
    core.kv_heads = 1;
    core.value_size = shape.latent.kv_rank;
    core.key_size = shape.latent.kv_rank + shape.rotary_size;
  } else if (shape.has_latent()) {
    core.per_token = matrix_bytes(form.precision, heads, core.key_size + core.value_size);
  }
  return core;
}

Kernel flash(const PassSteps& steps, const Core& core) {
  const NetworkShape& shape = steps.shape();
  const InferencePass& pass = steps.pass();
  const std::int64_t window = shape.attention_window;
  const std::int64_t keys =
      window > 0 ? std::min(pass.context(), window + pass.tokens - 1) : pass.context();
  Kernel kernel;
  kernel.kind = pass.decodes() ? "attention_decode" : "attention";
  kernel.precision = steps.form().precision;
  kernel.unit = MathUnit::matrix;
  kernel.operations = Flops(2) * pass.sequences * attended_pairs(shape, pass.cached, pass.tokens) *
                      (core.heads * (core.key_size + core.value_size));
  kernel.read =
      steps.activations(core.heads * core.key_size) + core.per_token * pass.sequences * keys;
  kernel.written = steps.activations(core.heads * core.value_size);
  kernel.shape = {{"batch", pass.sequences},
                  {"heads", core.heads},
                  {"kv_heads", core.kv_heads},
                  {"queries", pass.tokens},
                  {"keys", keys},
                  {"head_size", core.key_size},
                  {"causal", 1}};
  if (core.value_size != core.key_size) {
    kernel.shape.push_back({"value_size", core.value_size});
  }
  if (window > 0) {
    kernel.shape.push_back({"window", window});
  }
  return kernel;
}

/// `inputs`: width of what is attended with, and freed.
void attend(PassSteps& steps, std::int64_t inputs) {
  const Core core = core_of(steps);
  if (steps.form().sequence > 1) {
    steps.share({.unbuffer = steps.activations(inputs)});
    return;
  }
  if (steps.of_gpt_fast()) {
    gpt_fast::attend(steps, inputs);
    return;
  }
  steps.add("attention.flash", flash(steps, core),
            {.buffer = steps.activations(core.heads * core.value_size),
             .unbuffer = steps.activations(inputs)});
}

/// In place, on queries and keys.
void rotate(PassSteps& steps, std::int64_t heads) {
  const std::int64_t width = heads * steps.shape().rotary_size;
  steps.add("attention.rotary", elementwise({.elements = steps.pass().rows() * width,
                                             .operations_per_element = kRotary,
                                             .read = steps.activations(width),
                                             .written = steps.activations(width)}));
  if (steps.eager()) gpt_fast::rotary_in_passes(steps.last().kernel);
}

/// Copies so wide a part of what the new tokens have.
void cache(PassSteps& steps, std::int64_t width) {
  const NetworkShape& shape = steps.shape();
  const InferenceForm& form = steps.form();
  const InferencePass& pass = steps.pass();
  const Bytes per_token = kv_bytes_per_token(shape, form.kv, form.tensor);
  const std::int64_t rows = pass.sequences * kept_tokens(shape, pass.tokens);
  const std::int64_t growth = kept_tokens(shape, pass.context()) - kept_tokens(shape, pass.cached);
  steps.add("attention.cache",
            elementwise({.elements = rows * width,
                         .operations_per_element = 1,
                         .read = matrix_bytes(form.precision, rows, width),
                         .written = per_token * rows}),
            {.saved = per_token * pass.sequences * growth});
}

void prefill_latent(PassSteps& steps, const LinearMap& up) {
  const NetworkShape& shape = steps.shape();
  const std::int64_t heads = shape.heads / steps.form().tensor;
  const std::int64_t keys = heads * shape.head_size;
  steps.linear(up);
  steps.add("attention.key_value.concat",
            elementwise({.elements = steps.pass().rows() * keys,
                         .operations_per_element = 0,
                         .read = steps.activations(heads * content_size(shape) + shape.rotary_size),
                         .written = steps.activations(keys)}),
            {.buffer = steps.activations(keys), .unbuffer = steps.activations(shape.rotary_size)});
  attend(steps, 2 * keys + up.out);
}

void decode_latent(PassSteps& steps) {
  const NetworkShape& shape = steps.shape();
  const std::int64_t heads = shape.heads / steps.form().tensor;
  const std::int64_t rank = shape.latent.kv_rank;
  steps.linear_by_head({.label = "attention.key.absorb", .in = content_size(shape), .out = rank},
                       {.buffer = steps.activations(heads * rank)});
  attend(steps, heads * (shape.head_size + rank) + rank + shape.rotary_size);
  steps.linear_by_head({.label = "attention.value.up", .in = rank, .out = shape.latent.value_size},
                       {.buffer = steps.activations(heads * shape.latent.value_size),
                        .unbuffer = steps.activations(heads * rank)});
}

void latent_steps(PassSteps& steps, PassSteps::Input input) {
  const NetworkShape& shape = steps.shape();
  const std::int64_t tensor = steps.form().tensor;
  const auto norm = [&steps](const char* label, std::int64_t rank) {
    steps.norm(label, rank,
               {.buffer = steps.activations(rank), .unbuffer = steps.activations(rank)});
  };
  const std::vector<LinearMap> query = query_maps(shape, tensor);
  steps.linear(query.front(), PassSteps::Input::kept);
  if (query.size() > 1) {
    norm("attention.query.norm", shape.latent.query_rank);
    steps.linear(query.back());
  }
  const std::vector<LinearMap> key_value = key_value_maps(shape, tensor);
  steps.linear(key_value.front(), input);
  norm("attention.key_value.norm", shape.latent.kv_rank);
  rotate(steps, shape.heads / tensor + 1);
  cache(steps, key_value.front().out);
  steps.pass().decodes() ? decode_latent(steps) : prefill_latent(steps, key_value.back());
}

void plain_steps(PassSteps& steps, PassSteps::Input input) {
  const NetworkShape& shape = steps.shape();
  const std::int64_t tensor = steps.form().tensor;
  const LinearMap qkv = qkv_map(shape, steps.division());
  const std::int64_t key = shape.key_size(tensor);
  if (input != PassSteps::Input::mapped) steps.linear(qkv, input);
  if (shape.qk_norm) {
    steps.norm("attention.qk_norm", qkv.out - key, {});
  }
  if (shape.positions == Positions::rotary) {
    rotate(steps, shape.heads / tensor + shape.kv_heads_on_rank(tensor));
  }
  cache(steps, 2 * key);
  attend(steps, qkv.out);
}

/// The gate's part of the map lives until the norm has read it.
void linear_steps(PassSteps& steps, PassSteps::Input input) {
  const NetworkShape& shape = steps.shape();
  const LinearCore core = linear_core(shape, steps.division());
  const LinearMap qkv = qkv_map(shape, steps.division());
  if (input != PassSteps::Input::mapped) steps.linear(qkv, input);
  steps.add("attention.feature_map", linear_feature_map(core));
  const Bytes gate = steps.activations(shape.gate_size() / steps.form().tensor);
  const StepMemory memory = {.saved = steps.pass().cached == 0 ? recurrent_state(core) : Bytes(0),
                             .buffer = core.output(),
                             .unbuffer = steps.activations(qkv.out) - gate};
  if (steps.form().sequence > 1) {
    steps.share(memory);
  } else if (steps.pass().decodes()) {
    steps.add("attention.recurrence", linear_recurrence(core), memory);
  } else {
    Kernel kernel = linear_forward(core);
    kernel.written += recurrent_state(core);
    steps.add("attention.linear", std::move(kernel), memory);
  }
  steps.add("attention.output_norm", linear_output_norm(shape, core), {.unbuffer = gate});
}

}  // namespace

std::vector<LinearMap> attention_maps(const NetworkShape& shape, std::int64_t tensor) {
  const Division division = {.tensor = tensor};
  std::vector<LinearMap> maps;
  if (shape.has_latent()) {
    maps = query_maps(shape, tensor);
    for (LinearMap& map : key_value_maps(shape, tensor)) {
      maps.push_back(std::move(map));
    }
  } else {
    maps.push_back(qkv_map(shape, division));
  }
  maps.push_back(projection_map(shape, division));
  return maps;
}

void attention_steps(PassSteps& steps, PassSteps::Input input) {
  steps.shape().attends_linearly ? linear_steps(steps, input)
  : steps.shape().has_latent()   ? latent_steps(steps, input)
                                 : plain_steps(steps, input);
  steps.linear(projection_map(steps.shape(), steps.division()));
}

}  // namespace orrery
