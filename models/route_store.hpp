#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/fabric.hpp"
#include "sim/base/growing_array.hpp"
#include "sim/base/hash.hpp"

namespace orrery {

/// Routes that were asked for: the last of every source, and those worth keeping, each once.
class RouteStore {
 public:
  void set_sources(std::size_t count) { last_.resize(count); }

  /// `make` appends the links of a route that is not at hand, and returns its latency.
  template <class Make>
  Fabric::Route find(int from, int to, bool keep, Make make) {
    Last& last = last_[static_cast<std::size_t>(from)];
    if (last.to == to) return {{last.links.data(), last.count}, last.latency};
    Fabric::Route route;
    if (keep) {
      const Kept& kept = kept_[index_of(from, to, make)];
      route = {{links_.data() + kept.begin, kept.count}, kept.latency};
    } else {
      made_.clear();
      const Duration latency = make(made_);
      route = {made_, latency};
    }
    if (route.links.size() <= last.links.size()) {
      last.latency = route.latency;
      last.to = to;
      last.count = static_cast<std::uint32_t>(route.links.size());
      std::copy(route.links.begin(), route.links.end(), last.links.begin());
    }
    return route;
  }

 private:
  struct Last {
    Duration latency;
    int to = -1;
    std::uint32_t count = 0;
    std::array<int, 6> links{};  // host links, and up and down a fat tree of two levels
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Kept {
    Duration latency;
    int from = 0;
    int to = 0;
    std::uint32_t begin = 0;  // into links_
    std::uint32_t count = 0;
  };

  template <class Make>
  std::uint32_t index_of(int from, int to, Make make) {
    if (2 * kept_.size() >= table_.size()) enlarge_table();
    std::uint32_t& entry = table_[place_of(from, to)];
    if (entry == kNone) {
      made_.clear();
      const Duration latency = make(made_);
      entry = static_cast<std::uint32_t>(kept_.size());
      kept_.push_back(Kept{latency, from, to, static_cast<std::uint32_t>(links_.size()),
                           static_cast<std::uint32_t>(made_.size())});
      for (const int link : made_) links_.push_back(link);
    }
    return entry;
  }

  /// Where the pair is or belongs: open addressing, half of the places are free.
  std::size_t place_of(int from, int to) const {
    const std::uint64_t pair = static_cast<std::uint64_t>(from) << 32U | static_cast<unsigned>(to);
    const std::size_t mask = table_.size() - 1;
    for (std::size_t place = scramble(pair) & mask;; place = (place + 1) & mask) {
      const std::uint32_t at = table_[place];
      if (at == kNone || (kept_[at].from == from && kept_[at].to == to)) return place;
    }
  }

  void enlarge_table() {
    table_.assign(std::max<std::size_t>(64, 2 * table_.size()), kNone);
    for (std::uint32_t at = 0; at < kept_.size(); ++at) {
      table_[place_of(kept_[at].from, kept_[at].to)] = at;
    }
  }

  std::vector<Last> last_;            // by source
  std::vector<std::uint32_t> table_;  // of indices into kept_; a power of two
  GrowingArray<Kept> kept_;
  GrowingArray<int> links_;
  std::vector<int> made_;
};

}  // namespace orrery
