#pragma once

#include <cuda_runtime.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/calibrate/shapes.hpp"

namespace orrery::kernels {

/// What is timed.
struct Case {
  std::string kernel;
  Shape shape;
  std::string dtype;
  double flops = 0;  ///< arithmetic operations asked for, a multiply-add being two
  double bytes = 0;  ///< bytes that must move between the chip and its memory
};

/// Seconds of one case, or of one part of it when several kernels run at once.
struct Row {
  Case what;
  std::string part;  ///< empty: the whole
  std::vector<double> ascending_s;
  bool stable = false;
};

/// Runs the cases of one family on one device until its time is up.
class Session {
 public:
  struct Options {
    bool checks_only = false;
    std::chrono::duration<double> budget{60};
    int least_samples = 20;  ///< at least 20
    int most_samples = 200;
    std::chrono::duration<double> case_budget{1.5};  ///< ends a case that has its least samples
    double stable_share = 0.01;                      ///< of the median; see median_is_stable
  };

  Session(int device, Options options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Says how far a kernel's result is from its reference. Without a passed check no case of the
  /// kernel is timed. Returns whether it passed.
  bool check(const std::string& kernel, const Shape& shape, double error, double tolerance);

  /// Times `work`, which enqueues one run on the stream it is given: L2 flushed before each run,
  /// three runs of warm-up, at least 20 samples and more until the median is stable. A case that
  /// finds no time left is counted and left out.
  void measure(const Case& what, const std::function<void(cudaStream_t)>& work);

  /// As measure, for work that takes its own times: each call returns seconds, one for each part.
  void measure_parts(const Case& what, const std::vector<std::string>& parts,
                     const std::function<std::vector<double>()>& work);

  /// Writes over twice the L2 cache, so that nothing of interest is left in it.
  void flush_l2(cudaStream_t stream);

  const cudaDeviceProp& device() const { return properties_; }
  int sms() const { return properties_.multiProcessorCount; }
  /// At least compute capability major.minor?
  bool has_capability(int major, int minor) const;
  bool has_time() const;
  bool checks_only() const { return options_.checks_only; }
  const std::vector<Row>& rows() const { return rows_; }
  int left_out() const { return left_out_; }
  int wrong() const { return wrong_; }

 private:
  bool may_measure(const Case& what);

  Options options_;
  cudaDeviceProp properties_{};
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
  void* flushed_ = nullptr;
  std::size_t flushed_bytes_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  std::set<std::string> passed_;
  std::vector<Row> rows_;
  int left_out_ = 0;
  int wrong_ = 0;
};

}  // namespace orrery::kernels
