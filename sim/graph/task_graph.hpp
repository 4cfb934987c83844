#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/graph/kernel.hpp"
#include "sim/graph/op.hpp"
#include "sim/graph/size_table.hpp"

namespace orrery {

/// `op` may start on a rank only when `on` has ended there; see TaskGraph::depend.
struct Dependency {
  OpId op;
  OpId on;
  Side side = Side::both;
};

/// Memory an op takes when it starts and gives back when it ends, on each rank that runs it. A
/// buffer is taken by one op and given back by another; the category says what it holds. A copy
/// from or to the host takes and gives back once, where others do so at both ends.
struct MemoryEffect {
  OpId op;
  LabelId category;
  Bytes taken;  // at the start
  Bytes freed;  // at the end
};

/// What a tracker (a unit that counts the stores to a region of memory) has to do with an op: its
/// start begins `tracked` bytes, for which it waits where the tracker is full; or its start means
/// that all stores to `triggered` bytes have landed, and it ends when the tracker has noticed. Such
/// an op is a compute without work. The same amounts are triggered as were tracked.
struct TrackerEffect {
  OpId op;
  Bytes tracked;
  Bytes triggered;
};

/// Memory that is there from the beginning to the end: weights, optimizer states.
struct StaticMemory {
  RankSetId ranks;
  LabelId category;
  Bytes bytes;
};

/// What must happen, after what, on which ranks and streams. Knows no durations and no hardware.
///
/// A stream of a rank runs one op at a time, in its StreamOrder. Sizes of collectives follow
/// nccl-tests: all-reduce, broadcast, reduce, send-recv: the buffer; all-gather, reduce-scatter,
/// all-to-all, gather, scatter: the full buffer of one rank, n parts. Of a barrier: a signal, 0 as
/// a rule; of an all-to-all-v SizeTable::busiest().
class TaskGraph {
 public:
  explicit TaskGraph(Rank world_size) : world_size_(world_size) {}

  Rank world_size() const { return world_size_; }

  /// The order is that of the first call with this name.
  StreamId stream(std::string_view name, StreamOrder order = StreamOrder::as_added);
  LabelId label(std::string_view text);
  /// A label for memory that is the host's and not the device's.
  LabelId host_category(std::string_view text);
  /// Equal lists get the same id. Ranks must be in [0, world_size), without repetition.
  RankSetId rank_set(std::vector<Rank> ranks);
  KernelId kernel(Kernel kernel);
  /// The same id as an equal kernel that was shared before: for generators that make the same one
  /// again for every layer.
  KernelId shared_kernel(Kernel kernel);
  /// Shared, as it may be large and many ops may have it.
  SizesId sizes(std::shared_ptr<const SizeTable> table);

  OpId add(const Op& op);
  /// Rank by rank: on every rank that both ops have, `op` starts after `on` has ended there (for a
  /// transfer: sent at the source, arrived at the destination). Ops without a common rank: every
  /// rank of `op` waits for all of `on`.
  void depend(OpId op, OpId on, Side side = Side::both);
  void take_memory(OpId op, LabelId category, Bytes bytes);
  void free_memory(OpId op, LabelId category, Bytes bytes);
  /// Of computes alone; once for each.
  void track(OpId op, Bytes bytes) { add_tracker_effect({op, bytes, Bytes(0)}); }
  void trigger(OpId op, Bytes bytes) { add_tracker_effect({op, Bytes(0), bytes}); }
  void add_static_memory(RankSetId ranks, LabelId category, Bytes bytes);

  const std::vector<Op>& ops() const { return ops_; }
  const Op& op(OpId id) const { return ops_[id.index()]; }
  const std::vector<Dependency>& dependencies() const { return dependencies_; }
  const std::vector<MemoryEffect>& memory_effects() const { return memory_effects_; }
  const std::vector<TrackerEffect>& tracker_effects() const { return tracker_effects_; }
  const std::vector<StaticMemory>& static_memory() const { return static_memory_; }
  std::span<const Rank> ranks(RankSetId id) const { return rank_sets_[id.index()]; }
  std::size_t rank_set_count() const { return rank_sets_.size(); }
  const Kernel& kernel(KernelId id) const { return kernels_[id.index()]; }
  const std::vector<Kernel>& kernels() const { return kernels_; }
  const std::vector<std::shared_ptr<const SizeTable>>& size_tables() const { return size_tables_; }
  /// Of an all-to-all-v; else null.
  std::shared_ptr<const SizeTable> sizes_of(const Op& op) const {
    return op.sizes.valid() ? size_tables_[op.sizes.index()] : nullptr;
  }
  const std::string& stream_name(StreamId id) const { return streams_.texts[id.index()]; }
  std::size_t stream_count() const { return streams_.texts.size(); }
  StreamOrder stream_order(StreamId id) const { return stream_orders_[id.index()]; }
  const std::string& text(LabelId id) const { return labels_.texts[id.index()]; }
  std::size_t label_count() const { return labels_.texts.size(); }
  bool is_on_host(LabelId category) const {
    return std::find(on_host_.begin(), on_host_.end(), category) != on_host_.end();
  }
  const std::vector<LabelId>& host_categories() const { return on_host_; }
  /// Whether an op copies from or to a host.
  bool uses_host() const { return uses_host_; }

 private:
  struct Names {
    std::vector<std::string> texts;
    std::unordered_map<std::string, std::size_t> index;  // only looked up
    std::size_t intern(std::string_view text);
  };

  void check_op(const Op& op) const;
  void add_tracker_effect(const TrackerEffect& effect);

  Rank world_size_;
  std::vector<Op> ops_;
  std::vector<Dependency> dependencies_;
  std::vector<MemoryEffect> memory_effects_;
  std::vector<TrackerEffect> tracker_effects_;
  std::vector<StaticMemory> static_memory_;
  std::vector<std::vector<Rank>> rank_sets_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> rank_set_index_;  // (hash, id), sorted
  std::vector<Kernel> kernels_;
  std::unordered_multimap<std::uint64_t, KernelId> shared_kernels_;  // by hash; only looked up
  std::vector<std::shared_ptr<const SizeTable>> size_tables_;
  Names streams_;
  std::vector<StreamOrder> stream_orders_;  // by stream
  Names labels_;
  std::vector<LabelId> on_host_;  // few
  bool uses_host_ = false;
};

}  // namespace orrery
