#pragma once

#include <string>
#include <vector>

#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// Which pipes of a device do the arithmetic.
enum class MathUnit : unsigned char { matrix, vector };

/// What a compute op asks of a device: amounts, never times. Cost models look at the kind and the
/// shape where they know them, and always find the operations and the memory traffic.
struct Kernel {
  struct Dimension {
    std::string name;
    std::int64_t size = 0;
    friend bool operator==(const Dimension&, const Dimension&) = default;
  };

  std::string kind;  // "gemm", "attention", "elementwise", …
  Precision precision = Precision::bf16;
  MathUnit unit = MathUnit::matrix;
  Flops operations;  // 2 per multiply-add
  Bytes read;        // from device memory, each operand once
  Bytes written;
  std::vector<Dimension> shape;
  /// What the host needs to issue it, while the device still runs what came before. None: the host
  /// is far ahead, or the kernel is a node of a graph that was launched as a whole.
  Duration host;
  bool continues = false;  // a further part of a kernel that runs already: it is not launched
  bool updates = false;    // what it writes the memory adds to what is there: op-and-store

  friend bool operator==(const Kernel&, const Kernel&) = default;
};

}  // namespace orrery
