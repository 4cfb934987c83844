#include "workloads/schedule/builtin.hpp"

namespace orrery {

std::vector<std::vector<PipelinePlace>> straight_route(std::int64_t stages) {
  std::vector<PipelinePlace> route;
  for (std::int64_t stage = 0; stage < stages; ++stage) route.push_back({stage, 0});
  return {std::move(route)};
}

std::string refuse_virtual_stages(const PipelineShape& shape, const std::string& name) {
  return shape.virtual_stages == 1
             ? std::string()
             : name + " has one chunk a stage; \"virtual_stages\" belong to \"interleaved\"";
}

Registry<PipelineSchedulerFactory> builtin_pipeline_schedulers() {
  return {{"1f1b", make_one_forward_one_backward, "one forward, one backward (PipeDream-Flush)"},
          {"gpipe", make_gpipe, "all forward passes, then all backward passes"},
          {"interleaved", make_interleaved, "1F1B over several chunks of the network a stage"},
          {"zb_h1", make_zero_bubble, "1F1B whose weight gradients fill the bubble (ZB-H1)"},
          {"dualpipe", make_bidirectional,
           "from both ends at once, two copies of the network (DualPipe)"}};
}

}  // namespace orrery
