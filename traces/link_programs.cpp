#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "sim/base/errors.hpp"
#include "traces/program_meetings.hpp"

namespace orrery {
namespace {

constexpr std::uint32_t kNone = RankOp::kNone;

/// Puts the programs together: first what meets what, then one order of all that holds on every
/// stream of every rank, then the graph.
class Linker {
 public:
  explicit Linker(const RankPrograms& programs)
      : programs_(&programs), world_(static_cast<Rank>(programs.ranks.size())), graph_(world_) {
    std::size_t count = 0;
    for (const std::vector<RankOp>& program : programs.ranks) {
      first_.push_back(count);
      count += program.size();
    }
    node_of_.assign(count, kNone);
    for (Rank rank = 0; rank < world_; ++rank) order_.push_back(program_order(programs, rank));
  }

  TaskGraph link(std::vector<RankPrograms::LeftOut>* left_out) {
    for (std::vector<Place>& members : meetings(*programs_, order_)) {
      for (const Place place : members) node_of(place) = static_cast<std::uint32_t>(nodes_.size());
      nodes_.push_back({.members = std::move(members)});
    }
    choose_streams();
    find_edges();
    const std::vector<std::uint32_t> order = order_of_nodes();
    prepare_graph();
    ids_.resize(nodes_.size());
    for (const std::uint32_t node : order) ids_[node] = add(nodes_[node]);
    add_dependencies(order);
    if (left_out != nullptr && disagreeing_ > 0) {
      left_out->push_back({"left_out_sizes", disagreeing_,
                           "Messages and collectives of which the ends or members state different "
                           "sizes: the send's or the largest was taken."});
    }
    return std::move(graph_);
  }

 private:
  /// What runs as one op: alone, a send with its receive, or the members of a group.
  struct Node {
    std::vector<Place> members;
    std::uint32_t stream = kNone;       // a name
    std::uint32_t peer_stream = kNone;  // of a receive
  };

  const RankOp& op(Place place) const {
    return programs_->ranks[static_cast<std::size_t>(place.rank)][place.op];
  }
  std::uint32_t& node_of(Place place) {
    return node_of_[first_[static_cast<std::size_t>(place.rank)] + place.op];
  }

  void choose_streams() {
    for (Node& node : nodes_) {
      const RankOp& of = op(node.members.front());
      node.stream = of.stream != kNone ? of.stream : default_stream(node);
      if (of.kind == RankOp::Kind::send) node.peer_stream = op(node.members.back()).stream;
      // As a name may be both given and made here, in order wins: it is what a file asks for.
      if (of.stream != kNone) in_order_.insert(stream_text(of.stream));
      if (of.kind == RankOp::Kind::collective) in_order_.insert(stream_text(node.stream));
      if (node.peer_stream != kNone) in_order_.insert(stream_text(node.peer_stream));
    }
    for (const std::uint32_t name : programs_->first_ready) in_order_.erase(stream_text(name));
  }
  bool in_order(std::uint32_t stream) const { return in_order_.contains(stream_text(stream)); }

  std::uint32_t default_stream(const Node& node) {
    const RankOp& of = op(node.members.front());
    switch (of.kind) {
      case RankOp::Kind::compute:
        return own_names_.intern("compute") + shift();
      case RankOp::Kind::collective:
        return own_names_.intern("group " + std::to_string(of.group)) + shift();
      case RankOp::Kind::send: {
        const Rank distance = (of.peer - node.members.front().rank + world_) % world_;
        return own_names_.intern("send +" + std::to_string(distance)) + shift();
      }
      case RankOp::Kind::copy:
        return own_names_.intern("copy") + shift();
      default:
        return own_names_.intern("host") + shift();
    }
  }
  /// Names that were made here are numbered behind those of the programs.
  std::uint32_t shift() const { return static_cast<std::uint32_t>(programs_->names.size()); }
  const std::string& stream_text(std::uint32_t name) const {
    return name < shift() ? programs_->names.text(name) : own_names_.text(name - shift());
  }

  void find_edges() {
    edges_.resize(nodes_.size());
    waits_.assign(nodes_.size(), 0);
    const auto edge = [this](std::uint32_t before, std::uint32_t after) {
      if (before == after) return;
      edges_[before].push_back(after);
      ++waits_[after];
    };
    for (Rank rank = 0; rank < world_; ++rank) {
      std::map<std::uint32_t, std::uint32_t> last;  // by stream: the node
      for (const std::uint32_t i : order_[static_cast<std::size_t>(rank)]) {
        const Place place{rank, i};
        const std::uint32_t node = node_of(place);
        for (const std::uint32_t before : op(place).after) edge(node_of({rank, before}), node);
        const bool receives = op(place).kind == RankOp::Kind::receive;
        const std::uint32_t stream = receives ? nodes_[node].peer_stream : nodes_[node].stream;
        if (stream == kNone || !in_order(stream)) continue;
        const auto [tail, is_first] = last.try_emplace(stream, node);
        if (!is_first) edge(std::exchange(tail->second, node), node);
      }
    }
  }

  std::vector<std::uint32_t> order_of_nodes() {
    // By when each could have begun where it began first: the order of the files, near enough.
    std::vector<std::tuple<std::uint32_t, Rank>> key(nodes_.size(), {kNone, 0});
    for (Rank rank = 0; rank < world_; ++rank) {
      std::uint32_t at = 0;
      for (const std::uint32_t i : order_[static_cast<std::size_t>(rank)]) {
        auto& of = key[node_of({rank, i})];
        of = std::min(of, {at++, rank});
      }
    }
    using Entry = std::pair<std::tuple<std::uint32_t, Rank>, std::uint32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> free;
    for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
      if (waits_[node] == 0) free.emplace(key[node], node);
    }
    std::vector<std::uint32_t> order;
    while (!free.empty()) {
      const std::uint32_t node = free.top().second;
      free.pop();
      order.push_back(node);
      for (const std::uint32_t after : edges_[node]) {
        if (--waits_[after] == 0) free.emplace(key[after], after);
      }
    }
    if (order.size() < nodes_.size()) {
      const auto stuck = std::find_if(waits_.begin(), waits_.end(), [](auto w) { return w > 0; });
      const auto node = static_cast<std::size_t>(stuck - waits_.begin());
      throw DeadlockError("ranks wait for each other in a circle: " +
                          describe(*programs_, nodes_[node].members.front()) +
                          " is in it, or behind it");
    }
    return order;
  }

  void prepare_graph() {
    for (const Kernel& kernel : programs_->kernels) graph_.kernel(kernel);
    for (const auto& table : programs_->sizes) graph_.sizes(table);
    for (const std::string& category : programs_->host_categories) graph_.host_category(category);
    for (const RankPrograms::StaticMemory& memory : programs_->static_memory) {
      graph_.add_static_memory(graph_.rank_set({memory.rank}), label(memory.category),
                               memory.bytes);
    }
  }

  StreamId stream(std::uint32_t name) {
    return graph_.stream(stream_text(name),
                         in_order(name) ? StreamOrder::as_added : StreamOrder::first_ready);
  }
  LabelId label(std::uint32_t name) { return graph_.label(programs_->names.text(name)); }

  Bytes size_of(const Node& node) {
    Bytes size = op(node.members.front()).bytes;
    bool agree = true;
    for (const Place member : node.members) {
      agree = agree && op(member).bytes == size && op(member).sizes == op(node.members[0]).sizes;
      if (op(member).kind == RankOp::Kind::collective) size = std::max(size, op(member).bytes);
    }
    if (!agree) ++disagreeing_;
    return size;
  }

  OpId add(const Node& node) {
    const RankOp& of = op(node.members.front());
    Op made;
    made.priority = of.priority;
    made.stream = stream(node.stream);
    made.label = label(of.label);
    if (of.category != kNone) made.category = label(of.category);
    made.bytes = size_of(node);
    made.ranks = graph_.rank_set({node.members.front().rank});
    switch (of.kind) {
      case RankOp::Kind::compute:
        made.kind = OpKind::compute;
        made.kernel = KernelId(of.kernel);
        break;
      case RankOp::Kind::collective: {
        made.kind = OpKind::collective;
        made.collective = of.collective;
        made.root = of.root;
        made.group_size = static_cast<std::uint32_t>(node.members.size());
        made.ranks = graph_.rank_set(programs_->groups[of.group]);
        if (of.sizes != kNone) made.sizes = SizesId(of.sizes);
        break;
      }
      case RankOp::Kind::copy:
        made.kind = OpKind::transfer;
        made.copy = of.copy;
        made.peers = made.ranks;
        made.movement = of.movement;
        break;
      case RankOp::Kind::send:
        made.kind = OpKind::transfer;
        made.peers = graph_.rank_set({of.peer});
        made.movement = of.movement;
        if (node.peer_stream != kNone) made.peer_stream = stream(node.peer_stream);
        break;
      default:
        made.kind = OpKind::delay;
        made.delay = of.took.value_or(Duration(0));
        break;
    }
    const OpId id = graph_.add(made);
    if (of.tracked > Bytes(0)) graph_.track(id, of.tracked);
    if (of.triggered > Bytes(0)) graph_.trigger(id, of.triggered);
    // Equal on all members, as both ends of a transfer and all of a group share an op.
    for (const RankOp::MemoryChange& change : of.memory) {
      graph_.take_memory(id, label(change.category), change.taken);
      graph_.free_memory(id, label(change.category), change.freed);
    }
    return id;
  }

  void add_dependencies(const std::vector<std::uint32_t>& order) {
    std::vector<std::tuple<std::uint32_t, Side>> on;
    for (const std::uint32_t node : order) {
      on.clear();
      for (const Place place : nodes_[node].members) {
        const RankOp& of = op(place);
        const Side side = of.kind == RankOp::Kind::send      ? Side::source
                          : of.kind == RankOp::Kind::receive ? Side::destination
                                                             : Side::both;
        for (const std::uint32_t before : of.after) {
          const std::uint32_t other = node_of({place.rank, before});
          if (other != node) on.emplace_back(other, side);
        }
      }
      std::sort(on.begin(), on.end());
      on.erase(std::unique(on.begin(), on.end()), on.end());
      for (const auto& [other, side] : on) graph_.depend(ids_[node], ids_[other], side);
    }
  }

  const RankPrograms* programs_;
  Rank world_;
  TaskGraph graph_;
  std::vector<std::size_t> first_;                 // by rank, into node_of_
  std::vector<std::uint32_t> node_of_;             // by op
  std::vector<std::vector<std::uint32_t>> order_;  // by rank
  NameTable own_names_;
  std::set<std::string> in_order_;  // streams
  std::vector<Node> nodes_;
  std::vector<std::vector<std::uint32_t>> edges_;  // by node: those that wait for it
  std::vector<std::uint32_t> waits_;               // by node
  std::vector<OpId> ids_;                          // by node
  std::uint64_t disagreeing_ = 0;
};

}  // namespace

TaskGraph link(const RankPrograms& programs, std::vector<RankPrograms::LeftOut>* left_out) {
  return Linker(programs).link(left_out);
}

}  // namespace orrery
