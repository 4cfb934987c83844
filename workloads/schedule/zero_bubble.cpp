#include <algorithm>

#include "workloads/schedule/builtin.hpp"

namespace orrery {
namespace {

/// ZB-H1: 1F1B in which a later stage puts off the gradients of weights, stage s those of s
/// micro-batches, and does them where it would wait at the end. So every stage keeps as many
/// micro-batches as 1F1B's first. Source: Qi et al. 2023, arXiv:2401.10241, §2.1 and Fig. 3;
/// bubble (p - 1)(F + B - W) with B and W the two halves of the backward pass (Table 1).
///
///   stage 0   F0 F1 F2 B0 W0 F3 B1 W1 B2 W2 B3 W3     of 3 stages, 4 micro-batches
///   stage 2   F0 B0 F1 B1 F2 B2 W0 F3 B3 W1 W2 W3
class ZeroBubble final : public PipelineScheduler {
 public:
  std::string refusal(const PipelineShape& shape) const override {
    return refuse_virtual_stages(shape, "zb_h1");
  }

  PipelineSchedule schedule(const PipelineShape& shape) const override {
    PipelineSchedule schedule{straight_route(shape.stages), {}};
    for (std::int64_t stage = 0; stage < shape.stages; ++stage) {
      schedule.order.push_back(order(stage, shape));
    }
    return schedule;
  }

  double bubble(const PipelineShape& shape, const PassTimes& times) const override {
    return static_cast<double>(shape.stages - 1) *
           (times.forward + times.input_gradient - times.weight_gradient);
  }

 private:
  static std::vector<PipelineSlot> order(std::int64_t stage, const PipelineShape& shape) {
    const std::int64_t all = shape.micro_batches;
    const std::int64_t ahead = std::min(shape.stages - 1 - stage, all);
    std::vector<PipelineSlot> order;
    for (std::int64_t i = 0; i < ahead; ++i) order.push_back({Pass::forward, i});
    for (std::int64_t i = 0; i < all; ++i) {
      if (i + ahead < all) order.push_back({Pass::forward, i + ahead});
      order.push_back({Pass::input_gradient, i});
      if (i >= stage) order.push_back({Pass::weight_gradient, i - stage});
    }
    for (std::int64_t i = std::max(all - stage, std::int64_t{0}); i < all; ++i) {
      order.push_back({Pass::weight_gradient, i});
    }
    return order;
  }
};

}  // namespace

std::unique_ptr<PipelineScheduler> make_zero_bubble() {
  return std::make_unique<ZeroBubble>();
}

}  // namespace orrery
