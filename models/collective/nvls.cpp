#include "models/collective/builtin.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// One step in which every member's link carries all the blocks, and its own again where `own_too`,
/// each direction as much of a byte as `load` says; the switch does the rest (NVIDIA's NVLink
/// SHARP; Klenk et al. 2020, ISCA, "An In-Network Architecture for Accelerating Shared-Memory
/// Multiprocessor Collectives", §III: multicast and reduction by the switch).
std::unique_ptr<CollectiveProgram> in_switch(const CollectiveCall& call, bool own_too,
                                             CollectiveProgram::Load load) {
  const int n = call.members;
  return in_rounds(
      call,
      {.rounds = 1, .blocks = n, .chunk = call.chunk, .network_round = 0, .network_load = load},
      [n, own_too](int member, int, std::vector<Exchange>& out) {
        const int to = (member + 1) % n;
        out.push_back({.to = to, .first = 0, .count = n});
        if (own_too) out.push_back({.to = to, .first = member, .joined = true});
      });
}

}  // namespace

/// A member reads its block of the sum, for which all others' links carry theirs up, and writes it
/// once for the switch to bring to all: S + S/n on its link either way.
std::unique_ptr<CollectiveProgram> make_nvls_all_reduce(const CollectiveCall& call) {
  return in_switch(call, true, {});
}

/// A member writes its block once, and the switch brings it to all: S/n up, S down.
std::unique_ptr<CollectiveProgram> make_nvls_all_gather(const CollectiveCall& call) {
  return in_switch(call, false, {.out = 1.0 / call.members});
}

/// A member reads its block of the sum: S/n down, and all others read theirs from it: S up.
std::unique_ptr<CollectiveProgram> make_nvls_reduce_scatter(const CollectiveCall& call) {
  return in_switch(call, false, {.in = 1.0 / call.members});
}

}  // namespace orrery
