#include "sim/base/unit_text.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

using namespace literals;

TEST(ParseDuration, KnowsItsUnits) {
  EXPECT_EQ(parse_duration("7 ps"), 7_ps);
  EXPECT_EQ(parse_duration("7 ns"), 7_ns);
  EXPECT_EQ(parse_duration("7 us"), 7_us);
  EXPECT_EQ(parse_duration("7 ms"), 7_ms);
  EXPECT_EQ(parse_duration("7 s"), 7_s);
  EXPECT_EQ(parse_duration("7 min"), 7 * 60 * 1_s);
  EXPECT_EQ(parse_duration("7 h"), 7 * 3600 * 1_s);
}

TEST(ParseDuration, IsExactWhereADoubleIsNot) {
  EXPECT_EQ(parse_duration("1.5 us"), 1'500'000 * 1_ps);
  EXPECT_EQ(parse_duration("0.1 ns"), 100_ps);
  EXPECT_EQ(parse_duration("9007199254740993 ps"), Duration(9'007'199'254'740'993));  // 2^53 + 1
  EXPECT_EQ(parse_duration("0.0000000000000000000000000001e28 ps"), 1_ps);
}

TEST(ParseDuration, RoundsToTheNearestPicosecondAndTiesUp) {
  EXPECT_EQ(parse_duration("0.5 ps"), 1_ps);
  EXPECT_EQ(parse_duration("0.4999999999999999999999999999999999999999 ps"), 0_ps);
  EXPECT_EQ(parse_duration("2.5 ps"), 3_ps);
  EXPECT_EQ(parse_duration("0.05 ps"), 0_ps);
}

TEST(ParseDuration, ReachesTheLimitAndNotBeyond) {
  EXPECT_EQ(parse_duration("9223372036854775807 ps"), Duration::max());
  EXPECT_EQ(parse_duration("9223372036854775807.4 ps"), Duration::max());
  EXPECT_EQ(parse_duration("9223372036854775807.5 ps"), std::nullopt);
  EXPECT_EQ(parse_duration("9223372036854775808 ps"), std::nullopt);
  EXPECT_EQ(parse_duration("18446744073709551616 ps"), std::nullopt);  // 2^64
  EXPECT_EQ(parse_duration("1e19 ps"), std::nullopt);
  EXPECT_EQ(parse_duration("1e999999999999999999999 s"), std::nullopt);
  EXPECT_EQ(parse_duration("1e-999999999999999999999 s"), 0_ps);
  EXPECT_EQ(parse_duration("0e999999999999999999999 s"), 0_ps);
}

TEST(ParseDuration, AcceptsOptionalSpaceAndExponents) {
  EXPECT_EQ(parse_duration("5us"), 5_us);
  EXPECT_EQ(parse_duration("1e3 us"), 1_ms);
  EXPECT_EQ(parse_duration("1E+3us"), 1_ms);
  EXPECT_EQ(parse_duration("2500e-3 us"), 2'500 * 1_ns);
  EXPECT_EQ(parse_duration("007 us"), 7_us);
}

class NoDuration : public testing::TestWithParam<std::string_view> {};

TEST_P(NoDuration, IsRejected) {
  EXPECT_EQ(parse_duration(GetParam()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(UnitText, NoDuration,
                         testing::Values("", " ", "5", "us", "5 ", " 5 us", "5 us ", "5  us",
                                         "5\tus", "-5 us", "+5 us", "nan us", "inf s", ".5 us",
                                         "5. us", "1.2.3 us", "1e us", "1e+ us", "1,5 us",
                                         "0x10 us", "5 US", "5 parsec", "5 B", "5 us/s", "5 u s"));

TEST(ParseBytes, TellsDecimalFromBinaryPrefixes) {
  EXPECT_EQ(parse_bytes("3 B"), 3_B);
  EXPECT_EQ(parse_bytes("3 kB"), 3_KB);
  EXPECT_EQ(parse_bytes("3 KB"), 3_KB);
  EXPECT_EQ(parse_bytes("3 MB"), 3_MB);
  EXPECT_EQ(parse_bytes("3 GB"), 3_GB);
  EXPECT_EQ(parse_bytes("3 TB"), 3'000 * 1_GB);
  EXPECT_EQ(parse_bytes("3 KiB"), 3_KiB);
  EXPECT_EQ(parse_bytes("3 MiB"), 3_MiB);
  EXPECT_EQ(parse_bytes("3 GiB"), 3_GiB);
  EXPECT_EQ(parse_bytes("3 TiB"), 3'072 * 1_GiB);
  EXPECT_EQ(parse_bytes("1e3 GB"), 1'000 * 1_GB);
  EXPECT_EQ(parse_bytes("0.5 KiB"), 512_B);
}

TEST(ParseBytes, RejectsBits) {
  EXPECT_EQ(parse_bytes("3 bit"), std::nullopt);
  EXPECT_EQ(parse_bytes("3 Gb"), std::nullopt);
}

TEST(ParseBandwidth, CountsEightBitsToAByte) {
  EXPECT_EQ(parse_bandwidth("450 GB/s"), 450_GBps);
  EXPECT_EQ(parse_bandwidth("400 Gbit/s"), 50_GBps);
  EXPECT_EQ(parse_bandwidth("8 bit/s"), Bandwidth(1));
  EXPECT_EQ(parse_bandwidth("8 kbit/s"), Bandwidth(1'000));
  EXPECT_EQ(parse_bandwidth("8 Mbit/s"), 1_MBps);
  EXPECT_EQ(parse_bandwidth("8 Tbit/s"), 1'000 * 1_GBps);
  EXPECT_EQ(parse_bandwidth("1 MiB/s"), Bandwidth((1_MiB).count()));
}

TEST(ParseBandwidth, RoundsBitsToTheNearestByte) {
  EXPECT_EQ(parse_bandwidth("3 bit/s"), Bandwidth(0));
  EXPECT_EQ(parse_bandwidth("4 bit/s"), Bandwidth(1));
}

TEST(ParseBandwidth, RejectsAmbiguousAndTimelessUnits) {
  EXPECT_EQ(parse_bandwidth("400 Gb/s"), std::nullopt);
  EXPECT_EQ(parse_bandwidth("400 Gbps"), std::nullopt);
  EXPECT_EQ(parse_bandwidth("400 GB"), std::nullopt);
  EXPECT_EQ(parse_bandwidth("/s"), std::nullopt);
}

TEST(ParseFlopRate, KnowsFloatingPointAndIntegerOperations) {
  EXPECT_EQ(parse_flop_rate("989 TFLOP/s"), 989_TFLOPps);
  EXPECT_EQ(parse_flop_rate("1.979 POP/s"), 1'979 * 1_TFLOPps);
  EXPECT_EQ(parse_flop_rate("5 FLOP/s"), FlopRate(5));
  EXPECT_EQ(parse_flop_rate("5 GOP/s"), FlopRate(5'000'000'000));
  EXPECT_EQ(parse_flop_rate("5 PFLOP/s"), 5'000 * 1_TFLOPps);
  EXPECT_EQ(parse_flop_rate("5 TFLOP"), std::nullopt);
  EXPECT_EQ(parse_flop_rate("5 TFLOPS"), std::nullopt);
}

TEST(ParseFrequency, KnowsItsUnits) {
  EXPECT_EQ(parse_frequency("5 Hz"), Frequency(5));
  EXPECT_EQ(parse_frequency("5 kHz"), Frequency(5'000));
  EXPECT_EQ(parse_frequency("1755 MHz"), parse_frequency("1.755 GHz"));
  EXPECT_EQ(parse_frequency("1.755 GHz"), Frequency(1'755'000'000));
  EXPECT_EQ(parse_frequency("5 hz"), std::nullopt);
}

TEST(ParsePower, CountsMilliwatts) {
  EXPECT_EQ(parse_power("5 mW"), Power(5));
  EXPECT_EQ(parse_power("700 W"), Power(700'000));
  EXPECT_EQ(parse_power("10.2 kW"), Power(10'200'000));
  EXPECT_EQ(parse_power("5 MW"), std::nullopt);
}

TEST(ToText, ShowsThreeSignificantDigits) {
  EXPECT_EQ(to_text(Duration(4'834'567'000'000)), "4.83 s");
  EXPECT_EQ(to_text(Bytes((1_GiB).count() * 25 / 2)), "12.5 GiB");
  EXPECT_EQ(to_text(450_GBps), "450 GB/s");
  EXPECT_EQ(to_text(989_TFLOPps), "989 TFLOP/s");
  EXPECT_EQ(to_text(Duration(1'234'567)), "1.23 us");
  EXPECT_EQ(to_text(90_s), "1.5 min");
  EXPECT_EQ(to_text(-1 * 5_us), "-5 us");
}

TEST(ToText, ShowsTheOwnUnitExactly) {
  EXPECT_EQ(to_text(0_ps), "0 ps");
  EXPECT_EQ(to_text(999_ps), "999 ps");
  EXPECT_EQ(to_text(1'023 * 1_B), "1023 B");
  EXPECT_EQ(to_text(1_KiB), "1 KiB");
}

TEST(ToText, RoundingMayReachTheNextUnit) {
  EXPECT_EQ(to_text(Duration(999'499)), "999 ns");
  EXPECT_EQ(to_text(Duration(999'500)), "1 us");
  EXPECT_EQ(to_text(Duration(9'994)), "9.99 ns");
  EXPECT_EQ(to_text(Duration(9'996)), "10 ns");
}

TEST(ToText, StaysInTheGreatestUnit) {
  constexpr std::int64_t kHours = 2'562;  // 2^63 ps are 2562.05 h
  EXPECT_EQ(to_text(kHours * 3'600 * 1_s), "2560 h");
  EXPECT_EQ(to_text(Duration::max()), "2560 h");
  EXPECT_EQ(to_text(Bytes::max()), "8390000 TiB");  // 2^23 TiB
}

}  // namespace
}  // namespace orrery
