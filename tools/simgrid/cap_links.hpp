#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tools/simgrid/link_zone.hpp"

namespace orrery::simgrid_program {

/// Links that cap each communication over them by itself. SimGrid 3.32 takes the rate of a
/// host-to-host communication and forgets it, and makes no links once it runs: so there is a stock
/// of them, and all that have one cap at a time share one.
class CapLinks {
 public:
  /// Before the zone is sealed.
  explicit CapLinks(LinkZone& zone) : zone_(&zone) {
    constexpr int kStock = 256;
    for (int cap = 0; cap < kStock; ++cap) {
      free_.push_back(zone.add_link(1, LinkZone::Policy::FATPIPE));
    }
  }

  /// Nothing when the stock is used up.
  std::optional<std::size_t> take(double bytes_per_s) {
    const auto [cap, is_new] = caps_.try_emplace(bytes_per_s);
    if (is_new && free_.empty()) {
      caps_.erase(cap);
      return std::nullopt;
    }
    if (is_new) {
      cap->second.link = free_.back();
      free_.pop_back();
      zone_->link(cap->second.link).set_bandwidth(bytes_per_s);
    }
    ++cap->second.users;
    return cap->second.link;
  }
  void give_back(double bytes_per_s) {
    const auto cap = caps_.find(bytes_per_s);
    if (--cap->second.users > 0) return;
    free_.push_back(cap->second.link);
    caps_.erase(cap);
  }

 private:
  struct Cap {
    std::size_t link = 0;
    std::uint32_t users = 0;
  };
  LinkZone* zone_;
  std::vector<std::size_t> free_;
  std::map<double, Cap> caps_;
};

}  // namespace orrery::simgrid_program
