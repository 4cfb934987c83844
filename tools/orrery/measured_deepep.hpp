#pragma once

#include <string>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/measured_collectives.hpp"

namespace orrery {

/// Reads measured times of DeepEP's kernels into the rows of a system: of a reproduce.json
///
///   "deepep": {"table": FILE, "kernels": [names as of a scenario], "fitted_every": n, or
///              "fitted_ranks": ranks}
///
/// A table has the columns num_gpus, node_limit (most nodes that a token goes to), hidden_size,
/// num_token (of a GPU), num_topk, num_experts, sms (0: as many as the kernel likes), dispatch_us
/// and combine_us. A token is FP8 with a scale of 4 B for 128 elements, in low latency 16 B more;
/// coming back it is bfloat16. A row is fitted when the CRC-32 of
/// "TABLE,kernel,gpus,hidden,tokens,top_k,experts,sms" is a multiple of n, as in tools/fit_deepep,
/// or when it is of so many ranks. `folder`: the folder of the reproduce.json.
void read_measured_deepep(JsonCursor cursor, const std::string& folder, MeasuredSystem& system);

}  // namespace orrery
