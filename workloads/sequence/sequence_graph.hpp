#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/graph/task_graph.hpp"
#include "workloads/sequence/sequence_layer.hpp"

namespace orrery {

/// Places in a sequence-parallel group, 0 to degree - 1.
using Places = std::vector<std::int64_t>;

/// Which of two pairs of streams a message takes: what goes around, and what comes back. Messages
/// of one lane follow each other.
enum class Lane : unsigned char { around, back };

/// What issuing takes a thread of the host: a kernel, or a slice before it, the messages of one
/// round (a group of sends and receives), a collective. None: the host is far ahead.
struct HostThread {
  Duration kernel{};
  Duration messages{};
  Duration collective{};
  bool issues() const {
    return kernel > Duration(0) || messages > Duration(0) || collective > Duration(0);
  }
};

/// Puts the ops of one attention layer into a task graph, on all groups at once: one op is what
/// some positions of every group do. Kernels share one stream with the caller's; messages have the
/// streams "sequence_send" and "sequence_receive", and with "_back" those of the other lane;
/// collectives the stream "sequence". Messages are moved by cores, as NCCL's are. The category of
/// all that moves is "sequence_parallel". Where issuing takes time, each rank has a thread of the
/// host (stream and category "host") that issues what the rank takes part in, one after the other
/// in the order in which it is put here. It runs ahead of the device where it can, and waits for it
/// only before a kIndexKernel.
class SequenceGraph {
 public:
  struct Labels {
    StreamId compute;       // of all kernels
    LabelId category;       // of all kernels: "forward"
    LabelId activations;    // of memory: what the forward pass leaves to the backward pass
    LabelId buffers;        // of memory: everything else
    std::string name = {};  // in front of what people read: "attention."
    HostThread host = {};
  };

  /// `ranks`: the groups one behind the other, each in order of positions; borrows the graph.
  SequenceGraph(TaskGraph& graph, std::vector<Rank> ranks, std::int64_t degree, Labels labels);

  std::int64_t degree() const { return degree_; }
  const Labels& labels() const { return labels_; }
  TaskGraph& graph() const { return *graph_; }
  /// Every position.
  Places all() const;
  /// The groups cut into groups of `size` neighbours; or into those that such groups' members of
  /// the same place form. `size` divides the degree.
  SequenceGraph neighbours(std::int64_t size) const;
  SequenceGraph apart(std::int64_t size) const;

  OpId kernel(const std::string& label, const Places& where, Kernel kernel);
  /// One behind the other; returns the first, which waits for what all wait for, and the last. So
  /// many slices are taken before, each of which takes the host what a kernel does.
  std::pair<OpId, OpId> kernels(const std::string& label, const Places& where,
                                std::vector<Kernel> kernels, std::int64_t slices = 0);
  /// From each of `where` to the position that many hops on, around the end; needs 1 <= hops < P.
  OpId send(const std::string& label, Lane lane, const Places& where, std::int64_t hops,
            Bytes bytes);
  /// What some positions send and others, of one round: messages of different sizes.
  struct Message {
    Places where;
    Bytes bytes;
  };
  std::vector<OpId> send(const std::string& label, Lane lane, const std::vector<Message>& messages,
                         std::int64_t hops);
  /// Of all positions of each group; sizes as TaskGraph has them.
  OpId collective(const std::string& label, CollectiveKind kind, Bytes bytes);

  /// No time, on all positions: where memory is taken and given back, or what others can wait for.
  OpId marker(const std::string& label);

  /// Rank by rank, see TaskGraph::depend; nothing where `on` is none, the stream orders both, or
  /// they have no rank in common.
  void depend(OpId op, OpId on, Side side = Side::both);
  void depend(OpId op, const std::vector<OpId>& on, Side side = Side::both);

  /// The last attention kernel of a round of the forward pass, in order of rounds.
  void end_round(OpId attention) { rounds_.push_back(attention); }
  const std::vector<OpId>& rounds() const { return rounds_; }

  /// Of an op on all positions that is no message.
  void take(OpId op, LabelId category, Bytes bytes) { graph_->take_memory(op, category, bytes); }
  void free(OpId op, LabelId category, Bytes bytes) { graph_->free_memory(op, category, bytes); }

 private:
  RankSetId ranks_at(const Places& where, std::int64_t hops = 0);
  OpId put(const std::string& label, Lane lane, const Message& message, std::int64_t hops);
  /// All at once, by the host of each rank that takes part.
  void issue(const std::vector<OpId>& ops, Duration takes);
  OpId host_op(RankSetId ranks, const std::string& label, Duration takes);
  OpId host_waits(const Places& where);  // for what it waits, on the device
  bool covers_all(OpId op) const;

  TaskGraph* graph_;
  std::vector<Rank> ranks_;
  std::int64_t degree_;
  Labels labels_;
  std::vector<OpId> rounds_;
};

/// Places with the same value side by side, in the order in which values first come.
template <class Value, class Function>
std::vector<std::pair<Value, Places>> alike(std::int64_t degree, Function value_at) {
  std::vector<std::pair<Value, Places>> groups;
  for (std::int64_t position = 0; position < degree; ++position) {
    const Value value = value_at(position);
    auto group = groups.begin();
    while (group != groups.end() && !(group->first == value)) ++group;
    if (group == groups.end()) group = groups.insert(group, {value, {}});
    group->second.push_back(position);
  }
  return groups;
}

}  // namespace orrery
