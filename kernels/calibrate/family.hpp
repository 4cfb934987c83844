#pragma once

#include <string>
#include <vector>

#include "kernels/calibrate/session.hpp"

namespace orrery::kernels {

/// Benchmarks that belong together: one source file in families/ and a line in builtin.cpp.
struct Family {
  std::string name;  ///< of the file that is written, too
  std::string about;
  void (*run)(
      Session& session);  ///< checks its kernels, then times its cases, the telling ones first
};

std::vector<Family> builtin_families();

}  // namespace orrery::kernels
