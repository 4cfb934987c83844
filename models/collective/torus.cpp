#include <algorithm>
#include <cmath>
#include <utility>

#include "models/collective/builtin.hpp"
#include "models/collective/channels.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// What one channel does: rings along the dimensions, one after the other, in an order and a
/// direction of its own. Blocks are numbered by places of a torus whose first dimension in that
/// order varies slowest, so that those which a message holds lie in a row.
class Torus {
 public:
  /// `member_at`: by place, the first of the `sizes` varying fastest. `first`: the dimension that
  /// comes first; others follow as they are, around the end.
  Torus(const std::vector<int>& sizes, const std::vector<int>& member_at, std::size_t first,
        bool backwards)
      : backwards_(backwards) {
    const std::size_t count = sizes.size();
    std::vector<int> strides(count, 1);  // in the order of places
    for (std::size_t d = 1; d < count; ++d) strides[d] = strides[d - 1] * sizes[d - 1];
    int stride = static_cast<int>(member_at.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t dimension = (first + i) % count;
      stride /= sizes[dimension];
      stages_.push_back({sizes[dimension], stride});
      rounds_ += 2 * (sizes[dimension] - 1);
    }
    member_of_.resize(member_at.size());
    for (std::size_t place = 0; place < member_at.size(); ++place) {
      int block = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t dimension = (first + i) % count;
        const int at = static_cast<int>(place) / strides[dimension] % sizes[dimension];
        block += at * stages_[i].stride;
      }
      member_of_[static_cast<std::size_t>(block)] = member_at[place];
    }
    block_of_ = places_in(member_of_);
  }

  /// Of an all-reduce; each half of it has half of them.
  int rounds() const { return rounds_; }
  /// Of the dimension that comes first.
  int first_size() const { return stages_.front().size; }
  int owner(int block) const { return member_of_[static_cast<std::size_t>(block)]; }
  /// Blocks in a row, by number, in round k of the all-reduce.
  Exchange exchange(int member, int k) const {
    const bool gathers = k >= rounds_ / 2;
    std::size_t i = gathers ? stages_.size() - 1 : 0;
    if (gathers) k -= rounds_ / 2;
    while (k >= stages_[i].size - 1) {
      k -= stages_[i].size - 1;
      i = gathers ? i - 1 : i + 1;
    }
    const auto [size, stride] = stages_[i];
    const int block = block_of_[static_cast<std::size_t>(member)];
    const int at = block / stride % size;
    const int line = block - at * stride;
    const int sent = after(at, -(gathers ? k : k + 1), size);
    return {.to = owner(line + after(at, 1, size) * stride),
            .first = line / stride * stride + sent * stride,
            .count = stride,
            .reduces = !gathers};
  }

 private:
  struct Stage {
    int size = 1;    // of the dimension
    int stride = 1;  // blocks from one place along it to the next
  };
  int after(int at, int places, int size) const {
    return ((at + (backwards_ ? -places : places)) % size + size) % size;
  }

  bool backwards_;
  int rounds_ = 0;
  std::vector<Stage> stages_;   // in order
  std::vector<int> member_of_;  // by block
  std::vector<int> block_of_;   // by member
};

struct Shape {
  std::vector<int> sizes;
  std::vector<int> member_at;  // by place, the first dimension varying fastest
};

/// Where the members stand; elsewhere as square as their number allows, in their order.
Shape shape_of(const CollectiveCall& call) {
  if (!call.site.torus.empty()) return {call.site.torus, call.site.torus_members};
  int width = static_cast<int>(std::sqrt(static_cast<double>(call.members)));
  while (call.members % width != 0) --width;
  Shape shape{.sizes = {width, call.members / width}, .member_at = {}};
  std::erase(shape.sizes, 1);
  for (int member = 0; member < call.members; ++member) shape.member_at.push_back(member);
  return shape;
}

/// A channel for each dimension to begin with, either way around; one way where no ring has more
/// than two places, and both ways are one.
std::vector<Torus> channels_of(const CollectiveCall& call) {
  const auto [sizes, members] = shape_of(call);
  const bool both = *std::max_element(sizes.begin(), sizes.end()) > 2;
  std::vector<Torus> channels;
  for (std::size_t first = 0; first < sizes.size(); ++first) {
    channels.emplace_back(sizes, members, first, false);
    if (both) channels.emplace_back(sizes, members, first, true);
  }
  return channels;
}

/// Which rounds of an all-reduce, and whether block m of the buffer is that of member m.
struct Part {
  int halves = 2;
  int first_half = 0;
  bool owned = false;
};

/// Channels go in step. One that begins with a short dimension, of larger messages, cuts blocks
/// into pieces, so that these are as large as those of the longest, but not below 32 KiB (assumed,
/// as in a chain). One that is through sooner waits between both halves, so that all end together.
class Pace {
 public:
  Pace(const CollectiveCall& call, const std::vector<Torus>& channels)
      : channels_(static_cast<int>(channels.size())), call_(&call) {
    for (const Torus& torus : channels) longest_ = std::max(longest_, torus.first_size());
    for (const Torus& torus : channels) {
      slowest_ = std::max(slowest_, torus.rounds() / 2 * pieces(torus));
    }
  }
  /// Largest piece of a block.
  Bytes piece(const Torus& torus) const {
    const std::int64_t block = call_->size.count() / channels_ / call_->members + 1;
    return Bytes((block + pieces(torus) - 1) / pieces(torus));
  }
  /// Rounds to wait for each half.
  int idle(const Torus& torus) const {
    if (call_->chunk > Bytes(0)) return 0;
    return (slowest_ - torus.rounds() / 2 * pieces(torus)) / pieces(torus);
  }

 private:
  int pieces(const Torus& torus) const {
    const int first = torus.first_size();
    const std::int64_t message = call_->size.count() / channels_ / first;
    const std::int64_t most = std::max<std::int64_t>(1, message / 32'768);
    return static_cast<int>(std::min<std::int64_t>(most, (longest_ + first / 2) / first));
  }

  int channels_;
  const CollectiveCall* call_;
  int longest_ = 1;
  int slowest_ = 0;  // steps of a half
};

std::unique_ptr<CollectiveProgram> torus_rounds(const CollectiveCall& call, const Part& part) {
  std::vector<std::unique_ptr<CollectiveProgram>> programs;
  std::vector<Torus> channels = channels_of(call);
  const int count = static_cast<int>(channels.size());
  const Pace pace(call, channels);
  for (int index = 0; index < count; ++index) {
    Torus& torus = channels[static_cast<std::size_t>(index)];
    const int half = torus.rounds() / 2;
    const int begin = part.first_half * half;
    const int idle = part.first_half + part.halves > 1 ? part.halves * pace.idle(torus) : 0;
    const RoundShape shape{.rounds = part.halves * half + idle,
                           .blocks = call.members,
                           .chunk = call.chunk,
                           .piece = pace.piece(torus)};
    const auto rule = [torus = std::move(torus), begin, half, idle, owned = part.owned](
                          int member, int round, std::vector<Exchange>& out) {
      int k = begin + round;
      if (k >= half && (k -= idle) < half) return;
      Exchange exchange = torus.exchange(member, k);
      if (!owned) {
        out.push_back(exchange);
        return;
      }
      for (int block = exchange.first; block < exchange.first + exchange.count; ++block) {
        out.push_back({.to = exchange.to,
                       .first = torus.owner(block),
                       .reduces = exchange.reduces,
                       .joined = block > exchange.first});
      }
    };
    programs.push_back(in_rounds(call, shape, rule, {.index = index, .count = count}));
  }
  return side_by_side(std::move(programs));
}

}  // namespace

/// Reduce-scatter by rings along one dimension after the other, each of what the last one left,
/// then all-gather back the same way: 2(n-1)/n of the size from each, 2 (sum of sizes - dimensions)
/// rounds. As many parts of the buffer as there are dimensions begin with another one each, either
/// way around, so that all links of a torus with equal dimensions are busy all the time (recalled:
/// the bucket algorithm of several dimensions, Jain and Sabharwal 2010, ICS, "Optimal bucket
/// algorithms for large MPI collectives on torus interconnects"). Where dimensions differ some
/// links wait for others, little if sizes are multiples of each other. Ends that are not joined are
/// gone around by the way back.
std::unique_ptr<CollectiveProgram> make_torus_all_reduce(const CollectiveCall& call) {
  return torus_rounds(call, {});
}
std::unique_ptr<CollectiveProgram> make_torus_reduce_scatter(const CollectiveCall& call) {
  return torus_rounds(call, {.halves = 1, .owned = true});
}
std::unique_ptr<CollectiveProgram> make_torus_all_gather(const CollectiveCall& call) {
  return torus_rounds(call, {.halves = 1, .first_half = 1, .owned = true});
}

}  // namespace orrery
