// The small formats round as IEEE 754 and the fp8 proposal say.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/emulation/small_floats.hpp"

namespace orrery::kernels::emulation {
namespace {

template <class Format>
void every_value_is_kept(unsigned count) {
  for (unsigned bits = 0; bits < count; ++bits) {
    const Format value{static_cast<decltype(Format::bits)>(bits)};
    const float wide = value.widen();
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(Format::round(wide).widen())) << bits;
    } else {
      EXPECT_EQ(Format::round(wide).bits, bits);
    }
  }
}

TEST(SmallFloats, EveryValueSurvivesWideningAndRounding) {
  every_value_is_kept<Half>(1u << 16);
  every_value_is_kept<Bfloat16>(1u << 16);
  every_value_is_kept<Fp8E4m3>(1u << 8);
  every_value_is_kept<Fp8E5m2>(1u << 8);
}

template <class Format>
void midpoints_go_to_even(unsigned largest) {
  for (unsigned bits = 0; bits < largest; ++bits) {
    using Bits = decltype(Format::bits);
    const float below = Format{static_cast<Bits>(bits)}.widen();
    const float above = Format{static_cast<Bits>(bits + 1)}.widen();
    const float middle = below + (above - below) / 2;  // exact: a float has more digits
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(Format::round(middle).bits, even);
    EXPECT_EQ(Format::round(std::nextafter(middle, below)).bits, bits);
    EXPECT_EQ(Format::round(std::nextafter(middle, above)).bits, bits + 1);
  }
}

TEST(SmallFloats, TiesGoToEven) {
  midpoints_go_to_even<Half>(0x7bff);   // 65504, the largest (IEEE 754-2019, table 3.5)
  midpoints_go_to_even<Fp8E4m3>(0x7e);  // 448 (arXiv:2209.05433, table 1)
  midpoints_go_to_even<Fp8E5m2>(0x7b);  // 57344
}

TEST(SmallFloats, LargeValuesOverflowOrSaturate) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Half::round(65520.0f).widen(), infinity);  // half a step above the largest
  EXPECT_EQ(Half::round(65519.0f).widen(), 65504.0f);
  EXPECT_EQ(Bfloat16::round(-infinity).widen(), -infinity);
  EXPECT_EQ(Fp8E4m3::round(1e9f).widen(), 448.0f);
  EXPECT_EQ(Fp8E4m3::round(-infinity).widen(), -448.0f);
}

}  // namespace
}  // namespace orrery::kernels::emulation
