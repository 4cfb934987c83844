#include "models/cost/builtin.hpp"

namespace orrery {

std::string_view to_string(Bound bound) {
  switch (bound) {
    case Bound::math:
      return "math";
    case Bound::memory:
      return "memory";
    case Bound::launch:
      return "launch";
  }
  return "?";
}

Registry<CostModelFactory> builtin_cost_models() {
  return {
      {"roofline", make_roofline,
       "launch + max(operations / math rate, bytes / memory bandwidth), measured efficiencies"},
      {"tiled_roofline", make_tiled_roofline,
       "the same, but matrix products by whole tiles and waves of the device's cores"},
      {"calibrated", make_calibrated,
       "op by op, by figures fitted to measured times of the device or of its nearest relative"}};
}

}  // namespace orrery
