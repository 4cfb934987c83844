#pragma once

#include <memory>

#include "models/cost/cost_model.hpp"

namespace orrery {

std::unique_ptr<CostModel> make_calibrated(JsonCursor parameters, const CostSite& site);
std::unique_ptr<CostModel> make_roofline(JsonCursor parameters, const CostSite& site);
std::unique_ptr<CostModel> make_tiled_roofline(JsonCursor parameters, const CostSite& site);

}  // namespace orrery
