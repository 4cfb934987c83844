#include "tests/suites/collective_closed_forms.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace orrery {
namespace {

std::int64_t one(int) {
  return 1;
}
std::int64_t two(int) {
  return 2;
}
std::int64_t each(int n) {
  return n;
}
std::int64_t twice_each(int n) {
  return 2 * n;
}
bool is_power(int n) {
  return (n & (n - 1)) == 0;
}
int log_down(int n) {
  return std::bit_width(static_cast<unsigned>(n)) - 1;
}
int log_up(int n) {
  return std::bit_width(static_cast<unsigned>(n - 1));
}
/// Width of the most square grid: the greatest divisor up to the root.
int columns(int n) {
  int width = static_cast<int>(std::sqrt(n));
  while (n % width != 0) --width;
  return width;
}

std::int64_t once_around(int n, std::int64_t pieces) {
  return (n - 1) * pieces;
}
std::int64_t twice_around(int n, std::int64_t pieces) {
  return 2 * (n - 1) * pieces;
}
std::int64_t at_once(int, std::int64_t pieces) {
  return pieces;
}
std::int64_t one_step(int, std::int64_t) {
  return 1;
}
std::int64_t two_rounds(int, std::int64_t pieces) {
  return 2 * pieces;
}
std::int64_t along_the_chain(int n, std::int64_t pieces) {
  return pieces + n - 2;
}
/// So many pieces before the next round, of 512 KiB together: two to eight.
std::int64_t up_and_down(int n, std::int64_t pieces, Bytes chunk) {
  const std::int64_t ahead = std::clamp<std::int64_t>((512 << 10) / chunk.count(), 2, 8);
  return (2 * log_up(n) - 1) * std::min(pieces, ahead) + pieces;
}
std::int64_t doublings(int n, std::int64_t pieces) {
  return log_up(n) * pieces;
}
std::int64_t recursive(int n, std::int64_t pieces) {
  return (log_down(n) + (is_power(n) ? 0 : 2)) * pieces;
}
std::int64_t twice_recursive(int n, std::int64_t pieces) {
  return (2 * log_down(n) + (is_power(n) ? 0 : 2)) * pieces;
}
std::int64_t torus(int n, std::int64_t pieces) {
  if (columns(n) == 1) return twice_around(n, pieces);  // a ring
  const std::int64_t rounds = 2 * (columns(n) - 1 + n / columns(n) - 1);
  const std::int64_t apart = std::max<std::int64_t>(1, rounds / 8);  // pieces, eight at once
  return rounds + (pieces - 1) * apart;
}
/// Along all dimensions of the square, or the ring, and back.
std::int64_t along_dimensions(int n, std::int64_t pieces) {
  return 2 * (columns(n) - 1 + n / columns(n) - 1) * pieces;
}
std::int64_t half_along_dimensions(int n, std::int64_t pieces) {
  return along_dimensions(n, pieces) / 2;
}
/// The second begins a piece after the first.
std::int64_t two_rounds_at_once(int, std::int64_t pieces) {
  return pieces + 1;
}

/// Nothing but the own block stays at home; an all-reduce does that twice.
std::int64_t once(int n) {
  return std::int64_t{n} * (n - 1);
}
std::int64_t twice(int n) {
  return 2 * once(n);
}
std::int64_t all_to_everybody(int n) {
  return n * once(n);
}
/// Those beyond the power of two hand in all, and get their own block back.
std::int64_t halved(int n) {
  return once(n) + (n - (1 << log_down(n)));
}
/// A block goes as often as its distance has bits.
std::int64_t bits(int n) {
  std::int64_t sum = 0;
  for (int d = 1; d < n; ++d) sum += std::popcount(static_cast<unsigned>(d));
  return n * sum;
}

/// Of trees with places instead of distances.
std::int64_t bits_of_places(int n) {
  return bits(n) / n;
}
std::int64_t others(int n) {
  return n - 1;
}
std::int64_t everything_from_each(int n) {
  return std::int64_t{n} * n;
}
std::int64_t everything_and_a_block(int n) {
  return everything_from_each(n) + n;
}
std::int64_t everything_often(int n) {
  return everything_from_each(n) * log_up(n);
}
/// The power of two exchange all; those beyond hand in all and get all.
std::int64_t doubled(int n) {
  const int active = 1 << log_down(n);
  return std::int64_t{n} * (active * log_down(n) + 2 * (n - active));
}

std::int64_t and_one(int n) {
  return n + 1;
}
std::int64_t half(int n) {
  return n / 2;
}
std::int64_t half_or_all(int n) {
  return is_power(n) ? n / 2 : n;
}
std::int64_t half_or_others(int n) {
  return is_power(n) ? n / 2 : n - 1;
}
std::int64_t bruck_gathers(int n) {
  int most = 1;
  for (int distance = 1; distance < n; distance *= 2) {
    most = std::max(most, std::min(distance, n - distance));
  }
  return most;
}
std::int64_t bruck_exchanges(int n) {
  std::int64_t most = 0;
  for (int bit = 1; bit < n; bit *= 2) {
    std::int64_t with_bit = 0;
    for (int d = 1; d < n; ++d) with_bit += (d & bit) != 0 ? 1 : 0;
    most = std::max(most, with_bit);
  }
  return most;
}
/// A part for each dimension and way around, of which there is one where two places are the most.
std::int64_t parts_of_torus(int n) {
  const int dimensions = columns(n) == 1 ? 1 : 2;
  return std::int64_t{n} * dimensions * (n / columns(n) > 2 ? 2 : 1);
}
std::int64_t torus_column(int n) {
  return columns(n) == 1 ? 1 : n / columns(n);
}

}  // namespace

const std::map<std::string, ClosedForm>& closed_forms() {
  constexpr auto kReduce = CollectiveKind::all_reduce;
  constexpr auto kGather = CollectiveKind::all_gather;
  constexpr auto kScatter = CollectiveKind::reduce_scatter;
  constexpr auto kExchange = CollectiveKind::all_to_all;
  constexpr auto kExchangeV = CollectiveKind::all_to_all_v;
  static const std::map<std::string, ClosedForm> forms = {
      {"all_reduce/ring", {kReduce, each, one, twice_around, twice, 2}},
      {"all_reduce/bidirectional_ring", {kReduce, twice_each, one, twice_around, twice, 4}},
      {"all_reduce/tree", {kReduce, one, one, nullptr, twice, kMembersDiffer, true, up_and_down}},
      {"all_reduce/double_binary_tree",
       {kReduce, two, one, nullptr, twice, kMembersDiffer, true, up_and_down}},
      {"all_reduce/recursive_halving_doubling",
       {kReduce, each, half_or_all, twice_recursive, twice, kMembersDiffer}},
      {"all_reduce/direct", {kReduce, one, one, one_step, all_to_everybody, 0}},
      {"all_reduce/two_shot", {kReduce, each, one, two_rounds, twice, kByRounding}},
      {"all_reduce/torus_2d", {kReduce, each, torus_column, torus, twice, kByRounding, true}},
      {"all_reduce/torus",
       {kReduce, parts_of_torus, torus_column, along_dimensions, twice, kByRounding, true}},
      {"all_gather/torus",
       {kGather, parts_of_torus, torus_column, half_along_dimensions, once, kByRounding, true}},
      {"reduce_scatter/torus",
       {kScatter, parts_of_torus, torus_column, half_along_dimensions, once, kByRounding, true}},
      {"all_reduce/hierarchical", {kReduce, each, one, twice_around, twice, 2}},
      {"all_gather/ring", {kGather, each, one, once_around, once, 1}},
      {"all_gather/recursive", {kGather, each, half_or_others, recursive, once, kMembersDiffer}},
      {"all_gather/bruck", {kGather, each, bruck_gathers, doublings, once, kByRounding}},
      {"all_gather/direct", {kGather, each, one, at_once, once, kByRounding}},
      {"all_gather/hierarchical", {kGather, each, one, once_around, once, 1}},
      {"reduce_scatter/ring", {kScatter, each, one, once_around, once, 1}},
      {"reduce_scatter/recursive",
       {kScatter, each, half_or_all, recursive, halved, kMembersDiffer}},
      {"reduce_scatter/bruck", {kScatter, each, bruck_gathers, doublings, once, kByRounding}},
      {"reduce_scatter/direct", {kScatter, each, one, at_once, once, kByRounding}},
      {"reduce_scatter/hierarchical", {kScatter, each, one, once_around, once, 1}},
      {"all_to_all/pairwise", {kExchange, each, one, once_around, once, 1}},
      {"all_to_all/direct", {kExchange, each, one, at_once, once, 1}},
      {"all_to_all/bruck", {kExchange, each, bruck_exchanges, doublings, bits, kByRounding}},
      {"all_to_all/hierarchical",
       {kExchange, each, one, two_rounds_at_once, once, kByRounding, true}},
      {"all_to_all/rail_first",
       {kExchange, each, one, two_rounds_at_once, once, kByRounding, true}},
      {"all_reduce/recursive_doubling", {kReduce, each, each, recursive, doubled, kMembersDiffer}},
      {"all_reduce/nvls", {kReduce, each, and_one, at_once, everything_and_a_block, kByRounding}},
      {"all_reduce/sharp", {kReduce, one, one, at_once, everything_from_each, 0, true}},
      {"all_gather/pat", {kGather, each, half, doublings, once, kByRounding}},
      {"all_gather/nvls", {kGather, each, each, at_once, everything_from_each, 0}},
      {"reduce_scatter/pat", {kScatter, each, half, doublings, once, kByRounding}},
      {"reduce_scatter/nvls", {kScatter, each, each, at_once, everything_from_each, 0}},
      {"broadcast/binomial",
       {CollectiveKind::broadcast, one, one, doublings, once, kMembersDiffer}},
      {"reduce/ring", {CollectiveKind::reduce, one, one, along_the_chain, once, kReduces, true}},
      {"reduce/binomial", {CollectiveKind::reduce, one, one, doublings, once, kMembersDiffer}},
      {"gather/direct", {CollectiveKind::gather, each, one, at_once, others, kMembersDiffer}},
      {"gather/binomial",
       {CollectiveKind::gather, each, bruck_gathers, doublings, bits_of_places, kMembersDiffer}},
      {"scatter/direct", {CollectiveKind::scatter, each, one, at_once, others, kMembersDiffer}},
      {"scatter/binomial",
       {CollectiveKind::scatter, each, bruck_gathers, doublings, bits_of_places, kMembersDiffer}},
      {"barrier/dissemination",
       {CollectiveKind::barrier, one, one, doublings, everything_often, 0}},
      {"send_recv/direct", {CollectiveKind::send_recv, one, one, at_once, everything_from_each, 0}},
      {"all_to_all_v/direct", {kExchangeV, each, one, at_once, once, 1}},
      {"all_to_all_v/pairwise", {kExchangeV, each, one, once_around, once, 1}},
      {"broadcast/ring",
       {CollectiveKind::broadcast, one, one, along_the_chain, once, kBroadcasts, true}}};
  return forms;
}

}  // namespace orrery
