#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/common/verdict.hpp"
#include "kernels/moe/grouped_gemm.cuh"
#include "kernels/moe/routing.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

/// Choices of which the first experts get most: expert floor(experts u^(1 + skew)) for uniform u.
inline std::vector<int> skewed_choices(int tokens, int choices, int experts, double skew) {
  std::vector<int> chosen;
  for (const double u :
       reference::uniform(static_cast<std::size_t>(tokens * choices), "routing", 0, 1)) {
    chosen.push_back(static_cast<int>(experts * std::pow(u, 1 + skew)));
  }
  return chosen;
}

/// Routes, permutes, multiplies by each expert's weights (width x width) and brings the sum back.
template <int kM, int kN, class Runner>
std::vector<Verdict> check_experts(Runner& runner, int tokens, int choices, int experts,
                                   int width) {
  using Elements = typename Runner::template Array<bfloat16_t>;
  using Integers = typename Runner::template Array<int>;
  using Sums = typename Runner::template Array<float>;
  const auto w = static_cast<std::size_t>(width);
  const auto rows = static_cast<std::size_t>(tokens * choices);
  const auto chosen = skewed_choices(tokens, choices, experts, 2);
  const auto input =
      narrow<bfloat16_t>(reference::uniform(static_cast<std::size_t>(tokens) * w, "expert input"));
  const auto weight = narrow<bfloat16_t>(
      reference::uniform(static_cast<std::size_t>(experts) * w * w, "expert weight", -0.2, 0.2));
  const auto gate = narrow<float>(reference::uniform(rows, "expert gate", 0, 1));

  Integers chosen_array(chosen), offset(static_cast<std::size_t>(experts) + 1), position(rows),
      source(rows);
  Elements input_array(input), weight_array(weight), permuted(rows * w), products(rows * w),
      output(static_cast<std::size_t>(tokens) * w);
  Sums gate_array(gate);
  const Routing routing{.tokens = tokens,
                        .choices = choices,
                        .experts = experts,
                        .expert_of = chosen_array.data(),
                        .offset = offset.data(),
                        .position = position.data(),
                        .source = source.data()};
  const GroupedGemm product{.experts = experts,
                            .n = width,
                            .k = width,
                            .offset = offset.data(),
                            .input = permuted.data(),
                            .weight = weight_array.data(),
                            .output = products.data()};
  runner.launch(route_launch(routing), route, routing);
  runner.launch(permute_launch(routing), permute, routing,
                static_cast<const bfloat16_t*>(input_array.data()), permuted.data(), width);
  runner.launch(grouped_gemm_launch<kM, kN>(product, tokens * choices), grouped_gemm<kM, kN>,
                product);
  runner.launch(unpermute_launch(routing), unpermute, routing,
                static_cast<const bfloat16_t*>(products.data()),
                static_cast<const float*>(gate_array.data()), output.data(), width);

  // A stable sort of the choices by expert is what the routing must be.
  std::vector<int> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return chosen[static_cast<std::size_t>(a)] < chosen[static_cast<std::size_t>(b)];
  });
  std::vector<double> gathered;
  std::vector<double> multiplied;
  std::vector<double> expected(static_cast<std::size_t>(tokens) * w);
  const auto held = widen(products.host());  // what unpermute sees, rounded as it is
  for (std::size_t row = 0; row < rows; ++row) {
    const auto choice = static_cast<std::size_t>(order[row]);
    const std::size_t token = choice / static_cast<std::size_t>(choices);
    const auto expert = static_cast<std::size_t>(chosen[choice]);
    const auto x = widen(std::vector(input.begin() + static_cast<std::ptrdiff_t>(token * w),
                                     input.begin() + static_cast<std::ptrdiff_t>((token + 1) * w)));
    const auto matrix =
        widen(std::vector(weight.begin() + static_cast<std::ptrdiff_t>(expert * w * w),
                          weight.begin() + static_cast<std::ptrdiff_t>((expert + 1) * w * w)));
    const auto y = reference::gemm(1, width, width, x, matrix);
    gathered.insert(gathered.end(), x.begin(), x.end());
    multiplied.insert(multiplied.end(), y.begin(), y.end());
    for (std::size_t i = 0; i < w; ++i) {
      expected[token * w + i] += static_cast<double>(gate[choice]) * held[row * w + i];
    }
  }
  const std::vector<std::pair<std::string, std::int64_t>> shape{
      {"tokens", tokens}, {"choices", choices}, {"experts", experts}, {"width", width}};
  return {{"route", shape, reference::largest_error(widen(source.host()), widen(order)), 0},
          {"permute", shape, reference::largest_error(widen(permuted.host()), gathered), 0},
          {"grouped_gemm", shape, reference::largest_error(held, multiplied), kBf16Rounding},
          {"unpermute", shape, reference::largest_error(widen(output.host()), expected),
           kBf16Rounding}};
}

}  // namespace orrery::kernels
