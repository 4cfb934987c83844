#pragma once

#include "workloads/schedule/pipeline_schedule.hpp"

namespace orrery {

std::unique_ptr<PipelineScheduler> make_bidirectional();
std::unique_ptr<PipelineScheduler> make_gpipe();
std::unique_ptr<PipelineScheduler> make_interleaved();
std::unique_ptr<PipelineScheduler> make_one_forward_one_backward();
std::unique_ptr<PipelineScheduler> make_zero_bubble();

/// One chunk a stage, one way through: part s of the network on stage s.
std::vector<std::vector<PipelinePlace>> straight_route(std::int64_t stages);
/// Empty for one chunk a stage, else that `name` has no use for more.
std::string refuse_virtual_stages(const PipelineShape& shape, const std::string& name);

}  // namespace orrery
