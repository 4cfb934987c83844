#include "kernels/calibrate/session.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "kernels/calibrate/cuda.hpp"
#include "kernels/calibrate/statistics.hpp"

namespace orrery::kernels {

namespace {

constexpr int kWarmUps = 3;

std::string text(const Shape& shape) {
  std::string words;
  for (const auto& [name, value] : shape) {
    words += " " + name + "=" + std::to_string(value);
  }
  return words;
}

}  // namespace

Session::Session(int device, Options options) : options_(options) {
  require(cudaSetDevice(device), "cudaSetDevice");
  require(cudaGetDeviceProperties(&properties_, device), "cudaGetDeviceProperties");
  require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  require(cudaEventCreate(&start_), "cudaEventCreate");
  require(cudaEventCreate(&stop_), "cudaEventCreate");
  flushed_bytes_ = 2 * static_cast<std::size_t>(std::max(properties_.l2CacheSize, 1 << 20));
  require(cudaMalloc(&flushed_, flushed_bytes_), "cudaMalloc");
  deadline_ = std::chrono::steady_clock::now() +
              std::chrono::duration_cast<std::chrono::steady_clock::duration>(options_.budget);
}

Session::~Session() {
  cudaFree(flushed_);
  cudaEventDestroy(stop_);
  cudaEventDestroy(start_);
  cudaStreamDestroy(stream_);
}

bool Session::has_capability(int major, int minor) const {
  return std::pair(properties_.major, properties_.minor) >= std::pair(major, minor);
}

bool Session::has_time() const {
  return std::chrono::steady_clock::now() < deadline_;
}

bool Session::check(const std::string& kernel, const Shape& shape, double error, double tolerance) {
  const bool right = error <= tolerance;  // a NaN is wrong
  std::fprintf(stderr, "  check %s%s: error %.3g, tolerance %.3g: %s\n", kernel.c_str(),
               text(shape).c_str(), error, tolerance, right ? "right" : "WRONG");
  if (right) {
    passed_.insert(kernel);
  } else {
    passed_.erase(kernel);
    ++wrong_;
  }
  return right;
}

bool Session::may_measure(const Case& what) {
  if (options_.checks_only || wrong_ > 0) {
    return false;
  }
  if (!passed_.contains(what.kernel)) {
    throw std::logic_error(what.kernel + " was not checked before it was to be timed");
  }
  if (!has_time()) {
    ++left_out_;
    return false;
  }
  return true;
}

void Session::flush_l2(cudaStream_t stream) {
  require(cudaMemsetAsync(flushed_, 0, flushed_bytes_, stream), "cudaMemsetAsync");
}

void Session::measure(const Case& what, const std::function<void(cudaStream_t)>& work) {
  measure_parts(what, {""}, [&] {
    // The flush still runs while work is enqueued, so that the events see the device's time alone.
    flush_l2(stream_);
    require(cudaEventRecord(start_, stream_), "cudaEventRecord");
    work(stream_);
    require(cudaEventRecord(stop_, stream_), "cudaEventRecord");
    require(cudaEventSynchronize(stop_), "cudaEventSynchronize");
    float milliseconds = 0;
    require(cudaEventElapsedTime(&milliseconds, start_, stop_), "cudaEventElapsedTime");
    return std::vector<double>{milliseconds / 1e3};
  });
}

void Session::measure_parts(const Case& what, const std::vector<std::string>& parts,
                            const std::function<std::vector<double>()>& work) {
  if (!may_measure(what)) {
    return;
  }
  require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");  // what prepared the case
  const auto start = std::chrono::steady_clock::now();
  for (int run = 0; run < kWarmUps; ++run) {
    work();
  }
  std::vector<Row> rows(parts.size());
  for (std::size_t part = 0; part < parts.size(); ++part) {
    rows[part] = {.what = what, .part = parts[part], .ascending_s = {}};
  }
  for (int sample = 1; sample <= options_.most_samples; ++sample) {
    const std::vector<double> seconds = work();
    bool all_stable = true;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      std::vector<double>& sorted = rows[part].ascending_s;
      sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), seconds.at(part)),
                    seconds.at(part));
      rows[part].stable = median_is_stable(sorted, options_.stable_share);
      all_stable = all_stable && rows[part].stable;
    }
    const bool is_long = std::chrono::steady_clock::now() - start > options_.case_budget;
    if (sample >= std::max(options_.least_samples, 20) && (all_stable || is_long || !has_time())) {
      break;
    }
  }
  for (Row& row : rows) {
    const double median = quantile(row.ascending_s, 0.5);
    std::fprintf(stderr, "  %s%s %s %s: %.3f us", what.kernel.c_str(), text(what.shape).c_str(),
                 what.dtype.c_str(), row.part.c_str(), median * 1e6);
    std::fprintf(stderr, ", %.1f GFLOP/s, %.1f GB/s\n", what.flops / median / 1e9,
                 what.bytes / median / 1e9);
    rows_.push_back(std::move(row));
  }
}

}  // namespace orrery::kernels
