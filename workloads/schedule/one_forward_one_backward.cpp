#include <algorithm>

#include "workloads/schedule/builtin.hpp"

namespace orrery {
namespace {

/// First min(stages - 1 - stage, micro-batches) forward passes, then one forward and one backward
/// in turn, then what is left; so at most stages - stage micro-batches are in flight. Source:
/// Narayanan et al. 2021, arXiv:2104.04473, §2.2.1 ("PipeDream-Flush"); bubble (p - 1)(F + B).
///
///   stage 0   F0 F1 F2 B0 F3 B1 B2 B3           of 3 stages, 4 micro-batches
///   stage 1   F0 F1 B0 F2 B1 F3 B2 B3
///   stage 2   F0 B0 F1 B1 F2 B2 F3 B3
class OneForwardOneBackward final : public PipelineScheduler {
 public:
  std::string refusal(const PipelineShape& shape) const override {
    return refuse_virtual_stages(shape, "1f1b");
  }

  PipelineSchedule schedule(const PipelineShape& shape) const override {
    PipelineSchedule schedule{straight_route(shape.stages), {}};
    for (std::int64_t stage = 0; stage < shape.stages; ++stage) {
      schedule.order.push_back(order(shape.stages - 1 - stage, shape.micro_batches));
    }
    return schedule;
  }

  double bubble(const PipelineShape& shape, const PassTimes& times) const override {
    return static_cast<double>(shape.stages - 1) * times.all();
  }

 private:
  static std::vector<PipelineSlot> order(std::int64_t stages_after, std::int64_t micro_batches) {
    const std::int64_t ahead = std::min(stages_after, micro_batches);
    std::vector<PipelineSlot> order;
    order.reserve(static_cast<std::size_t>(2 * micro_batches));
    for (std::int64_t i = 0; i < ahead; ++i) order.push_back({Pass::forward, i});
    for (std::int64_t i = 0; i < micro_batches; ++i) {
      if (i + ahead < micro_batches) order.push_back({Pass::forward, i + ahead});
      order.push_back({Pass::backward, i});
    }
    return order;
  }
};

}  // namespace

std::unique_ptr<PipelineScheduler> make_one_forward_one_backward() {
  return std::make_unique<OneForwardOneBackward>();
}

}  // namespace orrery
