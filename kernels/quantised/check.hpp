#pragma once

#include <cmath>
#include <string_view>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/common/verdict.hpp"
#include "kernels/quantised/bit_serial_gemm.cuh"
#include "kernels/quantised/lookup_gemv.cuh"
#include "kernels/quantised/mixed_gemm.cuh"
#include "kernels/quantised/w4a8_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/low_bit.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

/// Random integers in [low, high] that belong to a name.
template <class T>
std::vector<T> integers(std::size_t count, std::string_view name, double low, double high) {
  std::vector<T> result;
  for (const double value : reference::uniform(count, name, low, high + 1)) {
    result.push_back(static_cast<T>(std::floor(value)));
  }
  return result;
}

/// Rows of 4-bit integers as words of eight.
inline std::vector<std::uint32_t> pack_plain(const std::vector<std::int8_t>& values) {
  std::vector<std::uint32_t> words;
  for (std::size_t i = 0; i < values.size(); i += 8) {
    words.push_back(pack_int4(values.data() + i));
  }
  return words;
}
inline std::vector<std::uint32_t> pack_to_widen(const std::vector<std::int8_t>& values) {
  std::vector<std::uint32_t> words;
  for (std::size_t i = 0; i < values.size() / 8; ++i) {
    words.push_back(pack_int4_to_widen(values.data() + i / 4 * 32, static_cast<int>(i % 4)));
  }
  return words;
}

template <int kM, int kN, class Runner>
std::vector<Verdict> check_w4a8(Runner& runner, int m, int n, int k) {
  const auto rows = static_cast<std::size_t>(m);
  const auto columns = static_cast<std::size_t>(n);
  const auto depth = static_cast<std::size_t>(k);
  const auto weights = reference::progressive(columns, depth, kWeightGroup,
                                              reference::uniform(columns * depth, "w4a8 weight"));
  const auto activation = integers<std::int8_t>(rows * depth, "w4a8 activation", -127, 127);
  const auto scale = narrow<float>(reference::uniform(rows, "w4a8 scale", 0.001, 0.01));

  typename Runner::template Array<std::int8_t> activation_array(activation);
  typename Runner::template Array<float> scale_array(scale), channel(weights.channel_scale);
  typename Runner::template Array<std::uint32_t> weight(pack_to_widen(weights.q));
  typename Runner::template Array<std::uint8_t> group(weights.group_scale),
      offset(weights.group_offset);
  typename Runner::template Array<bfloat16_t> output(rows * columns);
  const W4A8Gemm args{.m = m,
                      .n = n,
                      .k = k,
                      .activation = activation_array.data(),
                      .activation_scale = scale_array.data(),
                      .weight = weight.data(),
                      .group_scale = group.data(),
                      .group_offset = offset.data(),
                      .channel_scale = channel.data(),
                      .output = output.data()};
  runner.launch(w4a8_gemm_launch<kM, kN>(args), w4a8_gemm<kM, kN>, args);

  auto expected =
      reference::gemm(m, n, k, widen(activation), reference::widened(weights, kWeightGroup));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] *= double{scale[i / columns]} * double{weights.channel_scale[i % columns]};
  }
  return {{"w4a8_gemm",
           {{"m", m}, {"n", n}, {"k", k}},
           reference::largest_error(widen(output.host()), expected),
           kBf16Rounding + kFp32Sums}};
}

template <int kM, int kN, class Runner>
std::vector<Verdict> check_mixed(Runner& runner, int m, int n, int k8, int k4, int blocks) {
  const auto rows = static_cast<std::size_t>(m);
  const auto columns = static_cast<std::size_t>(n);
  const auto deep8 = static_cast<std::size_t>(k8);
  const auto deep4 = static_cast<std::size_t>(k4);
  const auto a8 = integers<std::int8_t>(rows * deep8, "mixed activation of 8 bits", -127, 127);
  const auto a4 = integers<std::int8_t>(rows * deep4, "mixed activation of 4 bits", -8, 7);
  const auto b8 = integers<std::int8_t>(columns * deep8, "mixed weight beside 8 bits", -8, 7);
  const auto b4 = integers<std::int8_t>(columns * deep4, "mixed weight beside 4 bits", -8, 7);
  const auto scale8 = narrow<float>(reference::uniform(rows, "mixed scale of 8 bits", 0.01, 0.1));
  const auto scale4 = narrow<float>(reference::uniform(rows, "mixed scale of 4 bits", 0.1, 1));
  const auto scale_w = narrow<float>(reference::uniform(columns, "mixed scale of weights", 0.1, 1));

  using Words = typename Runner::template Array<std::uint32_t>;
  typename Runner::template Array<std::int8_t> a8_array(a8);
  Words a4_array(pack_plain(a4)), b8_array(pack_to_widen(b8)), b4_array(pack_plain(b4));
  typename Runner::template Array<float> scale8_array(scale8), scale4_array(scale4),
      scale_w_array(scale_w), output(rows * columns);
  typename Runner::template Array<unsigned> next(1);
  const MixedGemm args{.m = m,
                       .n = n,
                       .k8 = k8,
                       .k4 = k4,
                       .activation8 = a8_array.data(),
                       .activation4 = a4_array.data(),
                       .scale8 = scale8_array.data(),
                       .scale4 = scale4_array.data(),
                       .weight8 = b8_array.data(),
                       .weight4 = b4_array.data(),
                       .weight_scale = scale_w_array.data(),
                       .next_tile = next.data(),
                       .output = output.data()};
  runner.launch(mixed_gemm_launch<kM, kN>(blocks), mixed_gemm<kM, kN>, args);

  const auto part8 = reference::gemm(m, n, k8, widen(a8), widen(b8));
  const auto part4 = reference::gemm(m, n, k4, widen(a4), widen(b4));
  std::vector<double> expected;
  for (std::size_t i = 0; i < part8.size(); ++i) {
    expected.push_back(double{scale_w[i % columns]} * (double{scale8[i / columns]} * part8[i] +
                                                       double{scale4[i / columns]} * part4[i]));
  }
  return {{"mixed_gemm",
           {{"m", m}, {"n", n}, {"k8", k8}, {"k4", k4}, {"blocks", blocks}},
           reference::largest_error(widen(output.host()), expected),
           kFp32Sums}};
}

template <class Index, int kEntries, int kV, class Runner>
std::vector<Verdict> check_lookup(Runner& runner, int n, int k) {
  const auto rows = static_cast<std::size_t>(n);
  const auto depth = static_cast<std::size_t>(k);
  const auto index = integers<Index>(rows * depth / kV, "lookup index", 0, kEntries - 1);
  const auto codebook =
      narrow<bfloat16_t>(reference::uniform(std::size_t{kEntries} * kV, "lookup codebook"));
  const auto x = narrow<bfloat16_t>(reference::uniform(depth, "lookup x"));
  typename Runner::template Array<Index> index_array(index);
  typename Runner::template Array<bfloat16_t> codebook_array(codebook), x_array(x);
  typename Runner::template Array<float> y(rows);
  const LookupGemv<Index> args{.n = n,
                               .k = k,
                               .index = index_array.data(),
                               .codebook = codebook_array.data(),
                               .x = x_array.data(),
                               .y = y.data()};
  runner.launch(lookup_gemv_launch<Index, kEntries, kV>(args), lookup_gemv<Index, kEntries, kV>,
                args);
  std::vector<double> weights;
  for (const Index entry : index) {
    for (std::size_t i = 0; i < kV; ++i) {
      weights.push_back(double{to_float(codebook[std::size_t{entry} * kV + i])});
    }
  }
  return {{"lookup_gemv",
           {{"n", n}, {"k", k}, {"entries", kEntries}, {"v", kV}},
           reference::largest_error(widen(y.host()), reference::gemm(n, 1, k, weights, widen(x))),
           kFp32Sums}};
}

/// Both ways of one product.
template <int kP, int kQ, int kM, int kN, class Runner>
std::vector<Verdict> check_bit_serial(Runner& runner, int m, int n, int k) {
  const auto rows = static_cast<std::size_t>(m);
  const auto columns = static_cast<std::size_t>(n);
  const auto depth = static_cast<std::size_t>(k);
  const auto a = integers<std::uint32_t>(kP * rows * depth / 32, "bits a", 0, 0xffffffffU);
  const auto b = integers<std::uint32_t>(kQ * columns * depth / 32, "bits b", 0, 0xffffffffU);
  typename Runner::template Array<std::uint32_t> a_array(a), b_array(b);
  typename Runner::template Array<std::int32_t> by_mma(rows * columns), by_popc(rows * columns);
  BitSerialGemm args{
      .m = m, .n = n, .k = k, .a = a_array.data(), .b = b_array.data(), .c = by_mma.data()};
  runner.launch(bit_serial_mma_launch<kM, kN>(args), bit_serial_mma<kP, kQ, kM, kN>, args);
  args.c = by_popc.data();
  runner.launch(bit_serial_popc_launch<kP, kQ>(args), bit_serial_popc<kP, kQ>, args);

  const auto expected = reference::gemm(m, n, k, reference::bipolar(kP, rows, depth, a),
                                        reference::bipolar(kQ, columns, depth, b));
  const std::vector<std::pair<std::string, std::int64_t>> shape{
      {"m", m}, {"n", n}, {"k", k}, {"p", kP}, {"q", kQ}};
  return {{"bit_serial_mma", shape, reference::largest_error(widen(by_mma.host()), expected), 0},
          {"bit_serial_popc", shape, reference::largest_error(widen(by_popc.host()), expected), 0}};
}

}  // namespace orrery::kernels
