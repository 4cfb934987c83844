#pragma once

#include <type_traits>

#include "kernels/calibrate/launch.cuh"

namespace orrery::kernels {

/// Random values in [low, high): the power that arithmetic draws, and with it the clock, depends on
/// the data, so that nothing is timed on zeros.
template <class T>
__global__ void fill_uniform_kernel(T* place, std::int64_t count, std::uint64_t seed, float low,
                                    float high) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    std::uint64_t bits = seed + static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15;  // splitmix64
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    const float value = low + (high - low) * static_cast<float>(bits >> 40) * 0x1p-24f;
    if constexpr (std::is_integral_v<T>) {
      place[i] = static_cast<T>(value);
    } else {
      place[i] = from_float<T>(value);
    }
  }
}

template <class T>
DeviceArray<T> random_array(std::size_t count, std::uint64_t seed, float low = -1, float high = 1) {
  DeviceArray<T> values(count);
  launch({.grid = {1024, 1, 1}, .block = {256, 1, 1}}, nullptr, fill_uniform_kernel<T>,
         values.data(), static_cast<std::int64_t>(count), seed, low, high);
  require(cudaDeviceSynchronize(), "fill");
  return values;
}

}  // namespace orrery::kernels
