#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/graph/task_graph.hpp"

namespace orrery {

/// A matrix product of a tensor-parallel group, made stage by stage, and what the stores of its
/// stages start. Every rank makes its output in `chunks` chunks of `blocks` blocks, in an order of
/// its own: rank r such that chunk s of all ranks is what a ring needs in step s (T3, Pati et al.,
/// ASPLOS 2024, Figure 7). All ranks do the same, with another part of the output.
///
/// A block is up to three kernels in a row: reads that arithmetic does not hide, arithmetic beside
/// the other reads, and stores (or all beside each other). But for the first of all they are not
/// launched. Leaves out: that stores to the neighbour hold up the producer where the link is slower
/// than they.
class StagedProduct {
 public:
  struct Plan {
    Kernel kernel;              // the whole product, as one kernel
    Bytes reads;                // of device memory, in all
    double exposed_reads = 0;   // share of these that arithmetic does not hide
    Flops unused{};             // what idle cores of the last stage could have computed meanwhile
    bool stores_apart = false;  // stores follow arithmetic; else they are beside it
    Bytes output;               // on each rank
    std::int64_t chunks = 1;    // ranks of a group; divides the output
    std::int64_t blocks = 1;    // of a chunk, each of which is tracked and sent by itself
    bool updates = false;       // memory adds what is stored
    std::int64_t remote = 0;    // the first so many chunks go to other ranks' memories at once
    std::string name{};         // before the labels of its ops
    LabelId product{};          // categories: of its kernels, and of what they start
    LabelId reduction{};
  };
  struct Block {
    OpId first;     // of its kernels
    OpId multiply;  // its values are there
    OpId stores;    // none where they go elsewhere
  };

  /// The graph must outlive this.
  StagedProduct(TaskGraph& graph, Plan plan);

  /// Adds the kernels on these ranks: groups of `chunks` ranks, one behind the other, on stream
  /// "compute". What follows below is of those that were added last.
  void add_kernels(RankSetId groups);
  OpId first() const { return made_.front().first; }
  OpId last() const { return last_; }
  const Block& made(std::int64_t s, std::int64_t b) const {
    return made_[static_cast<std::size_t>(s * plan_.blocks + b)];
  }
  Bytes chunk() const { return plan_.output / plan_.chunks; }
  Bytes block(std::int64_t b) const;

  /// The reduce-scatter that the stores trigger. Chunk 0's stores go to the neighbour (remote_map);
  /// chunk s in 1 … N-2 is stored here and, when its stores and the neighbour's updates have
  /// landed, the tracker sends it on by DMA (dma_map); chunk N-1 is complete when both have landed.
  /// Returns the ops that end then, the last of them last. Requires `remote` 1, and updates.
  std::vector<OpId> add_ring();
  /// Every chunk but the own goes straight to the rank that keeps it (T3, section 7.1), which adds
  /// it where the product updates, by `movement`. Requires `remote` = chunks - 1.
  std::vector<OpId> add_direct(Movement movement);

  /// From every rank to the one that many hops on in its group.
  OpId add_transfer(const std::string& label, const std::string& stream, Movement movement,
                    Bytes bytes, std::int64_t hops);

 private:
  struct Part {  // of a block: its kernels and their labels
    KernelId kernel;
    LabelId label;
  };
  struct Parts {
    Part reads, multiply, stores;
  };

  bool is_remote(std::int64_t s) const { return s < plan_.remote; }
  std::string name(const char* what, std::int64_t s, std::int64_t b) const;
  Part part_of(const Kernel& kernel, const char* what, std::int64_t s, std::int64_t b);
  Parts parts_of(std::int64_t s, std::int64_t b);
  OpId add_kernel(const Part& part, const char* stream, LabelId category);
  OpId add_trigger(std::int64_t s, std::int64_t b, const std::vector<OpId>& incoming);
  RankSetId shifted_by(std::int64_t hops);

  TaskGraph* graph_;
  Plan plan_;
  KernelId nothing_;          // of a trigger
  std::vector<Parts> parts_;  // by chunk, then block
  std::map<std::pair<RankSetId, std::int64_t>, RankSetId> shifted_;
  RankSetId groups_;
  std::vector<Block> made_;  // as parts_
  OpId last_;
};

}  // namespace orrery
