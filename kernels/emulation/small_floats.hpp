#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace orrery::kernels::emulation {

/// A floating format of at most 16 bits, as CUDA's __half, __nv_bfloat16 and __nv_fp8_*: rounded to
/// nearest, ties to even.
///   kFinite  no infinities: the largest exponent holds numbers, all ones are the only NaN, and
///   what
///            is too large saturates (E4M3; Micikevicius et al. 2022, arXiv:2209.05433, table 1,
///            and the satfinite conversion that CUDA uses by default)
template <class Bits, int kExponentBits, int kMantissaBits, bool kFinite>
struct SmallFloat {
  static_assert(1 + kExponentBits + kMantissaBits == 8 * static_cast<int>(sizeof(Bits)),
                "sign, exponent and mantissa fill the bits");
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr std::uint32_t kMantissaMask = (1u << kMantissaBits) - 1;
  static constexpr std::uint32_t kExponentMask = (1u << kExponentBits) - 1;
  static constexpr std::uint32_t kNan = (kExponentMask << kMantissaBits) | kMantissaMask;
  static constexpr std::uint32_t kInfinity = kExponentMask << kMantissaBits;
  static constexpr std::uint32_t kLargest = kFinite ? kNan - 1 : kInfinity - 1;

  Bits bits;  // not initialised, as in CUDA

  static SmallFloat round(float value) {
    const auto whole = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (whole >> 31) << (kExponentBits + kMantissaBits);
    const float size = std::fabs(value);
    std::uint32_t magnitude = kNan;
    if (!std::isnan(value)) {
      magnitude = std::isinf(value) ? (kFinite ? kLargest : kInfinity) : round_magnitude(size);
    }
    return {static_cast<Bits>(sign | magnitude)};
  }

  float widen() const {
    const std::uint32_t sign = std::uint32_t{bits} >> (kExponentBits + kMantissaBits) << 31;
    const std::uint32_t exponent = (std::uint32_t{bits} >> kMantissaBits) & kExponentMask;
    const std::uint32_t mantissa = bits & kMantissaMask;
    const std::uint32_t magnitude = (exponent << kMantissaBits) | mantissa;
    if (kFinite ? magnitude == kNan : (exponent == kExponentMask && mantissa != 0)) {
      return std::numeric_limits<float>::quiet_NaN();
    }
    if (!kFinite && exponent == kExponentMask) {
      return std::bit_cast<float>(sign | 0x7f800000u);
    }
    if (exponent == 0) {  // subnormal: mantissa x 2^(1 - bias - mantissa bits)
      const float size = std::ldexp(static_cast<float>(mantissa), 1 - kBias - kMantissaBits);
      return sign != 0 ? -size : size;
    }
    const std::uint32_t wide = exponent + static_cast<std::uint32_t>(127 - kBias);
    return std::bit_cast<float>(sign | (wide << 23) | (mantissa << (23 - kMantissaBits)));
  }

 private:
  static std::uint32_t round_magnitude(float size) {
    const auto whole = std::bit_cast<std::uint32_t>(size);
    const int exponent = static_cast<int>(whole >> 23) - 127;
    if (exponent < 1 - kBias) {  // a multiple of the smallest subnormal
      return static_cast<std::uint32_t>(
          std::lrint(std::ldexp(static_cast<double>(size), kBias - 1 + kMantissaBits)));
    }
    constexpr int kDropped = 23 - kMantissaBits;
    const std::uint32_t odd = (whole >> kDropped) & 1u;
    const std::uint32_t rounded = (whole + (1u << (kDropped - 1)) - 1 + odd) >> kDropped;
    const std::uint32_t magnitude =
        rounded - (static_cast<std::uint32_t>(127 - kBias) << kMantissaBits);
    return magnitude > kLargest ? (kFinite ? kLargest : kInfinity) : magnitude;
  }
};

using Half = SmallFloat<std::uint16_t, 5, 10, false>;
using Bfloat16 = SmallFloat<std::uint16_t, 8, 7, false>;
using Fp8E4m3 = SmallFloat<std::uint8_t, 4, 3, true>;
using Fp8E5m2 = SmallFloat<std::uint8_t, 5, 2, false>;

}  // namespace orrery::kernels::emulation
