#pragma once

#include <memory>

#include "models/cost/cost_model.hpp"

namespace orrery {

std::unique_ptr<CostModel> make_calibrated(JsonCursor parameters, const CostSite& site);
std::unique_ptr<CostModel> make_roofline(JsonCursor parameters, const CostSite& site);
std::unique_ptr<CostModel> make_tiled_roofline(JsonCursor parameters, const CostSite& site);

/// Prices stages of products ("gemm_stage", StagedProduct) by what the model says of the whole.
std::unique_ptr<CostModel> with_stages(std::unique_ptr<CostModel> model);

}  // namespace orrery
