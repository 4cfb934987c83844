#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// What each member of a group sends each other in an all-to-all-v; zero entries are no messages.
/// What a member keeps, the entry of itself with itself, moves nowhere and counts nowhere.
class SizeTable {
 public:
  /// `bytes` by sender, then receiver: members² of them, each >= 0.
  SizeTable(int members, std::vector<Bytes> bytes) : members_(members), bytes_(std::move(bytes)) {
    ORRERY_CHECK(bytes_.size() == static_cast<std::size_t>(members) * index(1, 0),
                 "a table of sizes is not square");
    ORRERY_CHECK(std::all_of(bytes_.begin(), bytes_.end(), [](Bytes b) { return b >= Bytes(0); }),
                 "a size is negative");
  }

  int members() const { return members_; }
  Bytes between(int from, int to) const { return bytes_[index(from, to)]; }
  Bytes largest() const {
    Bytes most;
    for_each_pair([&](int from, int to) { most = std::max(most, between(from, to)); });
    return most;
  }
  /// The most that any member sends to all others, or receives from them: what its links must
  /// carry. Throws OverflowError when that does not fit.
  Bytes busiest() const {
    std::vector<Bytes> sent(static_cast<std::size_t>(members_));
    std::vector<Bytes> received(static_cast<std::size_t>(members_));
    for_each_pair([&](int from, int to) {
      sent[static_cast<std::size_t>(from)] += between(from, to);
      received[static_cast<std::size_t>(to)] += between(from, to);
    });
    return std::max(*std::max_element(sent.begin(), sent.end()),
                    *std::max_element(received.begin(), received.end()));
  }

 private:
  std::size_t index(int from, int to) const {
    return static_cast<std::size_t>(from) * static_cast<std::size_t>(members_) +
           static_cast<std::size_t>(to);
  }
  template <class Visit>
  void for_each_pair(Visit visit) const {
    for (int from = 0; from < members_; ++from) {
      for (int to = 0; to < members_; ++to) {
        if (from != to) visit(from, to);
      }
    }
  }

  int members_;
  std::vector<Bytes> bytes_;
};

}  // namespace orrery
