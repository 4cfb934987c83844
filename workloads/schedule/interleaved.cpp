#include <algorithm>

#include "workloads/schedule/builtin.hpp"

namespace orrery {
namespace {

std::string text(std::int64_t number) {
  return std::to_string(number);
}

/// 1F1B over v chunks a stage: chunk c of stage s is part c * stages + s of the network. A stage
/// works through groups of as many micro-batches as there are stages, chunk after chunk. Source:
/// Narayanan et al. 2021, arXiv:2104.04473, §2.2.2 and Fig. 4 bottom; the number of passes before
/// the first backward one, 2 (p - 1 - s) + (v - 1) p, is Megatron-LM's
/// (forward_backward_pipelining_with_interleaving). Bubble: 1/v of 1F1B's.
class Interleaved final : public PipelineScheduler {
 public:
  std::string refusal(const PipelineShape& shape) const override {
    if (shape.virtual_stages < 2) return "interleaved needs \"virtual_stages\" of at least 2";
    if (shape.stages < 2) return "interleaved needs a pipeline of at least 2 stages";
    if (shape.micro_batches % shape.stages != 0) {
      return "interleaved needs a number of micro-batches that is a multiple of the " +
             text(shape.stages) + " stages, not " + text(shape.micro_batches);
    }
    return {};
  }

  PipelineSchedule schedule(const PipelineShape& shape) const override {
    PipelineSchedule schedule;
    std::vector<PipelinePlace>& route = schedule.routes.emplace_back();
    for (std::int64_t chunk = 0; chunk < shape.virtual_stages; ++chunk) {
      for (std::int64_t stage = 0; stage < shape.stages; ++stage) route.push_back({stage, chunk});
    }
    for (std::int64_t stage = 0; stage < shape.stages; ++stage) {
      schedule.order.push_back(order(stage, shape));
    }
    return schedule;
  }

  double bubble(const PipelineShape& shape, const PassTimes& times) const override {
    return static_cast<double>(shape.stages - 1) * times.all() /
           static_cast<double>(shape.virtual_stages);
  }

 private:
  /// The k-th forward or backward pass of any stage.
  static PipelineSlot slot(Pass pass, std::int64_t k, const PipelineShape& shape) {
    const std::int64_t of_group = k % (shape.stages * shape.virtual_stages);
    const std::int64_t group = k / (shape.stages * shape.virtual_stages);
    const std::int64_t chunk = of_group / shape.stages;
    return {pass, group * shape.stages + of_group % shape.stages,
            pass == Pass::forward ? chunk : shape.virtual_stages - 1 - chunk};
  }

  static std::vector<PipelineSlot> order(std::int64_t stage, const PipelineShape& shape) {
    const std::int64_t total = shape.micro_batches * shape.virtual_stages;
    const std::int64_t ahead =
        std::min(total, 2 * (shape.stages - 1 - stage) + (shape.virtual_stages - 1) * shape.stages);
    std::vector<PipelineSlot> order;
    for (std::int64_t k = 0; k < ahead; ++k) order.push_back(slot(Pass::forward, k, shape));
    for (std::int64_t k = 0; k < total; ++k) {
      if (k + ahead < total) order.push_back(slot(Pass::forward, k + ahead, shape));
      order.push_back(slot(Pass::backward, k, shape));
    }
    return order;
  }
};

}  // namespace

std::unique_ptr<PipelineScheduler> make_interleaved() {
  return std::make_unique<Interleaved>();
}

}  // namespace orrery
