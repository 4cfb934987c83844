#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/reference/softmax.hpp"
#include "kernels/reference/values.hpp"
#include "kernels/softmax/three_pass.cuh"
#include "kernels/softmax/two_pass.cuh"

namespace orrery::kernels {
namespace {

using emulation::Order;

/// y of each algorithm, its passes launched one after the other.
std::map<std::string, std::vector<float>> all_softmaxes(const SoftmaxShape& shape,
                                                        const std::vector<float>& x) {
  const Launch grid = softmax_launch(shape);
  const Order order = Order::named("softmax" + std::to_string(shape.columns));
  std::vector<float2> first(static_cast<std::size_t>(shape.rows * shape.segments())), second(first);
  std::map<std::string, std::vector<float>> y;
  const auto out = [&](const char* name) {
    return y.emplace(name, std::vector<float>(x.size())).first->second.data();
  };
  const float* in = x.data();
  float* const nothing = nullptr;

  emulation::launch(grid, order, softmax_max_kernel<float>, shape, in, first.data());
  emulation::launch(grid, order, softmax_sum_kernel<float, false>, shape, in, first.data(), nothing,
                    second.data());
  emulation::launch(grid, order, softmax_recompute_kernel<float>, shape, in, second.data(),
                    out("recompute"));

  float* const reloaded = out("reload");
  emulation::launch(grid, order, softmax_sum_kernel<float, true>, shape, in, first.data(), reloaded,
                    second.data());
  emulation::launch(grid, order, softmax_reload_kernel<float>, shape, second.data(), reloaded);

  emulation::launch(grid, order, softmax_accumulate_kernel<float, ScaledFloat>, shape, in,
                    first.data());
  emulation::launch(grid, order, softmax_pairs_kernel<float>, shape, in, first.data(),
                    out("pairs"));

  emulation::launch(grid, order, softmax_accumulate_kernel<float, OnlineSum>, shape, in,
                    first.data());
  emulation::launch(grid, order, softmax_online_kernel<float>, shape, in, first.data(),
                    out("online"));
  return y;
}

/// Each element may be off by a few roundings of expf and of its argument: |x| 2^-24 relative, |x|
/// <= 90.
void expect_right(const SoftmaxShape& shape, const std::vector<float>& x) {
  const auto right = reference::softmax(static_cast<std::size_t>(shape.rows),
                                        static_cast<std::size_t>(shape.columns), widen(x));
  for (const auto& [name, y] : all_softmaxes(shape, x)) {
    EXPECT_LE(reference::largest_error(widen(y), right), 1e-5) << name << " " << shape.columns;
  }
}

TEST(Softmax, AllFourAlgorithmsAgreeWithTheReference) {
  for (const SoftmaxShape& shape :
       {SoftmaxShape{3, 1, 64}, {2, 64, 64}, {2, 65, 64}, {1, 1000, 300}, {2, 700, 2048}}) {
    const auto count = static_cast<std::size_t>(shape.rows * shape.columns);
    expect_right(shape, narrow<float>(reference::uniform(count, std::to_string(count), -10, 10)));
  }
}

// exp(500) is no float: only what a pass keeps in range survives. A row that rises and one that
// falls, so that the running maximum changes at every step or never.
TEST(Softmax, LargeElementsDoNotOverflowWhateverTheirOrder) {
  const SoftmaxShape shape{2, 600, 128};
  std::vector<float> x;
  for (int i = 0; i < 600; ++i) x.push_back(static_cast<float>(i) - 100.0f);
  for (int i = 0; i < 600; ++i) x.push_back(500.0f - static_cast<float>(i));
  expect_right(shape, x);
}

TEST(Softmax, AnExponentialIsAPairOfAMantissaAndAPowerOfTwo) {
  for (const float x : {-500.0f, -1.0f, 0.0f, 0.3f, 88.0f, 1000.0f}) {
    const float2 pair = ScaledFloat::exponential(x);
    EXPECT_GE(pair.x, 0.7071f);
    EXPECT_LE(pair.x, 1.4143f);
    EXPECT_EQ(pair.y, std::rint(pair.y));
    // The argument's reduction is exact but for its own last digit.
    EXPECT_NEAR(std::log(double{pair.x}) + double{pair.y} * std::log(2.0), double{x},
                2e-7 * std::max(1.0, std::fabs(double{x})))
        << x;
  }
}

TEST(Softmax, SegmentsAreFewEnoughForTheirCombination) {
  EXPECT_EQ(softmax_shape(1, 1000).segments(), 1);
  const SoftmaxShape largest = softmax_shape(1, 100'000'000);
  EXPECT_LE(largest.segments(), 1024);
  EXPECT_GE(std::int64_t{largest.segments()} * largest.segment, largest.columns);
}

}  // namespace
}  // namespace orrery::kernels
