#include "workloads/schedule/builtin.hpp"

namespace orrery {
namespace {

/// All forward passes, then all backward passes from the last micro-batch to the first, so that
/// every micro-batch is in flight at once. Source: Huang et al. 2019, arXiv:1811.06965, §2.3 and
/// Fig. 2c; bubble (p - 1) / (m + p - 1) of the step.
///
///   stage 0   F0 F1 F2 F3 . . B3 B2 B1 B0       2 of the bubble's slots shown
class GPipe final : public PipelineScheduler {
 public:
  std::string refusal(const PipelineShape& shape) const override {
    return refuse_virtual_stages(shape, "gpipe");
  }

  PipelineSchedule schedule(const PipelineShape& shape) const override {
    std::vector<PipelineSlot> order;
    for (std::int64_t i = 0; i < shape.micro_batches; ++i) order.push_back({Pass::forward, i});
    for (std::int64_t i = shape.micro_batches - 1; i >= 0; --i) {
      order.push_back({Pass::backward, i});
    }
    return {straight_route(shape.stages),
            std::vector(static_cast<std::size_t>(shape.stages), order)};
  }

  double bubble(const PipelineShape& shape, const PassTimes& times) const override {
    return static_cast<double>(shape.stages - 1) * times.all();
  }
};

}  // namespace

std::unique_ptr<PipelineScheduler> make_gpipe() {
  return std::make_unique<GPipe>();
}

}  // namespace orrery
