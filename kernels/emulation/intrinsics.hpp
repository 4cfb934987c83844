#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <utility>

#include "kernels/emulation/grid.hpp"
#include "kernels/emulation/small_floats.hpp"

// The words of CUDA C++ that the kernels use, for a host compiler. Source of each meaning: CUDA C++
// Programming Guide, "C++ Language Extensions". A word that is missing is added here when a kernel
// needs it.

#define __global__ inline
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

// In the kernels' namespace: its code finds them as it finds CUDA's own in the global one.
namespace orrery::kernels {

using dim3 = emulation::Dim3;
using emulation::blockDim;
using emulation::blockIdx;
using emulation::gridDim;
using emulation::threadIdx;

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}
inline float2 make_float2(float x, float y) {
  return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

inline void __syncthreads(std::source_location place = std::source_location::current()) {
  emulation::block_barrier(place.file_name(), place.line());
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {
  emulation::yield();
}

inline constexpr unsigned kFullWarp = 0xffffffffu;

namespace emulation {

/// Applies `pick(values, lane)` for each lane in the mask, `values` being those of all lanes.
template <class Out, class In, class Pick>
Out exchange(const char* name, unsigned mask, const In& value, const Pick& pick) {
  Out result{};
  warp_collective(name, mask, &value, &result,
                  [&pick](const void* const(&in)[32], void* const(&out)[32]) {
                    In values[32] = {};
                    for (unsigned lane = 0; lane < 32; ++lane) {
                      if (in[lane] != nullptr) values[lane] = *static_cast<const In*>(in[lane]);
                    }
                    for (unsigned lane = 0; lane < 32; ++lane) {
                      if (out[lane] != nullptr) {
                        *static_cast<Out*>(out[lane]) = pick(values, lane);
                      }
                    }
                  });
  return result;
}

/// Lane `source` of the segment of `width` lanes in which `lane` lies; its own when outside.
inline unsigned shuffle_source(unsigned lane, int source, int width) {
  const int start = static_cast<int>(lane) / width * width;
  return source < start || source >= start + width ? lane : static_cast<unsigned>(source);
}

}  // namespace emulation

inline void __syncwarp(unsigned mask = kFullWarp) {
  emulation::exchange<int>("__syncwarp", mask, 0, [](const int(&)[32], unsigned) { return 0; });
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  // Each lane may name another source, so that it travels with the value.
  const std::pair<T, int> input{value, source};
  return emulation::exchange<T>("__shfl_sync", mask, input,
                                [width](const std::pair<T, int>(&all)[32], unsigned lane) {
                                  const int start = static_cast<int>(lane) / width * width;
                                  return all[start + (all[lane].second & (width - 1))].first;
                                });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  return emulation::exchange<T>(
      "__shfl_xor_sync", mask, value, [lane_mask, width](const T(&all)[32], unsigned lane) {
        return all[emulation::shuffle_source(lane, static_cast<int>(lane) ^ lane_mask, width)];
      });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return emulation::exchange<T>(
      "__shfl_down_sync", mask, value, [delta, width](const T(&all)[32], unsigned lane) {
        return all[emulation::shuffle_source(lane, static_cast<int>(lane + delta), width)];
      });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return emulation::exchange<T>(
      "__shfl_up_sync", mask, value, [delta, width](const T(&all)[32], unsigned lane) {
        const int source = static_cast<int>(lane) - static_cast<int>(delta);
        return all[emulation::shuffle_source(lane, source, width)];
      });
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return emulation::exchange<unsigned>("__ballot_sync", mask, predicate,
                                       [](const int(&all)[32], unsigned) {
                                         unsigned votes = 0;
                                         for (unsigned lane = 0; lane < 32; ++lane) {
                                           votes |= (all[lane] != 0 ? 1u : 0u) << lane;
                                         }
                                         return votes;
                                       });
}
inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}

// Atomic operations: nobody else runs between two waits.
template <class T>
T atomicAdd(T* place, T value) {
  return std::exchange(*place, static_cast<T>(*place + value));
}
template <class T>
T atomicMax(T* place, T value) {
  return std::exchange(*place, std::max(*place, value));
}
template <class T>
T atomicMin(T* place, T value) {
  return std::exchange(*place, std::min(*place, value));
}
template <class T>
T atomicOr(T* place, T value) {
  return std::exchange(*place, static_cast<T>(*place | value));
}
template <class T>
T atomicExch(T* place, T value) {
  return std::exchange(*place, value);
}
template <class T>
T atomicCAS(T* place, T expected, T value) {
  return *place == expected ? std::exchange(*place, value) : *place;
}

// Integer arithmetic.
inline int __popc(unsigned bits) {
  return std::popcount(bits);
}
inline int __popcll(unsigned long long bits) {
  return std::popcount(bits);
}
inline int __clz(int bits) {
  return std::countl_zero(static_cast<unsigned>(bits));
}
inline int __ffs(int bits) {
  return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1;
}
inline int __dp4a(int a, int b, int sum) {
  for (int byte = 0; byte < 4; ++byte) {
    sum += static_cast<std::int8_t>(a >> (8 * byte)) * static_cast<std::int8_t>(b >> (8 * byte));
  }
  return sum;
}

// Floating arithmetic: the fast forms are as exact as the host's. exp2f, fmaf and others are
// <cmath>'s.
inline float __expf(float x) {
  return std::exp(x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline float rsqrtf(float x) {
  return 1.0f / std::sqrt(x);
}
inline float __int_as_float(int bits) {
  return std::bit_cast<float>(bits);
}
inline int __float_as_int(float value) {
  return std::bit_cast<int>(value);
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}

template <class T>
T __ldg(const T* place) {
  return *place;
}

using std::max;
using std::min;

}  // namespace orrery::kernels
