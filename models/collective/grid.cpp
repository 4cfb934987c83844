#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/ring_orders.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// Members in rows of equal length. A row is a node of a hierarchy, or of a torus.
class Grid {
 public:
  explicit Grid(std::vector<std::vector<int>> rows)
      : rows_(std::move(rows)), place_(this->rows() * this->columns()) {
    for (int row = 0; row < static_cast<int>(this->rows()); ++row) {
      for (int column = 0; column < static_cast<int>(this->columns()); ++column) {
        place_[static_cast<std::size_t>(at(row, column))] = {row, column};
      }
    }
  }
  int height() const { return static_cast<int>(rows()); }
  int width() const { return static_cast<int>(columns()); }
  /// Has one row or one column: as many rounds as members, which a ring needs no table for.
  bool is_ring() const { return height() == 1 || width() == 1; }
  struct Place {
    int row = 0;
    int column = 0;
  };
  Place place(int member) const { return place_[static_cast<std::size_t>(member)]; }
  /// Around the ends.
  int at(int row, int column) const {
    const int r = (row % height() + height()) % height();
    const int c = (column % width() + width()) % width();
    return rows_[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
  }

 private:
  std::size_t rows() const { return rows_.size(); }
  std::size_t columns() const { return rows_.front().size(); }

  std::vector<std::vector<int>> rows_;
  std::vector<Place> place_;
};

/// The nodes as rows; where these differ in size, every member as a row of its own.
Grid grid_of_nodes(const CollectiveCall& call) {
  std::vector<std::vector<int>> rows = members_by_node(call);
  for (const std::vector<int>& row : rows) {
    if (row.size() == rows.front().size()) continue;
    rows.clear();
    for (int member = 0; member < call.members; ++member) rows.push_back({member});
    break;
  }
  return Grid(std::move(rows));
}

/// As square as the number of members allows, in their order.
Grid square_grid(const CollectiveCall& call) {
  int width = static_cast<int>(std::sqrt(static_cast<double>(call.members)));
  while (call.members % width != 0) --width;
  std::vector<std::vector<int>> rows;
  for (int member = 0; member < call.members; ++member) {
    if (member % width == 0) rows.emplace_back();
    rows.back().push_back(member);
  }
  return Grid(std::move(rows));
}

/// The blocks of all members of a column, in one message.
void send_column(const Grid& grid, int column, Exchange message, std::vector<Exchange>& out) {
  for (int row = 0; row < grid.height(); ++row) {
    message.first = grid.at(row, column);
    message.joined = row > 0;
    out.push_back(message);
  }
}

/// Rings along rows and columns; round k of each. Blocks are named by the members that own them.
void scatter_row(const Grid& grid, Grid::Place at, int k, std::vector<Exchange>& out) {
  send_column(grid, at.column - k - 1, {.to = grid.at(at.row, at.column + 1), .reduces = true},
              out);
}
void scatter_column(const Grid& grid, Grid::Place at, int k, std::vector<Exchange>& out) {
  out.push_back({.to = grid.at(at.row + 1, at.column),
                 .first = grid.at(at.row - k - 1, at.column),
                 .reduces = true});
}
void gather_column(const Grid& grid, Grid::Place at, int k, std::vector<Exchange>& out) {
  out.push_back({.to = grid.at(at.row + 1, at.column), .first = grid.at(at.row - k, at.column)});
}
void gather_row(const Grid& grid, Grid::Place at, int k, std::vector<Exchange>& out) {
  send_column(grid, at.column - k, {.to = grid.at(at.row, at.column + 1)}, out);
}

/// Rounds of which the first move data over other links than later ones, so that pieces follow each
/// other: about eight are under way at once, each in a round an eighth of all apart from the next.
/// Without a chunk blocks are cut into as many equal pieces as leave `narrowest` of them, the least
/// that a message holds, 128 KiB, at most 32: more would be in each other's way little less, and
/// smaller ones take latency (both assumed).
RoundShape overlapping(const CollectiveCall& call, int rounds, int narrowest = 1) {
  constexpr int kAtOnce = 8;
  constexpr std::int64_t kLeast = 131'072;
  constexpr std::int64_t kMost = 32;
  const std::int64_t block = (call.size.count() + call.members - 1) / call.members;
  const auto fit =
      static_cast<std::uint64_t>(std::clamp(block * narrowest / kLeast, std::int64_t{1}, kMost));
  const auto pieces = static_cast<std::int64_t>(std::bit_floor(fit));
  return {.rounds = rounds,
          .blocks = call.members,
          .chunk = call.chunk,
          .piece = Bytes((block + pieces - 1) / pieces),
          .ahead = 1,
          .apart = std::max(1, rounds / kAtOnce)};
}

/// Reduce-scatter along rows, then along columns of what is left, and both backwards: 2(h-1) +
/// 2(w-1) rounds, 2(n-1)/n of the size from each (Jia et al. 2018, arXiv:1807.11205, §4.3, for
/// nodes; Ying et al. 2018, arXiv:1811.06992, §3.2, for a torus).
std::unique_ptr<CollectiveProgram> grid_all_reduce(const CollectiveCall& call, Grid grid) {
  if (grid.is_ring()) return make_ring_all_reduce(call);
  const int across = grid.width() - 1;
  const int along = grid.height() - 1;
  return in_rounds(
      call, overlapping(call, 2 * (across + along)),
      [grid = std::move(grid), across, along](int member, int k, std::vector<Exchange>& out) {
        const Grid::Place at = grid.place(member);
        if (k < across) return scatter_row(grid, at, k, out);
        if ((k -= across) < along) return scatter_column(grid, at, k, out);
        if ((k -= along) < along) return gather_column(grid, at, k, out);
        gather_row(grid, at, k - along, out);
      });
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_hierarchical_all_reduce(const CollectiveCall& call) {
  return grid_all_reduce(call, grid_of_nodes(call));
}

std::unique_ptr<CollectiveProgram> make_torus_2d_all_reduce(const CollectiveCall& call) {
  return grid_all_reduce(call, square_grid(call));
}

/// Pieces that follow each other through the switches before the first is back: enough to hide the
/// latency of a way (assumed; half of what a tree has, whose way is longer).
constexpr int kBuffers = 4;

/// The switches between the nodes add. Inside a node everybody gets its part of the buffer from all
/// others, sends it up the tree of its rail's switches and gets the sum from there, and gives it to
/// all others: S/w once out of each adapter and once into it, w members a node (Graham et al. 2016,
/// "Scalable Hierarchical Aggregation Protocol (SHArP)", COMHPC, §II; the order of NCCL's
/// CollNetDirect, src/device/all_reduce.h, recalled). What the links between switches carry is that
/// of messages from each node to the next: of every leaf that nodes stand on one up and one down,
/// as of a tree. Pieces follow each other, so that links inside nodes and between them work at
/// once. Leaves out the time of adding, and deeper trees than the way to the next node.
std::unique_ptr<CollectiveProgram> make_sharp_all_reduce(const CollectiveCall& call) {
  Grid grid = grid_of_nodes(call);
  if (grid.height() == 1) {  // in one node: everybody by itself
    std::vector<std::vector<int>> alone;
    for (int member = 0; member < call.members; ++member) alone.push_back({member});
    grid = Grid(std::move(alone));
  }
  const int inside = grid.width() > 1 ? 1 : 0;
  const Bytes block((call.size.count() + grid.width() - 1) / grid.width());
  return in_rounds(call,
                   {.rounds = 1 + 2 * inside,
                    .blocks = grid.width(),
                    .chunk = call.chunk > Bytes(0) ? call.chunk : chain_chunk(block, 2 * kBuffers),
                    .ahead = kBuffers,
                    .network_round = inside},
                   [grid, inside](int member, int round, std::vector<Exchange>& out) {
                     const Grid::Place at = grid.place(member);
                     if (round == inside) {
                       out.push_back({.to = grid.at(at.row + 1, at.column), .first = at.column});
                       return;
                     }
                     for (int away = 1; away < grid.width(); ++away) {
                       const int column = (at.column + away) % grid.width();
                       out.push_back({.to = grid.at(at.row, column),
                                      .first = round == 0 ? column : at.column,
                                      .reduces = round == 0});
                     }
                   });
}

/// Across the nodes first, where each byte goes once, then inside them.
std::unique_ptr<CollectiveProgram> make_hierarchical_all_gather(const CollectiveCall& call) {
  Grid grid = grid_of_nodes(call);
  if (grid.is_ring()) return make_ring_all_gather(call);
  const int along = grid.height() - 1;
  const int rounds = along + grid.width() - 1;
  return in_rounds(call, overlapping(call, rounds),
                   [grid = std::move(grid), along](int member, int k, std::vector<Exchange>& out) {
                     const Grid::Place at = grid.place(member);
                     if (k < along) return gather_column(grid, at, k, out);
                     gather_row(grid, at, k - along, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_hierarchical_reduce_scatter(const CollectiveCall& call) {
  Grid grid = grid_of_nodes(call);
  if (grid.is_ring()) return make_ring_reduce_scatter(call);
  const int across = grid.width() - 1;
  const int rounds = across + grid.height() - 1;
  return in_rounds(call, overlapping(call, rounds),
                   [grid = std::move(grid), across](int member, int k, std::vector<Exchange>& out) {
                     const Grid::Place at = grid.place(member);
                     if (k < across) return scatter_row(grid, at, k, out);
                     scatter_column(grid, at, k - across, out);
                   });
}

namespace {

/// Two rounds between members of a grid: along a line, in one message all that is for the other
/// line through the one it is sent to, then along that line. Chunks are in both at once.
std::unique_ptr<CollectiveProgram> grid_all_to_all(const CollectiveCall& call, bool rows_first) {
  const int n = call.members;
  Grid grid = grid_of_nodes(call);
  RoundShape shape = overlapping(call, 2, std::min(grid.width(), grid.height()));
  shape.personal = true;
  return in_rounds(
      call, shape,
      [n, rows_first, grid = std::move(grid)](int member, int round, std::vector<Exchange>& out) {
        const auto [row, column] = grid.place(member);
        const bool in_row = (round == 0) == rows_first;
        const int others = (in_row ? grid.width() : grid.height()) - 1;
        const int blocks = in_row ? grid.height() : grid.width();
        for (int away = 1; away <= others; ++away) {
          const int to = in_row ? grid.at(row, column + away) : grid.at(row + away, column);
          const auto [to_row, to_column] = grid.place(to);
          for (int i = 0; i < blocks; ++i) {
            const int beside = in_row ? grid.at(i, column) : grid.at(row, i);
            const int beyond = in_row ? grid.at(i, to_column) : grid.at(to_row, i);
            const int source = round == 0 ? member : beside;
            const int target = round == 0 ? beyond : to;
            out.push_back({.to = to, .first = source * n + target, .joined = i > 0});
          }
        }
      });
}

}  // namespace

/// Inside the nodes first, to the member on the rail of the destination, then along the rails: one
/// message from node to node for each rail (NCCL's PXN does the same: NVIDIA developer blog,
/// "Doubling all2all Performance with NVIDIA Collective Communication Library 2.12", 2022).
std::unique_ptr<CollectiveProgram> make_hierarchical_all_to_all(const CollectiveCall& call) {
  return grid_all_to_all(call, true);
}

/// The other way about: along the rails first, to the member at the same place in the node of the
/// destination, which hands it on (DeepEP's dispatch: its README, "NVLink and RDMA forwarding").
std::unique_ptr<CollectiveProgram> make_rail_first_all_to_all(const CollectiveCall& call) {
  return grid_all_to_all(call, false);
}

}  // namespace orrery
