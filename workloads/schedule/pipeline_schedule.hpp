#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/registry.hpp"

namespace orrery {

/// What a stage does with a micro-batch in one go. A backward pass computes the gradients of inputs
/// and of weights, in one or, where the weights can wait, in two.
enum class Pass : unsigned char { forward, backward, input_gradient, weight_gradient };

/// One pass of one micro-batch through one of a stage's chunks of the network.
struct PipelineSlot {
  Pass pass = Pass::forward;
  std::int64_t micro_batch = 0;
  std::int64_t chunk = 0;
  friend bool operator==(const PipelineSlot&, const PipelineSlot&) = default;
};

/// What a schedule is asked for.
struct PipelineShape {
  std::int64_t stages = 1;
  std::int64_t virtual_stages = 1;  // chunks that each stage is asked to hold
  std::int64_t micro_batches = 1;
};

/// Where a part of the network is held.
struct PipelinePlace {
  std::int64_t stage = 0;
  std::int64_t chunk = 0;
  friend bool operator==(const PipelinePlace&, const PipelinePlace&) = default;
};

struct PipelineSchedule {
  /// The ways through the pipeline, each from the first part of the network to the last;
  /// micro-batch i takes route i % routes.size(). Several routes hold as many copies of the
  /// network.
  std::vector<std::vector<PipelinePlace>> routes;
  /// By stage: what it does, in this order.
  std::vector<std::vector<PipelineSlot>> order;

  std::int64_t parts() const { return static_cast<std::int64_t>(routes.front().size()); }
  const std::vector<PipelinePlace>& route_of(std::int64_t micro_batch) const {
    return routes[static_cast<std::size_t>(micro_batch) % routes.size()];
  }
};

/// Times of one micro-batch in all that one stage holds of one copy of the network.
struct PassTimes {
  double forward = 1;
  double input_gradient = 1;
  double weight_gradient = 1;
  double all() const { return forward + input_gradient + weight_gradient; }
};

/// One way to order the passes of a pipeline.
class PipelineScheduler {
 public:
  virtual ~PipelineScheduler() = default;
  /// Empty, or what is wrong: "needs a number of micro-batches that 4 stages divide, not 6".
  virtual std::string refusal(const PipelineShape& shape) const = 0;
  /// Of a shape that is not refused.
  virtual PipelineSchedule schedule(const PipelineShape& shape) const = 0;
  /// The published closed form of the time that a stage idles in a step, for equal stages whose
  /// transfers are free.
  virtual double bubble(const PipelineShape& shape, const PassTimes& times) const = 0;
};

using PipelineSchedulerFactory = std::unique_ptr<PipelineScheduler> (*)();

Registry<PipelineSchedulerFactory> builtin_pipeline_schedulers();

}  // namespace orrery
