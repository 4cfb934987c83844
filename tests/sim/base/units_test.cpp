#include "sim/base/units.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

using namespace literals;

constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

template <class Action>
std::string overflow_message(const Action& action) {
  try {
    action();
  } catch (const OverflowError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Quantity, SumsUpToTheLimitAndThrowsBeyond) {
  EXPECT_EQ(Duration(kGreatest - 1) + Duration(1), Duration::max());
  EXPECT_EQ(overflow_message([] { (void)(Duration::max() + Duration(1)); }),
            "duration overflow: + leaves the 64-bit range");
}

TEST(Quantity, DifferencesDownToTheLimitAndThrowsBeyond) {
  EXPECT_EQ(Bytes(kLeast + 1) - Bytes(1), Bytes(kLeast));
  EXPECT_EQ(overflow_message([] { (void)(Bytes(kLeast) - Bytes(1)); }),
            "bytes overflow: - leaves the 64-bit range");
}

TEST(Quantity, MultiplesUpToTheLimitAndThrowsBeyond) {
  constexpr std::int64_t kHalf = kGreatest / 2;
  EXPECT_EQ((Flops(kHalf) * 2).count(), kGreatest - 1);
  EXPECT_EQ(overflow_message([] { (void)(2 * Flops(kHalf + 1)); }),
            "flops overflow: * leaves the 64-bit range");
}

TEST(Quantity, DivisionTruncatesTowardsZero) {
  EXPECT_EQ(Duration(7) / 2, Duration(3));
  EXPECT_EQ(Duration(-7) / 2, Duration(-3));
}

TEST(Quantity, DivisionThrowsWhereTheResultDoesNotExist) {
  EXPECT_EQ(Duration(kLeast + 1) / -1, Duration::max());
  EXPECT_THROW((void)(Duration(kLeast) / -1), OverflowError);
  EXPECT_THROW((void)(Duration(1) / 0), OverflowError);
}

TEST(Time, MovesByDurations) {
  const Time start = Time(3_us);
  EXPECT_EQ((start + 2_us).picoseconds(), 5'000'000);
  EXPECT_EQ((start + 2_us) - start, 2_us);
  EXPECT_THROW((void)(Time::max() + 1_ps), OverflowError);
}

TEST(TransferTime, OneMebibyteAtOneGigabytePerSecondIsExact) {
  EXPECT_EQ(transfer_time(1_MiB, 1_GBps), Duration(1'048'576'000));
}

TEST(TransferTime, RoundsToTheNearestPicosecondAndTiesUp) {
  // One byte takes 10^12 / rate picoseconds.
  EXPECT_EQ(transfer_time(1_B, Bandwidth(3 * kPicosecondsPerSecond)), 0_ps);  // 0.33
  EXPECT_EQ(transfer_time(1_B, Bandwidth(2 * kPicosecondsPerSecond)), 1_ps);  // 0.5
  EXPECT_EQ(transfer_time(1_B, Bandwidth(2 * kPicosecondsPerSecond + 1)), 0_ps);
  EXPECT_EQ(transfer_time(2_B, Bandwidth(3 * kPicosecondsPerSecond)), 1_ps);  // 0.67
  EXPECT_EQ(transfer_time(3_B, Bandwidth(2 * kPicosecondsPerSecond)), 2_ps);  // 1.5
}

TEST(TransferTime, NothingTakesNoTime) {
  EXPECT_EQ(transfer_time(0_B, Bandwidth(1)), 0_ps);
}

TEST(TransferTime, GreatestOperandsKeepAllBits) {
  EXPECT_EQ(transfer_time(Bytes(kGreatest), Bandwidth(kGreatest)), Duration(kPicosecondsPerSecond));
  EXPECT_EQ(transfer_time(Bytes(kGreatest), Bandwidth(kPicosecondsPerSecond)), Duration::max());
}

TEST(TransferTime, ThrowsJustBeyondTheGreatestDuration) {
  // At 10^12 - 1 B/s each byte takes a little more than a picosecond.
  const Bandwidth slower(kPicosecondsPerSecond - 1);
  EXPECT_EQ(overflow_message([&] { (void)transfer_time(Bytes(kGreatest), slower); }),
            "duration overflow: 9223372036854775807 B at 999999999999 B/s leaves the 64-bit range");
  // At 1 B/s a byte takes 10^12 ps.
  const std::int64_t most = kGreatest / kPicosecondsPerSecond;
  EXPECT_EQ(transfer_time(Bytes(most), Bandwidth(1)).count(), most * kPicosecondsPerSecond);
  EXPECT_THROW((void)transfer_time(Bytes(most + 1), Bandwidth(1)), OverflowError);
}

TEST(TransferTime, RefusesWhatOnlyOurMistakeCanAskFor) {
  EXPECT_THROW((void)transfer_time(1_B, Bandwidth(0)), InternalError);
  EXPECT_THROW((void)transfer_time(1_B, Bandwidth(-1)), InternalError);
  EXPECT_THROW((void)transfer_time(Bytes(-1), 1_GBps), InternalError);
}

TEST(WorkTime, IsWorkOverRate) {
  constexpr std::int64_t kSeconds = 3;
  EXPECT_EQ(work_time(Flops(kSeconds * kPicosecondsPerSecond), 1_TFLOPps), kSeconds * 1_s);
  EXPECT_THROW((void)work_time(Flops(kGreatest), FlopRate(1)), OverflowError);
}

TEST(DurationFromSeconds, RoundsToTheNearestPicosecond) {
  EXPECT_EQ(duration_from_seconds(1.5e-6), Duration(1'500'000));
  EXPECT_EQ(duration_from_seconds(-1.5e-6), Duration(-1'500'000));
  EXPECT_EQ(duration_from_seconds(0.0), 0_ps);
  EXPECT_EQ(duration_from_seconds(0.49e-12), 0_ps);
  EXPECT_EQ(duration_from_seconds(0.51e-12), 1_ps);
  EXPECT_EQ(duration_from_seconds(std::numeric_limits<double>::denorm_min()), 0_ps);
}

TEST(DurationFromSeconds, TiesGoAwayFromZero) {
  // 10^12 = 5^12 * 2^12, so an odd multiple of 2^-13 s is an odd number of half picoseconds.
  constexpr std::int64_t kDoubled = 244'140'625;  // 5^12: 2^-13 s in half picoseconds
  EXPECT_EQ(duration_from_seconds(0x1p-13).count(), (kDoubled + 1) / 2);
  EXPECT_EQ(duration_from_seconds(-0x1p-13).count(), -(kDoubled + 1) / 2);
}

TEST(DurationFromSeconds, ThrowsOutsideTheRange) {
  const double greatest = to_seconds(Duration::max());  // 2^63 ps, rounded to a double
  EXPECT_NO_THROW((void)duration_from_seconds(std::nextafter(greatest, 0)));
  EXPECT_NO_THROW((void)duration_from_seconds(std::nextafter(-greatest, 0)));
  const double beyond = std::nextafter(greatest, 1e9);
  EXPECT_THROW((void)duration_from_seconds(beyond), OverflowError);
  EXPECT_THROW((void)duration_from_seconds(-beyond), OverflowError);
  EXPECT_THROW((void)duration_from_seconds(1e7), OverflowError);
  EXPECT_THROW((void)duration_from_seconds(std::numeric_limits<double>::infinity()), OverflowError);
  EXPECT_THROW((void)duration_from_seconds(std::nan("")), OverflowError);
}

TEST(Literals, AgreeWithOneAnother) {
  EXPECT_EQ(1'000 * 1_ps, 1_ns);
  EXPECT_EQ(1'000 * 1_ns, 1_us);
  EXPECT_EQ(1'000 * 1_us, 1_ms);
  EXPECT_EQ(1'000 * 1_ms, 1_s);
  EXPECT_EQ(1'024 * 1_KiB, 1_MiB);
  EXPECT_EQ(1'024 * 1_MiB, 1_GiB);
  EXPECT_EQ(1'000 * 1_KB, 1_MB);
  EXPECT_EQ(8_Gbitps, 1_GBps);
}

}  // namespace
}  // namespace orrery
