#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace orrery::kernels {

/// How far a kernel's result is from its reference. A family's check.hpp holds functions that
/// return these; they run a kernel through a runner, `EmulatedRunner` in the tests and
/// `DeviceRunner` on a GPU, so that both judge the same kernel by the same reference. A runner has
///   Array<T>                            made from a vector or a count of zeros; data(), host()
///   launch(shape, kernel, arguments...)
struct Verdict {
  std::string kernel;
  std::vector<std::pair<std::string, std::int64_t>> shape;
  double error;      ///< as `reference::largest_error` gives it
  double tolerance;  ///< with its reason where it is set
};

/// The most by which rounding to bf16 changes a number, as a share of it: half the last of 8 bits.
inline constexpr double kBf16Rounding = 0x1p-8;
/// What remains of sums in fp32 of up to some thousand terms, as a share of the largest.
inline constexpr double kFp32Sums = 1e-5;

}  // namespace orrery::kernels
