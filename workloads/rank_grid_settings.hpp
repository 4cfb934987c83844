#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/json_cursor.hpp"
#include "workloads/rank_grid.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// Reads "parallel" (tensor, pipeline and data; 1, 1 and what the cluster has room for when left
/// out) and "placement", and checks that the ranks fill the cluster. After a mistake the extents
/// are what could be read, zero where that is nothing. `parallel` is the cursor of "parallel", from
/// which the caller has read what else it has; so many ranks share each `sequence`.
RankGrid read_rank_grid(JsonCursor& parameters, JsonCursor& parallel,
                        const WorkloadContext& context, std::int64_t sequence = 1);

/// "parallel" and "placement", as read_rank_grid reads them.
std::vector<std::pair<std::string, JsonValue>> members_of(const RankGrid& grid);

/// The cursor of that key of "parallel" where it is written, else of the nearest object around it.
JsonCursor place_in_parallel(JsonCursor& parameters, std::string_view key);

}  // namespace orrery
