#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/graph/task_graph.hpp"
#include "workloads/staged_product.hpp"
#include "workloads/step.hpp"
#include "workloads/training_parts.hpp"

namespace orrery {

/// A step with everything that all its ops share.
struct PreparedStep {
  Op op;  // without ranks
  StepMemory memory;
  std::int64_t gradients = 0;
  std::vector<int> after;
  std::optional<Block> posts;
  std::vector<Block> waits_for;
  std::shared_ptr<StagedProduct> staged;  // of a product whose stores trigger what is next
  bool is_triggered = false;              // what is next: of an all-reduce the all-gather is left
  std::vector<KernelId> by_content;       // of attention over documents: by micro-batch and replica
  std::optional<SharedCore> shared;
  bool of_linear_layer = false;
};
using PreparedSteps = std::vector<PreparedStep>;

/// The passes over the embedding, a layer or the head, in every form that the step uses.
struct PreparedUnit {
  PreparedSteps forward;
  PreparedSteps checkpointed;  // keeps its input only
  PreparedSteps unsaved;       // keeps nothing
  PreparedSteps from_input;    // the forward pass again, from a checkpoint
  PreparedSteps again;         // the same, behind another layer
  PreparedSteps backward;
  PreparedSteps input_gradient;
  PreparedSteps weight_gradient;
  Bytes weights;  // of one rank, whole
};

/// Steps of one unit, as a pass runs them.
struct Segment {
  const PreparedSteps* steps = nullptr;
  std::size_t unit = 0;  // of the chunk
};
using Segments = std::vector<Segment>;
constexpr std::size_t kPasses = 4;

/// What a stage holds of the network in one piece.
struct Chunk {
  std::int64_t part = 0;
  std::vector<const PreparedUnit*> units;
  std::array<Segments, kPasses> passes;
  std::array<std::int64_t, kPasses> left = {};  // passes to come
  std::array<bool, kPasses> begun = {};
  std::vector<OpId> activations_in;  // by micro-batch: the transfer that brings them
  std::vector<OpId> gradients_in;
  Bytes bucket;                   // finished gradients that are not reduced yet
  std::vector<int> gathered_for;  // by unit: micro-batches that its gathered weights wait for
  std::map<std::pair<std::size_t, std::int64_t>, OpId> stored;  // by unit and micro-batch
};

/// What a step became: one op, or one for each replica, added one after the other.
struct StepOps {
  OpId last;
  std::size_t count = 1;
  OpId first = {};  // of a staged product: what waits for what is before it

  /// Requires that there is one.
  OpId only() const;
};

struct Stage {
  std::int64_t index = 0;
  RankSetId tensor_groups;
  RankSetId data_groups;            // those that hold one copy together side by side
  RankSetId replica_groups;         // those that hold the same shard
  std::vector<RankSetId> replicas;  // tensor_groups one by one, where kernels differ between them
  std::vector<Chunk> chunks;
  std::vector<PipelineSlot> order;
  std::size_t next = 0;
  StepOps last_kernel;
  OpId last_reduction;
  std::array<OpId, kBlocks> posted;  // of this pass: what steps to come may wait for, by block
  std::vector<OpId> sent;            // transfers that a pass to come waits for, when they block
  std::vector<OpId> waits_for;       // those that the next kernel waits for
  std::vector<OpId> scattered;       // triggers that end a reduce-scatter, the last of them last
  OpId next_kernel_after;            // what the next kernel has to wait for
  std::vector<OpId> last_of_use;     // kernels after which gathered weights were let go
  std::vector<OpId> unit_ends;       // last kernels of units; for offloaded activations
  Bytes made_gradients;              // where they are not kept from step to step
  OpId issued;                       // the host has issued the step's kernels
};

/// Makes the graph of training_graph.hpp: passes in training_graph.cpp, transfers in
/// pipeline_transfers.cpp, what a chunk's passes consist of in training_passes.cpp, products
/// whose stores trigger their reductions in triggered_products.cpp, what a stage holds in
/// training_memory.cpp, gathered weights in weight_gathering.cpp, attention that ranks share in
/// training_sequence.cpp, what lies in the host's memory in offloading.cpp, what happens to
/// gradients in gradient_reduction.cpp.
class TrainingGraphBuilder {
 public:
  TrainingGraphBuilder(const TrainingSettings& settings, const TrainingParts& parts);

  TaskGraph build();

 private:
  PreparedSteps prepare(const Steps& steps, const std::string& pass);
  std::shared_ptr<StagedProduct> stage_product(const Step& product, const Step& reduction,
                                               const std::string& pass);
  PreparedUnit prepare(const Passes& passes, const ParameterCount& parameters);
  void prepare_recomputation(const Passes& layer, PreparedUnit& unit);
  void add_stage(std::int64_t index);
  Chunk chunk_of(std::int64_t part, const std::vector<PipelineSlot>& order, std::int64_t index);
  bool is_layer(const PreparedUnit& unit) const {
    return &unit == &layer_ || &unit == &linear_layer_;
  }
  Segments segments_of(const Chunk& chunk, Pass pass) const;
  void append_recomputed(const Chunk& chunk, Segments& segments) const;
  void wait_for_host();
  void add_static_memory(const Stage& stage);
  void make_gradients(Stage& stage, OpId op, std::int64_t count);
  std::int64_t parameters_on_rank(const Stage& stage) const;
  std::int64_t fp8_parameters(const Stage& stage) const;
  std::int64_t shard(std::int64_t parameters) const;

  void run_schedule();
  bool can_run(const Stage& stage) const;
  void run_slot(Stage& stage);
  void run_segments(Stage& stage, Chunk& chunk, const PipelineSlot& slot, OpId entry, bool last);
  void reduce_maxima(Stage& stage, const Chunk& chunk, Pass pass);
  StepOps add_staged(Stage& stage, const PreparedStep& step);
  StepOps add_triggered(Stage& stage, const PreparedStep& step);
  StepOps add_step(Stage& stage, const PreparedStep& step, std::int64_t micro_batch);
  StepOps add_shared(Stage& stage, const PreparedStep& step);
  OpId add_op(const Op& op, const StepMemory& memory);
  std::vector<KernelId> kernels_by_content(const Kernel& kernel);
  void depend_on(OpId op, OpId on);
  void depend_on(const StepOps& ops, OpId on);
  void depend_on(const StepOps& ops, const StepOps& on);
  void send(Stage& from, const Chunk& chunk, const PipelineSlot& slot);
  bool scatters() const;
  OpId gather_received(const Stage& stage, OpId transfer, Pass pass);
  void wait_for_sent(Stage& stage);

  OpId gather(Stage& stage, Chunk& chunk, std::size_t unit, Pass pass);
  void let_go(Stage& stage, Chunk& chunk, std::size_t unit, Pass pass, bool last);

  OpId host_copy(const Stage& stage, CopyKind kind, const std::string& label, Bytes bytes);
  void store_saved(Stage& stage, Chunk& chunk, const Segment& segment, std::int64_t micro_batch);
  OpId fetch_saved(Stage& stage, Chunk& chunk, std::size_t unit, std::int64_t micro_batch);
  OpId update_from_host(const Stage& stage, Op adam, OpId ready, OpId norm);
  /// Of so many parameters.
  Kernel adam_kernel(std::int64_t parameters) const;

  void add_gradients(Stage& stage, Chunk& chunk, OpId op, std::int64_t count, bool last);
  void flush_bucket(Stage& stage, Chunk& chunk, OpId kernel, bool last);
  OpId collective(const Op& op, CollectiveKind kind, OpId after);
  OpId reduce_replicated(const Stage& stage, OpId after);
  void reduce_copies(std::vector<OpId>& ready);
  void reduce_tied_embedding(std::vector<OpId>& ready);
  void unscale(std::vector<OpId>& ready);
  OpId clip(std::vector<OpId>& ready);
  void update(const Stage& stage, OpId ready, OpId norm);
  void finish();

  const TrainingSettings& settings_;
  const std::vector<std::int64_t>& pairs_;  // TrainingParts::pairs
  TaskGraph graph_;
  PipelineSchedule schedule_;
  StreamId compute_;
  StreamId tensor_;
  StreamId data_;
  LabelId tensor_category_;
  LabelId pipeline_category_;
  LabelId data_category_;
  LabelId activations_;
  LabelId buffers_;
  LabelId gradients_;
  LabelId weights_;
  PreparedUnit embedding_;
  PreparedUnit layer_;
  PreparedUnit linear_layer_;
  PreparedUnit head_;
  std::vector<Stage> stages_;
};

}  // namespace orrery
