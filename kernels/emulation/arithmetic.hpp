#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

// Included by intrinsics.hpp alone.
namespace orrery::kernels {

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

}  // namespace orrery::kernels
