#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace orrery::kernels::reference {

/// A 3x3 convolution of stride 1 with a border of zeros, as its definition says (cross-correlation,
/// as in every framework). Sizes are of the whole image.
///   input (images, height, width, inputs)   weight (outputs, 3, 3, inputs)
///   result (images, height, width, outputs)
inline std::vector<double> convolution_3x3(int images, int height, int width, int inputs,
                                           int outputs, const std::vector<double>& input,
                                           const std::vector<double>& weight) {
  const auto pixel = [&](int image, int y, int x, int channel) {
    if (y < 0 || y >= height || x < 0 || x >= width) {
      return 0.0;
    }
    const int at = ((image * height + y) * width + x) * inputs + channel;
    return input[static_cast<std::size_t>(at)];
  };
  std::vector<double> result;
  for (int at = 0; at < images * height * width; ++at) {
    for (int output = 0; output < outputs; ++output) {
      double sum = 0;
      for (int tap = 0; tap < 9; ++tap) {
        for (int channel = 0; channel < inputs; ++channel) {
          const int y = at / width % height + tap / 3 - 1;
          const int x = at % width + tap % 3 - 1;
          sum += pixel(at / width / height, y, x, channel) *
                 weight[static_cast<std::size_t>((output * 9 + tap) * inputs + channel)];
        }
      }
      result.push_back(sum);
    }
  }
  return result;
}

/// Mean and mean of squares of each group of channels of each image: (2, images, groups).
///   input (images, pixels, channels)
inline std::vector<double> group_moments(int images, int pixels, int channels, int groups,
                                         const std::vector<double>& input) {
  std::vector<double> moments(static_cast<std::size_t>(2 * images * groups));
  const int width = channels / groups;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::size_t channel = i % static_cast<std::size_t>(channels);
    const std::size_t image = i / static_cast<std::size_t>(channels * pixels);
    const std::size_t at =
        image * static_cast<std::size_t>(groups) + channel / static_cast<std::size_t>(width);
    moments[at] += input[i] / (pixels * width);
    moments[static_cast<std::size_t>(images * groups) + at] +=
        input[i] * input[i] / (pixels * width);
  }
  return moments;
}

/// Group normalisation by given moments (Wu and He, ECCV 2018, equations 1 and 7).
///   input (images, pixels, channels)   moments (2, images, groups)   scale, shift (channels)
inline std::vector<double> normalise(int images, int pixels, int channels, int groups,
                                     double epsilon, const std::vector<double>& input,
                                     const std::vector<double>& moments,
                                     const std::vector<double>& scale,
                                     const std::vector<double>& shift) {
  std::vector<double> result(input.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::size_t channel = i % static_cast<std::size_t>(channels);
    const std::size_t image = i / static_cast<std::size_t>(channels * pixels);
    const std::size_t at = image * static_cast<std::size_t>(groups) +
                           channel / static_cast<std::size_t>(channels / groups);
    const double mean = moments[at];
    const double variance = moments[static_cast<std::size_t>(images * groups) + at] - mean * mean;
    result[i] = (input[i] - mean) / std::sqrt(variance + epsilon) * scale[channel] + shift[channel];
  }
  return result;
}

}  // namespace orrery::kernels::reference
