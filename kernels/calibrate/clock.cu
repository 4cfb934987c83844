#include "kernels/calibrate/launch.cuh"
#include "kernels/calibrate/report.hpp"

namespace orrery::kernels {

namespace {

/// Counts the SM's cycles while the global timer, which ticks in nanoseconds, advances by `span`.
__global__ void count_cycles(long long span, long long* cycles_and_ns) {
  long long start_ns;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start_ns));
  const long long start = clock64();
  long long now_ns = start_ns;
  while (now_ns - start_ns < span) {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now_ns));
  }
  cycles_and_ns[0] = clock64() - start;
  cycles_and_ns[1] = now_ns - start_ns;
}

}  // namespace

double measured_sm_clock_Hz() {
  const DeviceArray<long long> counted(2);
  launch({.grid = {1, 1, 1}, .block = {1, 1, 1}}, nullptr, count_cycles, 1'000'000LL,
         counted.data());
  const std::vector<long long> result = counted.host();
  return static_cast<double>(result[0]) / static_cast<double>(result[1]) * 1e9;
}

}  // namespace orrery::kernels
