#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/graph/runner.hpp"

namespace orrery {

/// A task graph in which every class of interchangeable ranks is one rank, and a runner that gives
/// each of its instances to another runner as one of those it stands for.
///
/// Whether ranks are interchangeable is for the caller to know. Needed here: ranks of one class are
/// in the same rank sets; the sources of a class send to destinations of one class; groups that
/// have a class in common have all classes in common, each with as many members. Ops keep their
/// order, their labels and their kernels; a collective whose groups fold to different sizes becomes
/// one op for each size.
class FoldedGraph final : public Runner {
 public:
  /// By rank of `graph`: its class, 0, 1, … The graph must outlive this.
  FoldedGraph(const TaskGraph& graph, std::span<const std::uint32_t> class_of);

  const TaskGraph& graph() const { return folded_; }
  /// The op of the unfolded graph that a folded one came from.
  OpId original(OpId folded) const { return parts_[folded.index()].original; }
  /// Must be set before running; it gets real ranks and real groups.
  void set_runner(Runner& runner) { runner_ = &runner; }

  void join_collective(InstanceId instance, const Op& op, std::span<const Rank> group,
                       Rank member) override;
  void start_compute(InstanceId instance, const Op& op, Rank rank) override;
  void start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) override;
  void start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) override;

 private:
  struct Part {  // of a folded op: what each of its instances stands for
    OpId original;
    std::uint32_t first_instance = 0;  // into instances_
  };

  std::span<const Rank> real_group(InstanceId instance) const;
  RankSetId fold_set(RankSetId set);
  void add_op(OpId original, Op op, std::span<const std::uint32_t> instances);
  void fold_op(OpId id);
  void fold_transfer(OpId id);
  void fold_collective(OpId id);
  void fold_dependencies();
  void fold_memory();

  const TaskGraph* graph_;
  std::vector<std::uint32_t> class_of_;
  std::vector<Rank> first_rank_;  // by class
  TaskGraph folded_;
  Runner* runner_ = nullptr;
  std::vector<RankSetId> folded_set_;        // by set of the graph; invalid: not folded yet
  std::vector<std::uint32_t> first_folded_;  // by op of the graph, and the total at the end
  std::vector<Part> parts_;                  // by folded op
  std::vector<std::uint32_t> instances_;     // of the original op, by folded instance
};

}  // namespace orrery
