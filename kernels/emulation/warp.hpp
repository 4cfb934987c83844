#pragma once

#include <utility>

#include "kernels/emulation/grid.hpp"

// Included by intrinsics.hpp alone.
namespace orrery::kernels {

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

/// A bit for each lane whose predicate is not zero.
inline unsigned votes(const int (&predicates)[32], unsigned) {
  unsigned bits = 0;
  for (unsigned voter = 0; voter < 32; ++voter) {
    if (predicates[voter] != 0) bits |= 1u << voter;
  }
  return bits;
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
  return emulation::exchange<unsigned>("__ballot_sync", mask, predicate, emulation::votes);
}
inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}

}  // namespace orrery::kernels
