// What a price of the calibrated cost model costs: of a shape for the first time, and again.
#include <benchmark/benchmark.h>

#include "models/cost/calibration.hpp"

namespace {

using namespace orrery;

DeviceSpec device() {
  DeviceSpec device;
  device.name = "example";
  device.architecture = "Hopper";
  device.cores = 132;
  for (auto& peak : device.peak) peak = FlopRate(1'000'000'000'000'000);
  device.math_efficiency.fill(1);
  device.memory_bandwidth = Bandwidth(3'000'000'000'000);
  device.memory_efficiency = 1;
  return device;
}

Kernel product(std::int64_t m) {
  Kernel kernel;
  kernel.kind = "gemm";
  kernel.operations = Flops(2) * m * 4096 * 4096;
  kernel.read = Bytes(2) * (m * 4096 + 4096 * 4096);
  kernel.written = Bytes(2) * m * 4096;
  kernel.shape = {{"batch", 1}, {"m", m}, {"n", 4096}, {"k", 4096}};
  return kernel;
}

std::unique_ptr<CostModel> calibrated() {
  static Diagnostics diagnostics;
  static const JsonValue parameters = json_object({{"kind", json_string("calibrated")}});
  const auto models = builtin_cost_models();
  return models.find("calibrated")->make(JsonCursor(parameters, diagnostics), {});
}

void price_of_a_new_shape(benchmark::State& state) {
  const auto model = calibrated();
  const DeviceSpec on = device();
  std::int64_t m = 1;
  for (auto _ : state) benchmark::DoNotOptimize(model->cost(product(m++), on));
}
BENCHMARK(price_of_a_new_shape);

void price_of_a_known_shape(benchmark::State& state) {
  const auto model = calibrated();
  const DeviceSpec on = device();
  const Kernel kernel = product(128);
  for (auto _ : state) benchmark::DoNotOptimize(model->cost(kernel, on));
}
BENCHMARK(price_of_a_known_shape);

}  // namespace
