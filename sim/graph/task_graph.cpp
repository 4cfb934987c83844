#include "sim/graph/task_graph.hpp"

#include <algorithm>
#include <limits>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

/// Finds equal rank sets without comparing with all of them.
std::uint64_t hash_of(std::span<const Rank> ranks) {
  std::uint64_t hash = kFnv1aBasis;
  for (const Rank rank : ranks) {
    hash = fnv1a_step(hash, static_cast<std::uint64_t>(rank));
  }
  return hash;
}

/// Of what kernels mostly differ in.
std::uint64_t hash_of(const Kernel& kernel) {
  std::uint64_t hash =
      fnv1a_step(fnv1a(kernel.kind), static_cast<std::uint64_t>(kernel.operations.count()));
  hash = fnv1a_step(hash, static_cast<std::uint64_t>(kernel.read.count()));
  for (const Kernel::Dimension& dimension : kernel.shape) {
    hash = fnv1a_step(hash, static_cast<std::uint64_t>(dimension.size));
  }
  return hash;
}

void check_memory(bool category_exists, Bytes bytes) {
  ORRERY_CHECK(category_exists, "memory needs a category");
  ORRERY_CHECK(bytes >= Bytes(0), "an amount of memory is negative");
}

}  // namespace

std::string_view to_string(OpKind kind) {
  switch (kind) {
    case OpKind::compute:
      return "compute";
    case OpKind::transfer:
      return "transfer";
    case OpKind::collective:
      return "collective";
    case OpKind::delay:
      return "delay";
  }
  return "?";
}

std::string_view to_string(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return "all_reduce";
    case CollectiveKind::all_gather:
      return "all_gather";
    case CollectiveKind::reduce_scatter:
      return "reduce_scatter";
    case CollectiveKind::all_to_all:
      return "all_to_all";
    case CollectiveKind::broadcast:
      return "broadcast";
    case CollectiveKind::reduce:
      return "reduce";
    case CollectiveKind::gather:
      return "gather";
    case CollectiveKind::scatter:
      return "scatter";
    case CollectiveKind::barrier:
      return "barrier";
    case CollectiveKind::send_recv:
      return "send_recv";
    case CollectiveKind::all_to_all_v:
      return "all_to_all_v";
  }
  return "?";
}

bool has_root(CollectiveKind kind) {
  return kind == CollectiveKind::broadcast || kind == CollectiveKind::reduce ||
         kind == CollectiveKind::gather || kind == CollectiveKind::scatter;
}

std::size_t TaskGraph::Names::intern(std::string_view text) {
  const auto [place, is_new] = index.try_emplace(std::string(text), texts.size());
  if (is_new) texts.emplace_back(text);
  return place->second;
}

StreamId TaskGraph::stream(std::string_view name, StreamOrder order) {
  const std::size_t index = streams_.intern(name);
  ORRERY_CHECK(StreamId(index).index() == index && StreamId(index).valid(), "too many streams");
  stream_orders_.resize(streams_.texts.size(), order);
  return StreamId(index);
}

LabelId TaskGraph::label(std::string_view text) {
  return LabelId(labels_.intern(text));
}

LabelId TaskGraph::host_category(std::string_view text) {
  const LabelId category = label(text);
  if (!is_on_host(category)) on_host_.push_back(category);
  return category;
}

RankSetId TaskGraph::rank_set(std::vector<Rank> ranks) {
  ORRERY_CHECK(!ranks.empty(), "a rank set must not be empty");
  const std::uint64_t hash = hash_of(ranks);
  auto place = std::lower_bound(rank_set_index_.begin(), rank_set_index_.end(),
                                std::pair<std::uint64_t, std::uint32_t>(hash, 0));
  for (; place != rank_set_index_.end() && place->first == hash; ++place) {
    if (rank_sets_[place->second] == ranks) return RankSetId(place->second);
  }
  std::vector<Rank> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  ORRERY_CHECK(sorted.front() >= 0 && sorted.back() < world_size_, "a rank is outside the world");
  ORRERY_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
               "a rank set repeats a rank");
  rank_set_index_.emplace(place, hash, static_cast<std::uint32_t>(rank_sets_.size()));
  rank_sets_.push_back(std::move(ranks));
  return RankSetId(rank_sets_.size() - 1);
}

KernelId TaskGraph::kernel(Kernel kernel) {
  kernels_.push_back(std::move(kernel));
  return KernelId(kernels_.size() - 1);
}

KernelId TaskGraph::shared_kernel(Kernel kernel) {
  const std::uint64_t hash = hash_of(kernel);
  const auto [first, last] = shared_kernels_.equal_range(hash);
  for (auto candidate = first; candidate != last; ++candidate) {
    if (kernels_[candidate->second.index()] == kernel) return candidate->second;
  }
  const KernelId id = this->kernel(std::move(kernel));
  shared_kernels_.emplace(hash, id);
  return id;
}

SizesId TaskGraph::sizes(std::shared_ptr<const SizeTable> table) {
  ORRERY_CHECK(table != nullptr, "a table of sizes is missing");
  size_tables_.push_back(std::move(table));
  return SizesId(size_tables_.size() - 1);
}

OpId TaskGraph::add(const Op& op) {
  check_op(op);
  uses_host_ = uses_host_ || op.copy != CopyKind::device_to_device;
  ops_.push_back(op);
  return OpId(ops_.size() - 1);
}

void TaskGraph::depend(OpId op, OpId on, Side side) {
  ORRERY_CHECK(op.index() < ops_.size() && on.index() < ops_.size(),
               "a dependency names an op that does not exist");
  dependencies_.push_back(Dependency{op, on, side});
}

void TaskGraph::take_memory(OpId op, LabelId category, Bytes bytes) {
  ORRERY_CHECK(op.index() < ops_.size(), "memory is taken by an op that does not exist");
  check_memory(category.index() < labels_.texts.size(), bytes);
  if (bytes > Bytes(0)) memory_effects_.push_back(MemoryEffect{op, category, bytes, Bytes(0)});
}

void TaskGraph::free_memory(OpId op, LabelId category, Bytes bytes) {
  ORRERY_CHECK(op.index() < ops_.size(), "memory is freed by an op that does not exist");
  check_memory(category.index() < labels_.texts.size(), bytes);
  if (bytes > Bytes(0)) memory_effects_.push_back(MemoryEffect{op, category, Bytes(0), bytes});
}

void TaskGraph::add_tracker_effect(const TrackerEffect& effect) {
  ORRERY_CHECK(effect.op.index() < ops_.size() && ops_[effect.op.index()].kind == OpKind::compute,
               "a tracker follows computes");
  ORRERY_CHECK(effect.tracked >= Bytes(0) && effect.triggered >= Bytes(0),
               "a tracked amount is negative");
  tracker_effects_.push_back(effect);
}

void TaskGraph::add_static_memory(RankSetId ranks, LabelId category, Bytes bytes) {
  ORRERY_CHECK(ranks.index() < rank_sets_.size(), "static memory needs a rank set");
  check_memory(category.index() < labels_.texts.size(), bytes);
  static_memory_.push_back(StaticMemory{ranks, category, bytes});
}

void TaskGraph::check_op(const Op& op) const {
  ORRERY_CHECK(ops_.size() < std::numeric_limits<std::uint32_t>::max(), "too many ops");
  ORRERY_CHECK(op.ranks.index() < rank_sets_.size(), "an op needs a rank set");
  ORRERY_CHECK(op.stream.index() < streams_.texts.size(), "an op needs a stream");
  ORRERY_CHECK(op.bytes >= Bytes(0) && op.delay >= Duration(0), "an op has a negative amount");
  const std::size_t size = rank_sets_[op.ranks.index()].size();
  ORRERY_CHECK(op.copy == CopyKind::device_to_device ||
                   (op.kind == OpKind::transfer && op.ranks == op.peers),
               "a copy from or to the host is a transfer of a rank with itself");
  ORRERY_CHECK(op.movement == Movement::copy || op.kind == OpKind::transfer,
               "only a transfer moves its payload in a way of its own");
  switch (op.kind) {
    case OpKind::compute:
      ORRERY_CHECK(op.kernel.index() < kernels_.size(), "a compute op needs a kernel");
      break;
    case OpKind::transfer: {
      ORRERY_CHECK(op.peers.index() < rank_sets_.size(), "a transfer needs destinations");
      const std::span<const Rank> sources = ranks(op.ranks);
      const std::span<const Rank> destinations = ranks(op.peers);
      ORRERY_CHECK(sources.size() == destinations.size(),
                   "a transfer needs as many destinations as sources");
      if (!op.peer_stream.valid()) break;
      ORRERY_CHECK(op.peer_stream.index() < streams_.texts.size(),
                   "a transfer names a destination stream that does not exist");
      // On one stream the destination would come behind the source that waits for it.
      for (std::size_t i = 0; i < size && op.peer_stream == op.stream; ++i) {
        ORRERY_CHECK(sources[i] != destinations[i],
                     "a transfer from a rank to itself needs two streams");
      }
      break;
    }
    case OpKind::collective:
      ORRERY_CHECK(op.group_size >= 1 && size % op.group_size == 0,
                   "a collective needs a rank set of whole groups");
      ORRERY_CHECK((op.collective == CollectiveKind::all_to_all_v) == op.sizes.valid() &&
                       (!op.sizes.valid() || op.sizes.index() < size_tables_.size()),
                   "an all-to-all-v needs a table of sizes, and nothing else has one");
      break;
    case OpKind::delay:
      break;
  }
}

}  // namespace orrery
