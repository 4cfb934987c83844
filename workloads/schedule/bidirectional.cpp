#include <algorithm>
#include <deque>

#include "workloads/schedule/builtin.hpp"

namespace orrery {
namespace {

/// The order of one stage of DualPipe. The passes "ahead" are those of the micro-batches that enter
/// at the nearer end of the pipeline, "back" of those that enter at the farther.
class Side {
 public:
  Side(std::int64_t stage, const PipelineShape& shape)
      : near_(stage < shape.stages / 2 ? 0 : 1),
        from_end_(std::min(stage, shape.stages - 1 - stage)),
        to_middle_(shape.stages / 2 - 1 - from_end_),
        steady_(shape.micro_batches / 2 - shape.stages + from_end_ + 1) {}

  std::vector<PipelineSlot> order() {
    repeat(2 * to_middle_, [this] { forward(kNear); });
    repeat(from_end_ + 1, [this] { forward(kNear), forward(kFar); });
    repeat(to_middle_, [this] { input_gradient(kFar), weights(), forward(kFar); });
    repeat(steady_, [this] {
      forward(kNear), backward(kFar);
      forward(kFar), backward(kNear);
    });
    repeat(to_middle_, [this] { backward(kFar), forward(kFar), backward(kNear); });
    drain();
    repeat(to_middle_, [this] { weights(), input_gradient(kNear); });
    while (!waiting_.empty()) weights();
    return std::move(order_);
  }

 private:
  enum End : std::int64_t { kNear, kFar };

  template <class Action>
  static void repeat(std::int64_t times, Action action) {
    for (std::int64_t i = 0; i < times; ++i) action();
  }

  /// The second half of these passes leaves its weight gradients for later.
  void drain() {
    bool halves = false;
    for (std::int64_t i = 0; i <= from_end_; ++i) {
      const bool turns = i == (from_end_ + 1) / 2;
      halves = halves || (turns && from_end_ % 2 == 1);
      halves ? input_gradient(kFar) : backward(kFar);
      halves = halves || turns;
      halves ? input_gradient(kNear) : backward(kNear);
    }
  }

  std::int64_t direction(End end) const { return end == kNear ? near_ : 1 - near_; }
  PipelineSlot next(Pass pass, End end, std::int64_t (&counts)[2]) {
    const std::int64_t way = direction(end);
    return {pass, 2 * counts[way]++ + way, way};
  }
  void forward(End end) { order_.push_back(next(Pass::forward, end, forwards_)); }
  void backward(End end) { order_.push_back(next(Pass::backward, end, backwards_)); }
  void input_gradient(End end) {
    order_.push_back(next(Pass::input_gradient, end, backwards_));
    waiting_.push_back(order_.back());
  }
  void weights() {
    waiting_.front().pass = Pass::weight_gradient;
    order_.push_back(waiting_.front());
    waiting_.pop_front();
  }

  std::int64_t near_;      // the direction that enters at the nearer end
  std::int64_t from_end_;  // stages between this one and the nearer end
  std::int64_t to_middle_;
  std::int64_t steady_;
  std::int64_t forwards_[2] = {0, 0};
  std::int64_t backwards_[2] = {0, 0};
  std::deque<PipelineSlot> waiting_;
  std::vector<PipelineSlot> order_;
};

/// DualPipe: half of the micro-batches enter at the first stage and half at the last, so that each
/// stage holds two chunks, part s for one direction and part stages - 1 - s for the other, and
/// works on forward passes of one beside backward passes of the other. Source: DeepSeek-AI 2024,
/// arXiv:2412.19437, §3.2.1, Fig. 5 and Table 2: bubble (p/2 - 1)(F&B + B - 3 W), B the whole
/// backward pass; here F&B is F + B, as a dense network gives a device no more than one kernel at a
/// time to do. The order of passes is that of the authors' published DualPipe schedule.
class Bidirectional final : public PipelineScheduler {
 public:
  std::string refusal(const PipelineShape& shape) const override {
    if (shape.virtual_stages != 1) return refuse_virtual_stages(shape, "dualpipe");
    if (shape.stages < 2 || shape.stages % 2 != 0) {
      return "dualpipe needs an even number of stages, not " + std::to_string(shape.stages);
    }
    if (shape.micro_batches % 2 != 0 || shape.micro_batches < 2 * shape.stages) {
      return "dualpipe needs an even number of micro-batches, at least twice the " +
             std::to_string(shape.stages) + " stages, not " + std::to_string(shape.micro_batches);
    }
    return {};
  }

  PipelineSchedule schedule(const PipelineShape& shape) const override {
    PipelineSchedule schedule;
    schedule.routes.resize(2);
    for (std::int64_t stage = 0; stage < shape.stages; ++stage) {
      schedule.routes[0].push_back({stage, 0});
      schedule.routes[1].push_back({shape.stages - 1 - stage, 1});
      schedule.order.push_back(Side(stage, shape).order());
    }
    return schedule;
  }

  double bubble(const PipelineShape& shape, const PassTimes& times) const override {
    const double backward = times.input_gradient + times.weight_gradient;
    return (static_cast<double>(shape.stages) / 2 - 1) *
           (times.forward + 2 * backward - 3 * times.weight_gradient);
  }
};

}  // namespace

std::unique_ptr<PipelineScheduler> make_bidirectional() {
  return std::make_unique<Bidirectional>();
}

}  // namespace orrery
