#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {
namespace {

constexpr int kMoves = 200;
constexpr std::size_t kFewGroups = 8;
constexpr std::int64_t kMostWays = 1024;  // to divide the sequences of two groups
constexpr double kImpossible = std::numeric_limits<double>::infinity();
constexpr double kProgress = 1e-9;  // relative; less is no improvement

/// Makes the slowest group faster at the cost of another one.
class Mover {
 public:
  Mover(const GroupingProblem& problem, std::vector<PlannedGroup>& groups)
      : problem_(&problem), groups_(&groups), loads_(groups.size()) {
    for (std::size_t z = 0; z < problem.cost->sizes.size(); ++z) {
      works_.emplace_back();
      for (const Bucket& bucket : problem.buckets) {
        works_.back().push_back(problem.cost->work_s(z, bucket.tokens));
      }
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t q = 0; q < problem.buckets.size(); ++q) {
        add(loads_[g], g, q, groups[g].sequences[q]);
      }
    }
  }

  /// Moves a sequence elsewhere, or exchanges it for one of another bucket, whichever leaves the
  /// slower of both fastest; false when it finds nothing that helps.
  bool improve() {
    std::size_t slowest = 0;
    for (std::size_t g = 1; g < groups_->size(); ++g) {
      if (time(g, loads_[g]) > time(slowest, loads_[slowest])) slowest = g;
    }
    const double goal = time(slowest, loads_[slowest]) * (1 - kProgress);
    const std::size_t nothing = problem_->buckets.size();
    double best = goal;
    Move chosen;
    for (std::size_t to = 0; to < groups_->size(); ++to) {
      if (to == slowest) continue;
      for (std::size_t out = 0; out < nothing; ++out) {
        if ((*groups_)[slowest].sequences[out] == 0) continue;
        for (std::size_t in = 0; in <= nothing; ++in) {
          if (in < nothing && (in == out || (*groups_)[to].sequences[in] == 0)) continue;
          const Move move{slowest, to, out, in};
          if (const double after = time_after(move); after < best) {
            best = after;
            chosen = move;
          }
        }
      }
    }
    if (chosen.from == chosen.to) return divide_again(slowest, goal);
    make(chosen);
    return true;
  }

 private:
  struct Load {
    double work = 0;
    std::int64_t tokens = 0;
  };
  struct Move {
    std::size_t from = 0;
    std::size_t to = 0;
    std::size_t out = 0;
    std::size_t in = 0;  // the number of buckets: nothing comes back
  };

  void add(Load& load, std::size_t group, std::size_t bucket, std::int64_t sequences) const {
    load.work += static_cast<double>(sequences) * works_[(*groups_)[group].size][bucket];
    load.tokens += sequences * problem_->buckets[bucket].tokens;
  }

  double time(std::size_t group, const Load& load) const {
    const std::size_t size = (*groups_)[group].size;
    if (load.tokens == 0) return 0;
    if (load.tokens > problem_->cost->capacity(size)) return kImpossible;
    return problem_->cost->time_s(size, load.work);
  }

  std::pair<Load, Load> loads_after(const Move& move) const {
    Load from = loads_[move.from];
    Load to = loads_[move.to];
    add(from, move.from, move.out, -1);
    add(to, move.to, move.out, 1);
    if (move.in < problem_->buckets.size()) {
      add(from, move.from, move.in, 1);
      add(to, move.to, move.in, -1);
    }
    return {from, to};
  }

  double time_after(const Move& move) const {
    const auto [from, to] = loads_after(move);
    return std::max(time(move.from, from), time(move.to, to));
  }

  void make(const Move& move) {
    std::tie(loads_[move.from], loads_[move.to]) = loads_after(move);
    PlannedGroup& from = (*groups_)[move.from];
    PlannedGroup& to = (*groups_)[move.to];
    --from.sequences[move.out];
    ++to.sequences[move.out];
    if (move.in < problem_->buckets.size()) {
      ++from.sequences[move.in];
      --to.sequences[move.in];
    }
  }

  /// Among few groups: the slowest and another one, where both have few sequences; looks at every
  /// way to divide what they have.
  bool divide_again(std::size_t slowest, double goal) {
    if (groups_->size() > kFewGroups) return false;
    for (std::size_t other = 0; other < groups_->size(); ++other) {
      if (other == slowest) continue;
      std::vector<std::int64_t> both;
      std::int64_t ways = 1;
      for (std::size_t q = 0; q < problem_->buckets.size(); ++q) {
        both.push_back((*groups_)[slowest].sequences[q] + (*groups_)[other].sequences[q]);
        ways = std::min(kMostWays + 1, ways * (both[q] + 1));
      }
      if (ways > kMostWays) continue;
      for (std::int64_t way = 0; way < ways; ++way) {
        if (divide(slowest, other, both, way, goal)) return true;
      }
    }
    return false;
  }

  bool divide(std::size_t slowest, std::size_t other, const std::vector<std::int64_t>& both,
              std::int64_t way, double goal) {
    Load first;
    Load second;
    std::vector<std::int64_t> mine;
    for (std::size_t q = 0; q < both.size(); way /= both[q] + 1, ++q) {
      mine.push_back(way % (both[q] + 1));
      add(first, slowest, q, mine[q]);
      add(second, other, q, both[q] - mine[q]);
    }
    if (std::max(time(slowest, first), time(other, second)) >= goal) return false;
    loads_[slowest] = first;
    loads_[other] = second;
    for (std::size_t q = 0; q < both.size(); ++q) {
      (*groups_)[slowest].sequences[q] = mine[q];
      (*groups_)[other].sequences[q] = both[q] - mine[q];
    }
    return true;
  }

  const GroupingProblem* problem_;
  std::vector<PlannedGroup>* groups_;
  std::vector<Load> loads_;                 // by group
  std::vector<std::vector<double>> works_;  // device-seconds of a sequence, by size and bucket
};

}  // namespace

Grouping with_sequences_moved(const GroupingProblem& problem, Grouping grouping) {
  Mover mover(problem, grouping.groups);
  for (int move = 0; move < kMoves && mover.improve(); ++move) {
  }
  return finished(problem, std::move(grouping.groups));
}

}  // namespace orrery
