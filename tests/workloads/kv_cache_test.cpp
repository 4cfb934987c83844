#include "workloads/kv_cache.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"

namespace orrery {
namespace {

using testing::shape_of;
using testing::shipped_network;

TEST(KvCache, HoldsAKeyAndAValueOfEachKeyValueHead) {
  const NetworkShape shape = shape_of(shipped_network("llama3_70b"));
  ASSERT_EQ(shape.kv_heads, 8);
  const std::int64_t elements = 2 * shape.kv_heads * shape.head_size;
  EXPECT_EQ(kv_bytes_per_token(shape, Precision::bf16, 1), Bytes(2 * elements));
  EXPECT_EQ(kv_bytes_per_token(shape, Precision::fp8, 1), Bytes(elements));
}

TEST(KvCache, TensorParallelismDividesItDownToOneHead) {
  const NetworkShape shape = shape_of(shipped_network("llama3_70b"));
  const Bytes whole = kv_bytes_per_token(shape, Precision::bf16, 1);
  EXPECT_EQ(kv_bytes_per_token(shape, Precision::bf16, 4) * 4, whole);
  EXPECT_EQ(kv_bytes_per_token(shape, Precision::bf16, 8) * 8, whole);
  // Two ranks hold the same head.
  EXPECT_EQ(kv_bytes_per_token(shape, Precision::bf16, 16) * 8, whole);
}

TEST(KvCache, KeepsAsManyTokensAsTheWindowHas) {
  NetworkShape shape;
  EXPECT_EQ(kept_tokens(shape, 5000), 5000);
  shape.attention_window = 4096;
  EXPECT_EQ(kept_tokens(shape, 4095), 4095);
  EXPECT_EQ(kept_tokens(shape, 4096), 4096);
  EXPECT_EQ(kept_tokens(shape, 4097), 4096);
}

}  // namespace
}  // namespace orrery
