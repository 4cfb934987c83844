#include <algorithm>
#include <bit>
#include <utility>

#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// What a member gathers before it sends: NCCL's buffer (NCCL_BUFFSIZE, default 4 MiB, NCCL user
/// guide).
constexpr Bytes kBuffer = Bytes(4'194'304);

/// NCCL's parallel aggregated trees (Jeaugey 2025, arXiv:2506.20252; NVIDIA developer blog, "New
/// Scaling Algorithm and Initialization with NVIDIA Collective Communications Library 2.23";
/// recalled, not at hand). From every member a binomial tree reaches the places 2^k further on,
/// farthest first, so that the long ways carry least; what goes to the same member in the same
/// round goes together: ceil(log2 n) rounds like Bruck's. Where the blocks of a round exceed the
/// buffer they go in several, up to one block each: the linear phase. NCCL takes it for one member
/// a node; it works for any.
///
///   distance 4:  0→4              of each tree; n = 8, from member 0
///   distance 2:  0→2  4→6
///   distance 1:  0→1  2→3  4→5  6→7
class Trees {
 public:
  explicit Trees(const CollectiveCall& call) : members_(call.members) {
    const Bytes block = part_of(call.size, call.members - 1, call.members);
    const std::int64_t fit = call.chunk > Bytes(0)
                                 ? members_
                                 : kBuffer.count() / std::max<std::int64_t>(block.count(), 1);
    const int most = static_cast<int>(std::clamp<std::int64_t>(fit, 1, members_));
    for (int distance = static_cast<int>(std::bit_floor(static_cast<unsigned>(members_ - 1)));
         distance >= 1; distance /= 2) {
      // Trees in which a member has a child at this distance: those whose roots are 0, 2d, … back.
      const int children = (members_ - distance - 1) / (2 * distance) + 1;
      for (int first = 0; first < children; first += most) {
        rounds_.push_back({distance, first, std::min(first + most, children)});
      }
    }
  }

  int rounds() const { return static_cast<int>(rounds_.size()); }
  /// Down the trees.
  void spread(int member, int round, std::vector<Exchange>& out) const {
    const Round& of = rounds_[static_cast<std::size_t>(round)];
    for (int child = of.first; child < of.end; ++child) {
      out.push_back({.to = around(member + of.distance),
                     .first = around(member - 2 * of.distance * child),
                     .joined = child > of.first});
    }
  }
  /// The same backwards: up the trees, nearest first.
  void collect(int member, int round, std::vector<Exchange>& out) const {
    const Round& of = rounds_[rounds_.size() - 1 - static_cast<std::size_t>(round)];
    const int to = around(member - of.distance);
    for (int child = of.first; child < of.end; ++child) {
      out.push_back({.to = to,
                     .first = around(to - 2 * of.distance * child),
                     .reduces = true,
                     .joined = child > of.first});
    }
  }

 private:
  struct Round {
    int distance = 0;
    int first = 0;  // of the trees, nearest root first
    int end = 0;
  };
  int around(int place) const { return (place % members_ + members_) % members_; }

  int members_;
  std::vector<Round> rounds_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_pat_all_gather(const CollectiveCall& call) {
  Trees trees(call);
  const RoundShape shape{.rounds = trees.rounds(), .blocks = call.members, .chunk = call.chunk};
  return in_rounds(call, shape,
                   [trees = std::move(trees)](int member, int round, std::vector<Exchange>& out) {
                     trees.spread(member, round, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_pat_reduce_scatter(const CollectiveCall& call) {
  Trees trees(call);
  const RoundShape shape{.rounds = trees.rounds(), .blocks = call.members, .chunk = call.chunk};
  return in_rounds(call, shape,
                   [trees = std::move(trees)](int member, int round, std::vector<Exchange>& out) {
                     trees.collect(member, round, out);
                   });
}

}  // namespace orrery
