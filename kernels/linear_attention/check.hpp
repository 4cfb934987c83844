#pragma once

#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/common/verdict.hpp"
#include "kernels/linear_attention/linear_attention.cuh"
#include "kernels/reference/linear_attention.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

/// All three kernels, one after another, from random tensors and a random initial state.
template <int kD, class Runner>
std::vector<Verdict> check_linear_attention(Runner& runner, int heads, int tokens) {
  const auto count = static_cast<std::size_t>(heads) * static_cast<std::size_t>(tokens) * kD;
  const std::size_t states = static_cast<std::size_t>(heads) * kD * kD;
  const auto chunks = static_cast<unsigned>(tokens / kAttentionChunk);
  const auto query = narrow<bfloat16_t>(reference::uniform(count, "linear attention query"));
  const auto key = narrow<bfloat16_t>(reference::uniform(count, "linear attention key"));
  const auto value = narrow<bfloat16_t>(reference::uniform(count, "linear attention value"));
  const auto initial = narrow<float>(reference::uniform(states, "linear attention state", -4, 4));

  using Elements = typename Runner::template Array<bfloat16_t>;
  using Sums = typename Runner::template Array<float>;
  Elements query_array(query), key_array(key), value_array(value), output(count);
  Elements prefix(states * chunks);
  Sums initial_array(initial), state(states * chunks), final(states);
  const LinearAttention args{.heads = heads,
                             .tokens = tokens,
                             .query = query_array.data(),
                             .key = key_array.data(),
                             .value = value_array.data(),
                             .state = state.data(),
                             .initial = initial_array.data(),
                             .prefix = prefix.data(),
                             .final = final.data(),
                             .output = output.data()};
  runner.launch(chunk_state_launch<kD>(args), chunk_state<kD>, args);
  runner.launch(state_prefix_launch<kD>(args), state_prefix<kD>, args);
  runner.launch(chunk_output_launch(args), chunk_output<kD>, args);

  const auto expected = reference::linear_attention(heads, tokens, kD, widen(query), widen(key),
                                                    widen(value), widen(initial));
  const double state_error = reference::largest_error(widen(final.host()), expected.final);
  return {
      {"chunk_state", {{"heads", heads}, {"tokens", tokens}, {"d", kD}}, state_error, kFp32Sums},
      {"state_prefix", {{"heads", heads}, {"tokens", tokens}, {"d", kD}}, state_error, kFp32Sums},
      // Scores, prefix and output are each rounded to bf16 once.
      {"chunk_output",
       {{"heads", heads}, {"tokens", tokens}, {"d", kD}},
       reference::largest_error(widen(output.host()), expected.output),
       3 * kBf16Rounding}};
}

}  // namespace orrery::kernels
