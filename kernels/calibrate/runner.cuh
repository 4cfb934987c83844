#pragma once

#include "kernels/calibrate/cuda.hpp"
#include "kernels/calibrate/session.hpp"
#include "kernels/common/verdict.hpp"

namespace orrery::kernels {

/// Runs kernels on the current device.
struct DeviceRunner {
  template <class T>
  using Array = DeviceArray<T>;

  template <class... Parameters, class... Arguments>
  void launch(const Launch& shape, void (*kernel)(Parameters...), Arguments... arguments) const {
    kernels::launch(shape, nullptr, kernel, arguments...);
  }
};

/// Hands a family's verdicts to the session.
inline void report(Session& session, const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    session.check(verdict.kernel, verdict.shape, verdict.error, verdict.tolerance);
  }
}

}  // namespace orrery::kernels
