// The emulation keeps CUDA's rules, and says so when a kernel breaks one.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "kernels/common/portable.cuh"
#include "kernels/common/warp.cuh"

namespace orrery::kernels {
namespace {

using emulation::Order;

std::string error_of(const std::function<void()>& launch) {
  try {
    launch();
  } catch (const emulation::Error& error) {
    return error.what();
  }
  return "";
}

__global__ void number_threads(int* counts, unsigned* order, unsigned* next) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned number = block * blockDim.x * blockDim.y * blockDim.z + thread;
  ++counts[number];
  order[atomicAdd(next, 1u)] = number;
}

TEST(EmulatedGrid, EveryThreadRunsOnceInAnOrderThatTheSeedDecides) {
  constexpr int kThreads = 2 * 3 * 2 * 5 * 2 * 3;
  std::set<std::vector<unsigned>> orders;
  for (const char* name : {"one", "two", "one"}) {
    std::vector<int> counts(kThreads);
    std::vector<unsigned> order(kThreads);
    unsigned next = 0;
    emulation::launch({.grid = {2, 3, 2}, .block = {5, 2, 3}}, Order::named(name), number_threads,
                      counts.data(), order.data(), &next);
    EXPECT_EQ(counts, std::vector<int>(kThreads, 1));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 2u);
}

__global__ void reverse(const int* from, int* to, bool with_barrier) {
  int(&shared)[64] = shared_memory<int[64]>();
  shared[threadIdx.x] = from[threadIdx.x];
  if (with_barrier) __syncthreads();
  to[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

TEST(EmulatedGrid, AMissingBarrierShowsInTheResult) {
  std::vector<int> from(64), to(64), expected(64);
  for (int i = 0; i < 64; ++i)
    from[static_cast<std::size_t>(i)] = expected[static_cast<std::size_t>(63 - i)] = i;
  const Launch shape{.grid = {1, 1, 1}, .block = {64, 1, 1}, .shared_bytes = 64 * sizeof(int)};
  emulation::launch(shape, Order::named("reverse"), reverse, from.data(), to.data(), true);
  EXPECT_EQ(to, expected);
  emulation::launch(shape, Order::named("reverse"), reverse, from.data(), to.data(), false);
  EXPECT_NE(to, expected);
}

__global__ void skip_barrier() {
  if (threadIdx.x != 3) __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 4) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
__global__ void skip_shuffle(int* out) {
  if (threadIdx.x != 3) out[0] = __shfl_sync(kFullWarp, 1, 0);
}
__global__ void ask_for_shared() {
  shared_memory<char[17]>();
}
__global__ void spin(const unsigned* flag) {
  while (load_acquire(flag) == 0) {
  }
}

TEST(EmulatedGrid, WhatCudaForbidsIsAnErrorThatNamesTheThread) {
  const Launch shape{.grid = {2, 1, 1}, .block = {32, 1, 1}, .shared_bytes = 16};
  int out = 0;
  const unsigned flag = 0;
  for (const char* name : {"a", "b", "c", "d"}) {
    const Order order = Order::named(name);
    EXPECT_NE(error_of([&] { emulation::launch(shape, order, skip_barrier); }).find("the kernel"),
              std::string::npos);
    EXPECT_NE(error_of([&] {
                emulation::launch(shape, order, two_barriers);
              }).find("others of its block"),
              std::string::npos);
    EXPECT_NE(
        error_of([&] { emulation::launch(shape, order, skip_shuffle, &out); }).find("__shfl_sync"),
        std::string::npos);
    EXPECT_NE(error_of([&] {
                emulation::launch(shape, order, ask_for_shared);
              }).find("asks for 17 bytes"),
              std::string::npos);
    Order impatient = order;
    impatient.switch_limit = 10'000;
    EXPECT_NE(error_of([&] {
                emulation::launch(shape, impatient, spin, &flag);
              }).find("limit of switches"),
              std::string::npos);
  }
}

TEST(EmulatedGrid, ALaunchThatNoDeviceTakesIsAnError) {
  unsigned next = 0;
  const auto launch = [&](const Launch& shape) {
    return error_of([&] {
      emulation::run_grid(shape.grid, shape.block, shape.shared_bytes, Order::named("limits"),
                          [&] { ++next; });
    });
  };
  EXPECT_EQ(launch({.grid = {1, 65535, 1}, .block = {1, 1, 1}}), "");
  EXPECT_EQ(next, 65535u);
  EXPECT_NE(launch({.grid = {1, 65536, 1}, .block = {1, 1, 1}}), "");
  EXPECT_EQ(launch({.grid = {1, 1, 1}, .block = {1024, 1, 1}, .shared_bytes = 227 << 10}), "");
  EXPECT_NE(launch({.grid = {1, 1, 1}, .block = {1025, 1, 1}}), "");
  EXPECT_NE(launch({.grid = {1, 1, 1}, .block = {1, 1, 1}, .shared_bytes = (227 << 10) + 1}), "");
  EXPECT_NE(launch({.grid = {0, 1, 1}, .block = {1, 1, 1}}), "");
}

__global__ void warp_words(int* sums, unsigned* votes, int* broadcast, int* up) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int thread = static_cast<int>(threadIdx.x);
  sums[thread] = warp_sum(thread);
  votes[thread] = __ballot_sync(kFullWarp, lane % 3 == 0);
  broadcast[thread] = __shfl_sync(kFullWarp, thread, lane / 8, 8);
  up[thread] = __shfl_up_sync(kFullWarp, thread, 1);
}

TEST(EmulatedGrid, WarpOperationsAreThoseOfTheProgrammingGuide) {
  std::vector<int> sums(64), broadcast(64), up(64);
  std::vector<unsigned> votes(64);
  emulation::launch({.grid = {1, 1, 1}, .block = {64, 1, 1}}, Order::named("warp"), warp_words,
                    sums.data(), votes.data(), broadcast.data(), up.data());
  for (int thread = 0; thread < 64; ++thread) {
    const auto i = static_cast<std::size_t>(thread);
    const int warp = thread / 32;
    const int lane = thread % 32;
    EXPECT_EQ(sums[i], warp * 32 * 32 + 31 * 32 / 2);
    EXPECT_EQ(votes[i], 0x49249249u);  // bits 0, 3, 6, ...
    EXPECT_EQ(broadcast[i], thread / 8 * 8 + lane / 8);
    EXPECT_EQ(up[i], lane == 0 ? thread : thread - 1);
  }
}

__global__ void produce_and_consume(unsigned* flag, int* data, int* seen) {
  if (blockIdx.x == 0) {
    data[0] = 42;
    store_release(flag, 1u);
  } else {
    while (load_acquire(flag) == 0) {
    }
    seen[blockIdx.x] = data[0];
  }
}

TEST(EmulatedGrid, ABlockMayWaitForAnotherThatIsResident) {
  for (const char* name : {"a", "b", "c"}) {
    unsigned flag = 0;
    int data = 0;
    std::vector<int> seen(3);
    emulation::launch({.grid = {3, 1, 1}, .block = {1, 1, 1}}, Order::named(name, 3),
                      produce_and_consume, &flag, &data, seen.data());
    EXPECT_EQ(seen, (std::vector<int>{0, 42, 42}));
  }
}

}  // namespace
}  // namespace orrery::kernels
