#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace orrery {

/// How fast the members of a group of so many devices exchange what Ulysses exchanges.
struct GroupSize {
  std::int64_t devices = 1;       // a power of two
  double exchange_bandwidth = 0;  // bytes/s of each device; of no meaning for one device
};

/// What one micro-batch costs a group of devices under Ulysses sequence parallelism, as a planner
/// knows it: plain numbers, given or fitted (a linear program is made of plain numbers, hence no
/// quantities with types). With sequences of s_k tokens on a group of d devices:
///   time    (1/d) sum_k (pair_s s_k^2 + token_s s_k) + fixed_s
///           + (1/(d v_d)) sum_k exchange_bytes s_k + fixed_exchange_s   (the latter for d > 1)
///   memory  (1/d) sum_k token_bytes s_k + fixed_bytes <= memory_bytes
/// Source: FlexSP (Wang et al. 2025, ASPLOS), §4.1, its T_comp, T_comm and memory; alpha_1,
/// alpha_2, alpha_3, beta_1, beta_2, v_p, M_token, M_ms and E there. Exchanges do not overlap with
/// compute.
struct GroupCost {
  double pair_s = 0;             // of one device
  double token_s = 0;            // of one device
  double fixed_s = 0;            // whatever the group's size
  double exchange_bytes = 0;     // that a token's owner sends and keeps in all exchanges
  double fixed_exchange_s = 0;   // of a group of more than one
  double token_bytes = 0;        // that a token keeps on the device
  double fixed_bytes = 0;        // of each device: parameters, gradients, optimizer
  double memory_bytes = 0;       // that a device has for both
  std::vector<GroupSize> sizes;  // ascending; the sizes that may be used

  /// What one sequence adds to the device-seconds of a group of sizes[size]: time times devices.
  double work_s(std::size_t size, std::int64_t tokens) const;
  /// Of a group whose sequences add up to so many device-seconds; 0 of an empty group.
  double time_s(std::size_t size, double work) const;
  double overhead_s(std::size_t size) const;
  /// Tokens that fit on a group.
  std::int64_t capacity(std::size_t size) const;
  /// The first size on which a sequence fits; sizes.size() when there is none.
  std::size_t smallest_for(std::int64_t tokens) const;
};

}  // namespace orrery
