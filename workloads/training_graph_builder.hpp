#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/graph/task_graph.hpp"
#include "workloads/pipeline_schedule.hpp"
#include "workloads/step.hpp"
#include "workloads/training_parts.hpp"

namespace orrery {

/// A step with everything that all its ops share.
struct PreparedStep {
  Op op;  // without ranks
  StepMemory memory;
  std::int64_t gradients = 0;
  std::vector<int> after;
};
using PreparedSteps = std::vector<PreparedStep>;

struct PreparedPart {
  PreparedSteps forward;
  PreparedSteps backward;
};

struct Stage {
  std::int64_t index = 0;
  RankSetId tensor_groups;
  RankSetId data_groups;
  std::vector<const PreparedSteps*> forward;
  std::vector<const PreparedSteps*> backward;
  std::vector<PipelineSlot> order;
  std::size_t next = 0;
  std::vector<OpId> activations_in;  // by micro-batch: the transfer that brings them
  std::vector<OpId> gradients_in;
  OpId last_kernel;
  OpId last_bucket;
  Bytes bucket;  // finished gradients that are not reduced yet
};

/// Makes the graph of training_graph.hpp: passes and transfers in training_graph.cpp, what happens
/// to gradients in gradient_reduction.cpp.
class TrainingGraphBuilder {
 public:
  TrainingGraphBuilder(const TrainingSettings& settings, const TrainingParts& parts)
      : settings_(settings),
        graph_(
            static_cast<Rank>(settings.grid.tensor * settings.grid.data * settings.grid.pipeline)),
        compute_(graph_.stream("compute")),
        tensor_(graph_.stream("tensor")),
        data_(graph_.stream("data")),
        tensor_category_(graph_.label("tensor_parallel")),
        pipeline_category_(graph_.label("pipeline_parallel")),
        data_category_(graph_.label("data_parallel")),
        activations_(graph_.label("activations")),
        buffers_(graph_.label("buffers")),
        embedding_(prepare(parts.embedding)),
        layer_(prepare(parts.layer)),
        head_(prepare(parts.head)) {}

  TaskGraph build() {
    for (std::int64_t s = 0; s < settings_.grid.pipeline; ++s) {
      add_stage(s);
    }
    run_schedule();
    finish();
    return std::move(graph_);
  }

 private:
  PreparedPart prepare(const Passes& passes) {
    return {prepare(passes.forward, "forward"), prepare(passes.backward, "backward")};
  }
  PreparedSteps prepare(const Steps& steps, const std::string& pass);
  void add_stage(std::int64_t index);
  void add_static_memory(const Stage& stage);
  void run_schedule();
  bool can_run(const Stage& stage) const;
  void run_slot(Stage& stage);
  OpId add_step(Stage& stage, const PreparedStep& step);
  void depend_on(OpId op, OpId on);
  void send(Stage& from, Stage& to, const PipelineSlot& slot);
  void add_gradients(Stage& stage, OpId kernel, std::int64_t count);
  void flush_bucket(Stage& stage, OpId kernel);
  OpId reduce(const Op& op, OpId after);
  OpId reduce_replicated(const Stage& stage, OpId after);
  void finish();

  const TrainingSettings& settings_;
  TaskGraph graph_;
  StreamId compute_;
  StreamId tensor_;
  StreamId data_;
  LabelId tensor_category_;
  LabelId pipeline_category_;
  LabelId data_category_;
  LabelId activations_;
  LabelId buffers_;
  PreparedPart embedding_;
  PreparedPart layer_;
  PreparedPart head_;
  std::vector<Stage> stages_;
};

}  // namespace orrery
