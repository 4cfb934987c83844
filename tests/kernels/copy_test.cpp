#include "kernels/copy/copy.cuh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {
namespace {

using emulation::Order;

// Counts around whole rounds of the grid: nothing, one word, a round less one, many and a rest.
TEST(CopyKernels, MoveEveryWordOnceWhateverTheNumberOfBlocks) {
  for (const int sms : {1, 3}) {
    for (const std::int64_t words : {0, 1, 511, 512, 5 * 512 + 17}) {
      const std::string name = std::to_string(sms) + " " + std::to_string(words);
      const auto count = static_cast<std::size_t>(4 * words);
      const auto a = narrow<float>(reference::uniform(count, name + "a"));
      const auto b = narrow<float>(reference::uniform(count, name + "b"));
      std::vector<float4> from(static_cast<std::size_t>(words)), other(from.size()),
          to(from.size());
      std::vector<float> sum(count), added = b;
      for (std::size_t i = 0; i < count; ++i) sum[i] = a[i] + b[i];
      if (count > 0) {
        std::memcpy(from.data(), a.data(), 4 * count);
        std::memcpy(other.data(), b.data(), 4 * count);
      }
      const auto result = [&] {
        std::vector<float> values;
        for (const float4& v : to) values.insert(values.end(), {v.x, v.y, v.z, v.w});
        return values;
      };

      emulation::launch(copy_launch(sms), Order::named(name), reduce_kernel<4>, from.data(),
                        other.data(), to.data(), words);
      EXPECT_EQ(result(), sum) << name;
      emulation::launch(copy_launch(sms), Order::named(name), op_and_store_kernel<float>, a.data(),
                        added.data(), 4 * words);
      EXPECT_EQ(added, sum) << name;
      emulation::launch(copy_launch(sms), Order::named(name), copy_kernel<4>,
                        reinterpret_cast<const uint4*>(from.data()),
                        reinterpret_cast<uint4*>(to.data()), words);
      EXPECT_EQ(result(), a) << name;
    }
  }
}

}  // namespace
}  // namespace orrery::kernels
