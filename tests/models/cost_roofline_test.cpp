#include <gtest/gtest.h>

#include "models/cost/cost_model.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr FlopRate kMatrixPeak = 100_TFLOPps;
constexpr FlopRate kVectorPeak = 10_TFLOPps;
constexpr Bandwidth kBandwidth = 1'000_GBps;
constexpr double kMathEfficiency = 0.5;
constexpr double kVectorEfficiency = 0.25;
constexpr double kMemoryEfficiency = 0.75;
constexpr Duration kLaunch = 2_us;

DeviceSpec device() {
  DeviceSpec device;
  device.name = "example";
  const auto set = [&](Precision precision, FlopRate peak, double efficiency) {
    device.peak[static_cast<std::size_t>(precision)] = peak;
    device.math_efficiency[static_cast<std::size_t>(precision)] = efficiency;
  };
  set(Precision::bf16, kMatrixPeak, kMathEfficiency);
  set(Precision::fp32, kVectorPeak, kVectorEfficiency);
  device.memory_bandwidth = kBandwidth;
  device.memory_efficiency = kMemoryEfficiency;
  device.kernel_launch = kLaunch;
  return device;
}

Kernel kernel(std::int64_t operations, std::int64_t bytes) {
  Kernel kernel;
  kernel.operations = Flops(operations);
  kernel.read = Bytes(bytes / 4);  // unequal parts, so that forgetting one of them shows
  kernel.written = Bytes(bytes - bytes / 4);
  return kernel;
}

class Roofline : public testing::Test {
 protected:
  Roofline() {
    const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
    const auto models = builtin_cost_models();
    model_ = models.find("roofline")->make(JsonCursor(parameters, diagnostics_), {});
  }
  KernelCost cost(const Kernel& kernel) const { return model_->cost(kernel, device_); }
  double memory_seconds(const KernelCost& cost) const {
    return cost.memory_traffic / device_.memory_bandwidth.as_double();
  }

  DeviceSpec device_ = device();
  Diagnostics diagnostics_;
  std::unique_ptr<CostModel> model_;
};

// Operations per byte at which both roofs meet: 50 TFLOP/s over 750 GB/s, 66 2/3, so 200 per 3 B.
constexpr std::int64_t kRidgeOperations = 200;
constexpr std::int64_t kRidgeBytes = 3;
constexpr std::int64_t kScale = 1'000'000'000;  // far above what a launch hides

TEST_F(Roofline, TheRidgeIsWhereTheNamedParametersPutIt) {
  ASSERT_DOUBLE_EQ(kMatrixPeak.as_double() * kMathEfficiency * kRidgeBytes,
                   kBandwidth.as_double() * kMemoryEfficiency * kRidgeOperations);
}

TEST_F(Roofline, AtTheRidgeMathAndMemoryTakeEquallyLong) {
  const KernelCost at = cost(kernel(kRidgeOperations * kScale, kRidgeBytes * kScale));
  EXPECT_DOUBLE_EQ(at.math_seconds, memory_seconds(at));
}

TEST_F(Roofline, BelowTheRidgeMemoryBoundsAndAboveItMath) {
  const std::int64_t operations = kRidgeOperations * kScale;
  const std::int64_t bytes = kRidgeBytes * kScale;
  const KernelCost below = cost(kernel(operations - kScale, bytes));
  EXPECT_LT(below.math_seconds, memory_seconds(below));
  EXPECT_EQ(below.bound, Bound::memory);
  const KernelCost above = cost(kernel(operations + kScale, bytes));
  EXPECT_GT(above.math_seconds, memory_seconds(above));
  EXPECT_EQ(above.bound, Bound::math);
}

TEST_F(Roofline, EfficienciesAreSharesOfThePeaks) {
  const std::int64_t operations = 7 * kScale;
  const std::int64_t bytes = 11 * kScale;
  const KernelCost price = cost(kernel(operations, bytes));
  EXPECT_DOUBLE_EQ(price.math_seconds,
                   static_cast<double>(operations) / (kMatrixPeak.as_double() * kMathEfficiency));
  EXPECT_DOUBLE_EQ(price.memory_traffic, static_cast<double>(bytes) / kMemoryEfficiency);
}

TEST_F(Roofline, KindsOfKernelsHaveTheirOwnShareOfMemory) {
  constexpr double kNormalization = 0.3;
  device_.kind_efficiency[2] = kNormalization;
  ASSERT_EQ(kMemoryKinds[2], "normalization");
  Kernel norm = kernel(kScale, kScale);
  norm.kind = "normalization";
  EXPECT_DOUBLE_EQ(cost(norm).memory_traffic, kScale / kNormalization);
  norm.kind = "elementwise";
  EXPECT_DOUBLE_EQ(cost(norm).memory_traffic, kScale / kMemoryEfficiency);
}

TEST_F(Roofline, TheFloorIsTheLargerRoofAtFullPeaks) {
  const Kernel heavy = kernel(5'000 * kScale, kScale);
  EXPECT_DOUBLE_EQ(cost(heavy).floor_seconds,
                   heavy.operations.as_double() / kMatrixPeak.as_double());
  const Kernel wide = kernel(kScale, kScale);
  EXPECT_DOUBLE_EQ(cost(wide).floor_seconds,
                   (wide.read + wide.written).as_double() / kBandwidth.as_double());
  for (const Kernel& any : {heavy, wide}) {
    const KernelCost price = cost(any);
    EXPECT_LE(price.floor_seconds, std::max(price.math_seconds, memory_seconds(price)));
  }
}

TEST_F(Roofline, AKernelNoLongerThanItsLaunchIsBoundByIt) {
  // math alone: operations / (50 TFLOP/s) equals the launch at 100 MFLOP.
  const auto equal =
      static_cast<std::int64_t>(kMatrixPeak.as_double() * kMathEfficiency * to_seconds(kLaunch));
  EXPECT_EQ(cost(kernel(equal, 0)).bound, Bound::launch);
  EXPECT_EQ(cost(kernel(equal + equal / 1'000, 0)).bound, Bound::math);
  EXPECT_EQ(cost(kernel(0, 0)).bound, Bound::launch);
  EXPECT_EQ(cost(kernel(0, 0)).launch, kLaunch);
}

TEST_F(Roofline, VectorPipesWorkInFp32WhateverIsStored) {
  Kernel vector = kernel(kScale, 0);
  vector.unit = MathUnit::vector;
  vector.precision = Precision::bf16;
  EXPECT_DOUBLE_EQ(cost(vector).math_seconds,
                   vector.operations.as_double() / (kVectorPeak.as_double() * kVectorEfficiency));
  vector.precision = Precision::fp8;  // the device has no such peak, and needs none
  EXPECT_EQ(model_->refusal(vector, device_), "");
}

TEST_F(Roofline, RefusesAPrecisionWithoutAPeakByName) {
  Kernel matrix = kernel(kScale, kScale);
  EXPECT_EQ(model_->refusal(matrix, device_), "");
  matrix.precision = Precision::fp8;
  EXPECT_EQ(model_->refusal(matrix, device_), "example has no fp8 peak rate");
}

TEST_F(Roofline, SaysWhichRoofAndTheNumbers) {
  // 50 TFLOP/s for 100 us; 750 GB/s for 20 us.
  const KernelCost price = cost(kernel(5'000'000'000, 15'000'000));
  EXPECT_EQ(price.why, "math-bound: math 100 us, memory 20 us, launch 2 us");
}

TEST_F(Roofline, TakesNoParameters) {
  EXPECT_TRUE(diagnostics_.empty());
  const JsonValue parameters =
      parse_json(R"({"kind": "roofline", "efficency": 0.5})", "scenario.json");
  const auto models = builtin_cost_models();
  models.find("roofline")->make(JsonCursor(parameters, diagnostics_), {});
  ASSERT_EQ(diagnostics_.count(), 1U);
  EXPECT_EQ(diagnostics_.items().front().pointer, "/efficency");
}

TEST_F(Roofline, TakesAtLeastTheTimeInWhichTheHostIssuesTheKernel) {
  const auto launch = [this](Duration host) {
    Kernel example = kernel(0, 7'500'000);
    example.host = host;
    return cost(example).launch;
  };
  const Duration busy = 10_us;  // 7.5 MB at the achievable 0.75 TB/s
  EXPECT_EQ(launch(busy + kLaunch - 1_ps), kLaunch);
  EXPECT_EQ(launch(busy + kLaunch + 1_ps), kLaunch + 1_ps);
  EXPECT_EQ(launch(busy + 90_us), 90_us);
}

}  // namespace
}  // namespace orrery
