#include "kernels/calibrate/family.hpp"

namespace orrery::kernels {

void run_copy(Session& session);

std::vector<Family> builtin_families() {
  return {
      {"copy", "copy, reduce and op-and-store by bytes and by SMs", run_copy},
  };
}

}  // namespace orrery::kernels
