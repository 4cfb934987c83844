#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/common/verdict.hpp"

namespace orrery::kernels {

/// Every verdict within its tolerance, of which a NaN is outside.
inline void expect_right(const std::vector<Verdict>& verdicts) {
  ASSERT_FALSE(verdicts.empty());
  for (const Verdict& verdict : verdicts) {
    std::string name = verdict.kernel;
    for (const auto& [key, value] : verdict.shape) {
      name += " " + key + "=" + std::to_string(value);
    }
    EXPECT_LE(verdict.error, verdict.tolerance) << name;
  }
}

}  // namespace orrery::kernels
