#include "sim/base/colour_refinement.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

// Round r draws a colour c(class) of 64 bits and an odd weight w(position) for itself. With these
//   a relation has  h = scramble(key + sum over its positions i of c(class of member i) w(i)),
//   an object has   the sum of h w(i) over the positions i of relations that it holds.
// Objects whose multisets are equal have equal sums. Say two multisets differ, in how often they
// hold position i of the relations of some key and some classes of members. Take what is drawn and
// what scramble gives as random:
//   1. Another relation in them has the same h only if a sum over classes of c(class) times weights
//      vanishes: 2^-64, times 2^b where that factor of a c ends in b zero bits. The factor is a sum
//      of weights, which ends in b zero bits with a probability of about 2^-b: 2^-58 in all.
//   2. Otherwise the sums are equal only if h times a sum of weights times differences of counts is
//      what the other relations leave over: again 2^-58, times the power of two in the counts.
// With n relations in the two multisets that is n 2^-58 for each. Classes and sums are compared as
// they are, so that no further hash can join what was apart.

namespace orrery {
namespace {

/// Classes of objects, numbered 0, 1, … in the order of their first objects.
class Partition {
 public:
  explicit Partition(std::size_t objects) : classes_(objects, 0), refined_(objects) {}

  const std::vector<std::uint32_t>& classes() const { return classes_; }
  std::size_t count() const { return firsts_.size(); }

  /// Objects stay together whose marks are equal. Whether any class was split.
  bool split(const std::vector<std::uint64_t>& marks) {
    const std::size_t before = count();
    firsts_.clear();
    std::fill(table_.begin(), table_.end(), kNone);
    for (std::uint32_t object = 0; object < classes_.size(); ++object) {
      std::uint32_t& number = table_[place_of(object, marks)];
      if (number == kNone) {
        number = static_cast<std::uint32_t>(firsts_.size());
        firsts_.push_back(object);
      }
      refined_[object] = number;
      if (2 * firsts_.size() > table_.size()) enlarge_table(marks);
    }
    classes_.swap(refined_);
    return count() > before;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// Where the number of the object's new class is or belongs: open addressing.
  std::size_t place_of(std::uint32_t object, const std::vector<std::uint64_t>& marks) const {
    const std::size_t mask = table_.size() - 1;
    std::size_t place = scramble(marks[object] + classes_[object]) & mask;
    for (;; place = (place + 1) & mask) {
      if (table_[place] == kNone) return place;
      const std::uint32_t first = firsts_[table_[place]];
      if (marks[first] == marks[object] && classes_[first] == classes_[object]) return place;
    }
  }

  void enlarge_table(const std::vector<std::uint64_t>& marks) {
    table_.assign(2 * table_.size(), kNone);
    for (std::uint32_t number = 0; number < firsts_.size(); ++number) {
      table_[place_of(firsts_[number], marks)] = number;
    }
  }

  std::vector<std::uint32_t> classes_;  // by object
  std::vector<std::uint32_t> refined_;  // by object, while splitting
  std::vector<std::uint32_t> firsts_;   // by class: its first object
  std::vector<std::uint32_t> table_ = std::vector<std::uint32_t>(64, kNone);  // a power of two
};

/// Adds relations of one kind to their members. A length that the compiler knows unrolls the loops.
template <std::size_t kLength>
void add_run(std::uint64_t key, std::size_t any_length, std::span<const int> members,
             const std::uint64_t* colours, const std::uint64_t* weights, std::uint64_t* sums) {
  const std::size_t length = kLength > 0 ? kLength : any_length;
  for (const int* member = members.data(); member != members.data() + members.size();
       member += length) {
    std::uint64_t hash = key;
#pragma GCC unroll 6
    for (std::size_t i = 0; i < length; ++i) hash += colours[member[i]] * weights[i];
    hash = scramble(hash);
#pragma GCC unroll 6
    for (std::size_t i = 0; i < length; ++i) sums[member[i]] += hash * weights[i];
  }
}

}  // namespace

void ColourRefinement::add(std::uint64_t key, std::size_t length, std::span<const int> objects) {
  ORRERY_CHECK(length > 0 && objects.size() % length == 0, "relations that are not whole");
  unsigned greatest = 0;
  for (const int object : objects) greatest = std::max(greatest, static_cast<unsigned>(object));
  ORRERY_CHECK(greatest < colours_.size(), "a relation names an object that does not exist");
  if (runs_.empty() || runs_.back().key != key || runs_.back().length != length) {
    runs_.push_back(Run{key, length, 0});
  }
  runs_.back().size += objects.size();
  members_.append(objects);
  relations_ += objects.size() / length;
  greatest_length_ = std::max(greatest_length_, length);
}

/// Adds to every object the relations that it takes part in, as their members are coloured now.
void ColourRefinement::accumulate(const Colours& colours, const Colours& weights,
                                  Colours& sums) const {
  std::size_t begin = 0;
  for (const Run& run : runs_) {
    const std::span<const int> members(members_.data() + begin, run.size);
    const std::uint64_t key = scramble(scramble(run.key) + run.length);
    const auto apply = [&](auto add_lengths) {
      add_lengths(key, run.length, members, colours.data(), weights.data(), sums.data());
    };
    switch (run.length) {
      case 2:
        apply(add_run<2>);  // in a group
        break;
      case 4:
        apply(add_run<4>);  // a message over one switch
        break;
      case 6:
        apply(add_run<6>);  // over three
        break;
      default:
        apply(add_run<0>);
    }
    begin += run.size;
  }
}

std::optional<std::vector<std::uint32_t>> ColourRefinement::refine(
    std::size_t maximum_classes) const {
  Partition partition(colours_.size());
  partition.split(colours_);
  Colours colours(colours_.size());
  Colours sums(colours_.size());
  Colours weights(greatest_length_);
  for (std::uint64_t round = 0; round < kMaximumRounds; ++round) {
    if (partition.count() > maximum_classes) return std::nullopt;
    std::uint64_t draw = scramble(round);
    for (std::uint64_t& weight : weights) weight = scramble(++draw) | 1U;
    for (std::size_t object = 0; object < colours.size(); ++object) {
      colours[object] = scramble(draw + 1 + partition.classes()[object]);
    }
    std::fill(sums.begin(), sums.end(), 0);
    accumulate(colours, weights, sums);
    if (!partition.split(sums)) return partition.classes();
  }
  return std::nullopt;
}

}  // namespace orrery
