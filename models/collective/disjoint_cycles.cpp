#include "models/collective/disjoint_cycles.hpp"

#include <algorithm>
#include <numeric>

namespace orrery {
namespace {

constexpr int kMostTries = 20'000;  // of members, for a number of rings

class Search {
 public:
  Search(std::vector<int> links, int n)
      : links_(std::move(links)), members_(n), used_(static_cast<std::size_t>(n), false) {}

  /// Half of the fewest links of a member.
  int most() const {
    int fewest = std::accumulate(links_.begin(), links_.end(), 0);
    for (int member = 0; member < members_; ++member) {
      const auto row = links_.begin() + static_cast<std::ptrdiff_t>(member) * members_;
      fewest = std::min(fewest, std::accumulate(row, row + members_, 0));
    }
    return fewest / 2;
  }
  bool find(int rings) {
    tries_ = kMostTries;
    wanted_ = rings;
    return begin_ring();
  }
  std::vector<std::vector<int>> rings() && { return std::move(rings_); }

 private:
  int& between(int a, int b) { return links_[static_cast<std::size_t>(a * members_ + b)]; }
  void take(int a, int b, int count) {
    between(a, b) -= count;
    between(b, a) -= count;
  }
  bool begin_ring() {
    if (static_cast<int>(rings_.size()) == wanted_) return true;
    rings_.push_back({0});
    std::fill(used_.begin(), used_.end(), false);
    used_[0] = true;
    if (go_on()) return true;
    rings_.pop_back();
    return false;
  }
  /// From the last member of the last ring.
  bool go_on() {
    const std::size_t ring = rings_.size() - 1;
    const int at = rings_[ring].back();
    if (static_cast<int>(rings_[ring].size()) == members_) {
      if (between(at, 0) == 0) return false;
      take(at, 0, 1);
      if (begin_ring()) return true;
      take(at, 0, -1);
      std::fill(used_.begin(), used_.end(), true);
      return false;
    }
    for (const int next : partners(at)) {
      if (tries_-- <= 0) return false;
      rings_[ring].push_back(next);
      used_[static_cast<std::size_t>(next)] = true;
      take(at, next, 1);
      if (go_on()) return true;
      take(at, next, -1);
      used_[static_cast<std::size_t>(next)] = false;
      rings_[ring].pop_back();
    }
    return false;
  }
  std::vector<int> partners(int at) {
    std::vector<int> found;
    for (int other = 0; other < members_; ++other) {
      if (!used_[static_cast<std::size_t>(other)] && between(at, other) > 0) found.push_back(other);
    }
    std::stable_sort(found.begin(), found.end(),
                     [&](int a, int b) { return between(at, a) > between(at, b); });
    return found;
  }

  std::vector<int> links_;
  int members_;
  std::vector<bool> used_;  // by member: is on the last ring
  std::vector<std::vector<int>> rings_;
  int wanted_ = 0;
  int tries_ = 0;
};

}  // namespace

std::vector<std::vector<int>> disjoint_cycles(std::vector<int> links, int n) {
  if (n < 3) return {};
  for (int rings = Search(links, n).most(); rings > 0; --rings) {
    Search search(links, n);
    if (search.find(rings)) return std::move(search).rings();
  }
  return {};
}

}  // namespace orrery
