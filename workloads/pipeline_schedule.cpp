#include "workloads/pipeline_schedule.hpp"

#include <algorithm>

namespace orrery {

std::vector<PipelineSlot> one_forward_one_backward(std::int64_t stage, std::int64_t stages,
                                                   std::int64_t micro_batches) {
  const std::int64_t ahead = std::min(stages - 1 - stage, micro_batches);
  std::vector<PipelineSlot> order;
  order.reserve(static_cast<std::size_t>(2 * micro_batches));
  for (std::int64_t i = 0; i < ahead; ++i) {
    order.push_back({Pass::forward, i});
  }
  for (std::int64_t i = 0; i < micro_batches; ++i) {
    if (i + ahead < micro_batches) {
      order.push_back({Pass::forward, i + ahead});
    }
    order.push_back({Pass::backward, i});
  }
  return order;
}

}  // namespace orrery
