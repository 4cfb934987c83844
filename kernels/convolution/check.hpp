#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/common/verdict.hpp"
#include "kernels/convolution/convolution.cuh"
#include "kernels/convolution/group_norm.cuh"
#include "kernels/reference/convolution.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

/// Rows [first, first + rows) of each image of a tensor (images, height, row_size); none outside
/// it.
template <class T>
std::vector<T> rows_of(const std::vector<T>& tensor, int images, int height, int first, int rows) {
  std::vector<T> band;
  if (first < 0 || first + rows > height) {
    return band;
  }
  const std::size_t row_size = tensor.size() / static_cast<std::size_t>(images * height);
  for (int image = 0; image < images; ++image) {
    const std::size_t from = static_cast<std::size_t>(image * height + first) * row_size;
    band.insert(band.end(), tensor.begin() + static_cast<std::ptrdiff_t>(from),
                tensor.begin() +
                    static_cast<std::ptrdiff_t>(from + static_cast<std::size_t>(rows) * row_size));
  }
  return band;
}

/// `bands` bands of an image, each with its neighbours' rows as halo, against the convolution of
/// the whole.
template <int kM, int kN, class Runner>
std::vector<Verdict> check_convolution(Runner& runner, Convolution args, int bands) {
  using Elements = typename Runner::template Array<bfloat16_t>;
  const int height = args.rows * bands;
  const auto size = [](int a, int b, int c, int d) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b) * static_cast<std::size_t>(c) *
           static_cast<std::size_t>(d);
  };
  const auto input = narrow<bfloat16_t>(
      reference::uniform(size(args.images, height, args.width, args.inputs), "convolution input"));
  const auto weight = narrow<bfloat16_t>(
      reference::uniform(size(args.outputs, 3, 3, args.inputs), "convolution weight"));
  const auto expected = reference::convolution_3x3(args.images, height, args.width, args.inputs,
                                                   args.outputs, widen(input), widen(weight));
  Elements weight_array(weight);
  double error = 0;
  for (int band = 0; band < bands; ++band) {
    const int first = band * args.rows;
    Elements own(rows_of(input, args.images, height, first, args.rows));
    const auto above = rows_of(input, args.images, height, first - 1, 1);
    const auto below = rows_of(input, args.images, height, first + args.rows, 1);
    // A device array of no elements is none; an address that must not be read stands in for it.
    Elements above_array(above.empty() ? std::vector<bfloat16_t>(1) : above);
    Elements below_array(below.empty() ? std::vector<bfloat16_t>(1) : below);
    Elements output(size(args.images, args.rows, args.width, args.outputs));
    args.input = own.data();
    args.halo_above = above.empty() ? nullptr : above_array.data();
    args.halo_below = below.empty() ? nullptr : below_array.data();
    args.weight = weight_array.data();
    args.output = output.data();
    runner.launch(convolve_3x3_launch<kM, kN>(args), convolve_3x3<kM, kN>, args);
    const double band_error = reference::largest_error(
        widen(output.host()), rows_of(expected, args.images, height, first, args.rows));
    error = band_error <= error ? error : band_error;  // a NaN stays
  }
  return {{"convolve_3x3",
           {{"images", args.images},
            {"rows", args.rows},
            {"width", args.width},
            {"inputs", args.inputs},
            {"outputs", args.outputs}},
           error,
           kBf16Rounding}};  // of the output
}

/// Statistics of one band, and its normalisation by corrected ones. The first group's are such that
/// the corrected variance is negative.
template <class Runner>
std::vector<Verdict> check_group_norm(Runner& runner, GroupNorm args) {
  using Elements = typename Runner::template Array<bfloat16_t>;
  using Sums = typename Runner::template Array<float>;
  const auto channels = static_cast<std::size_t>(args.channels);
  const auto second = static_cast<std::size_t>(args.images * args.groups);
  const std::size_t count = static_cast<std::size_t>(args.images * args.pixels) * channels;
  const auto moments = [&](const std::vector<double>& x) {
    return reference::group_moments(args.images, args.pixels, args.channels, args.groups, x);
  };
  const auto input = narrow<bfloat16_t>(reference::uniform(count, "norm input", -1, 2));
  auto own = moments(reference::uniform(count, "norm own, a step ago", -1, 2));
  const auto all = moments(reference::uniform(count, "norm all, a step ago", -2, 2));
  own[second] = 9;  // far more than the band has now
  const auto scale = narrow<float>(reference::uniform(channels, "norm scale"));
  const auto shift = narrow<float>(reference::uniform(channels, "norm shift"));

  Elements input_array(input), output(count);
  Sums partial(2 * second), all_array(narrow<float>(all)), own_array(narrow<float>(own));
  Sums scale_array(scale), shift_array(shift);
  args.input = input_array.data();
  args.partial = partial.data();
  args.stale_all = all_array.data();
  args.stale_own = own_array.data();
  args.scale = scale_array.data();
  args.shift = shift_array.data();
  args.output = output.data();
  runner.launch(group_norm_partial_launch(args), group_norm_partial, args);
  runner.launch(group_norm_normalise_launch(args), group_norm_normalise, args);

  const auto fresh = moments(widen(input));
  auto corrected = fresh;
  for (std::size_t at = 0; at < second; ++at) {
    const double mean = all[at] + fresh[at] - own[at];
    const double squares = all[second + at] + fresh[second + at] - own[second + at];
    if (squares >= mean * mean) {
      corrected[at] = mean;
      corrected[second + at] = squares;
    }
  }
  const auto expected = reference::normalise(args.images, args.pixels, args.channels, args.groups,
                                             static_cast<double>(args.epsilon), widen(input),
                                             corrected, widen(scale), widen(shift));
  const std::vector<std::pair<std::string, std::int64_t>> shape{{"images", args.images},
                                                                {"pixels", args.pixels},
                                                                {"channels", args.channels},
                                                                {"groups", args.groups}};
  return {{"group_norm_partial", shape, reference::largest_error(widen(partial.host()), fresh),
           kFp32Sums},
          {"group_norm_normalise", shape, reference::largest_error(widen(output.host()), expected),
           kBf16Rounding + kFp32Sums}};
}

}  // namespace orrery::kernels
