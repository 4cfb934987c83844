#pragma once

#include <string>
#include <vector>

#include "workloads/heterogeneous_settings.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// The step of a plan as a task graph. Micro-batch after micro-batch: forward and backward pass of
/// every group over its sequences, side by side; ranks stand in the order of the groups, larger
/// ones first, so that a group of up to a node's devices stays within a node. Then Adam.
///
///   every layer, on each rank of a group of d:  (tokens/d) norm qkv  pack all-to-all unpack
///       attention of heads/d over all sequences  pack all-to-all unpack  projection norm up down;
///       and back
///   beside it, over all ranks, unit by unit: all-gather of weights before forward and backward
///       pass, reduce-scatter of gradients (ZeRO stage 3, or FSDP: the next unit's gather runs
///       ahead, gradients of one unit are reduced while those of the next are made; with prefetch 0
///       neither: gather, kernels, reduction follow each other)
///
/// Source: Jacobs et al. 2023 (DeepSpeed-Ulysses, arXiv:2309.14509), §3; FlexSP (Wang et al. 2025),
/// §5, hot-switched groups, which cost nothing. Tokens are padded to a multiple of d.
class HeterogeneousGraph {
 public:
  HeterogeneousGraph(const HeterogeneousSettings& settings, const SequencePlan& plan);

  TaskGraph build();

 private:
  /// What a group does to a unit of the network: the embedding, a layer, the head.
  struct GroupPasses {
    Passes embedding;
    Passes layer;
    Passes head;
    const Passes& of(std::size_t unit, std::size_t units) const {
      return unit == 0 ? embedding : unit + 1 == units ? head : layer;
    }
  };
  struct Group {
    RankSetId ranks;
    std::uint32_t devices = 1;
    bool idle = false;
    GroupPasses passes = {};
    OpId last = {};  // of its kernels
  };
  enum class Pass { forward, backward };

  std::size_t units() const { return static_cast<std::size_t>(settings_.network.layers) + 2; }
  GroupPasses passes_of(const SequenceGroup& group) const;
  std::vector<Group> groups_of(const SequenceMicroBatch& micro_batch);
  void add_static_memory();
  void run(std::vector<Group>& groups, std::size_t unit, Pass pass);
  void run(Group& group, const Steps& steps, Pass pass, OpId weights);
  OpId gather(std::size_t unit);
  OpId pass_over_gradient(Bytes bytes);
  void reduce(const std::vector<Group>& groups, std::size_t unit);
  OpId add(const Group& group, const Step& step, Pass pass);
  Op collective(CollectiveKind kind, StreamId stream, const std::string& label);
  void update();

  const HeterogeneousSettings& settings_;
  const SequencePlan& plan_;
  TaskGraph graph_;
  RankSetId all_;
  StreamId compute_;
  StreamId exchange_;
  LabelId compute_category_;
  LabelId exchange_category_;
  LabelId data_category_;
  LabelId activations_;
  LabelId buffers_;
  LabelId gradients_;
  LabelId weights_;
  std::vector<std::int64_t> unit_parameters_;
  std::vector<std::vector<OpId>> last_of_use_;  // kernels that end the use of a unit, by group
  OpId last_reduction_;
  OpId wait_for_reduction_;
};

/// Parameters of the embedding, the layers and the head, as they are gathered.
std::vector<std::int64_t> unit_parameters_of(const NetworkShape& shape);

}  // namespace orrery
