#include <coin/Cbc_C_Interface.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {
namespace {

struct Close {
  void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
};
using Model = std::unique_ptr<Cbc_Model, Close>;

constexpr double kInfinity = 1e30;

/// A group that may be used, and the first of its columns: m_p, then A_qp.
struct Candidate {
  std::size_t size;
  int column;
};

/// Columns and rows of the program, as CBC takes them. Column 0 is C.
class Program {
 public:
  explicit Program(const GroupingProblem& problem)
      : problem_(&problem), cost_(problem.cost), model_(Cbc_newModel()) {
    Cbc_setLogLevel(model_.get(), 0);
    add_column(0, kInfinity, 1);
    for (std::size_t z = 0; z < cost_->sizes.size(); ++z) {
      const std::int64_t count = problem.devices / cost_->sizes[z].devices;
      for (std::int64_t p = 0; p < count; ++p) add_candidate(z);
    }
    add_rows();
  }

  Cbc_Model* model() const { return model_.get(); }

  /// Values of all columns for a grouping: groups of a size are its first candidates, slower first
  /// or not.
  std::vector<double> values(const Grouping& grouping) const {
    std::vector<double> result(static_cast<std::size_t>(columns_));
    result[0] = grouping.time_s;
    std::vector<bool> used(candidates_.size());
    for (const PlannedGroup& group : grouping.groups) {
      std::size_t p = 0;
      while (used[p] || candidates_[p].size != group.size) ++p;
      used[p] = true;
      auto column = static_cast<std::size_t>(candidates_[p].column);
      result[column] = 1;
      for (const std::int64_t count : group.sequences) {
        result[++column] = static_cast<double>(count);
      }
    }
    return result;
  }

  std::vector<PlannedGroup> groups(const double* values) const {
    std::vector<PlannedGroup> result;
    for (const Candidate& each : candidates_) {
      PlannedGroup group{each.size, {}};
      for (std::size_t q = 0; q < problem_->buckets.size(); ++q) {
        group.sequences.push_back(std::llround(values[of(each, q)]));
      }
      result.push_back(std::move(group));
    }
    return result;
  }

 private:
  struct Row {
    std::vector<int> columns;
    std::vector<double> values;
    void add(int column, double value) {
      columns.push_back(column);
      values.push_back(value);
    }
  };

  static int of(const Candidate& group, std::size_t bucket) {
    return group.column + 1 + static_cast<int>(bucket);
  }

  int add_column(double low, double high, double objective) {
    Cbc_addCol(model_.get(), "", low, high, objective, 0, 0, nullptr, nullptr);
    return columns_++;
  }

  void add_candidate(std::size_t size) {
    const int first = add_column(0, 1, 0);
    Cbc_setInteger(model_.get(), first);
    for (const Bucket& bucket : problem_->buckets) {
      const std::int64_t fit = cost_->capacity(size) / bucket.tokens;
      const int column = add_column(0, static_cast<double>(std::min(fit, bucket.sequences)), 0);
      Cbc_setInteger(model_.get(), column);
    }
    candidates_.push_back({size, first});
  }

  void add(const Row& row, char sense, double right) {
    Cbc_addRow(model_.get(), "", static_cast<int>(row.columns.size()), row.columns.data(),
               row.values.data(), sense, right);
  }

  void add_rows() {
    Row devices;
    Row all;  // device-seconds of all groups
    for (std::size_t p = 0; p < candidates_.size(); ++p) {
      const Candidate& group = candidates_[p];
      const auto width = static_cast<double>(cost_->sizes[group.size].devices);
      Row time;
      Row tokens;
      Row count;
      double sequences = 0;
      for (std::size_t q = 0; q < problem_->buckets.size(); ++q) {
        const Bucket& bucket = problem_->buckets[q];
        const double work = cost_->work_s(group.size, bucket.tokens);
        time.add(of(group, q), work / width);
        all.add(of(group, q), work);
        tokens.add(of(group, q), static_cast<double>(bucket.tokens));
        count.add(of(group, q), 1);
        sequences += static_cast<double>(bucket.sequences);
      }
      time.add(group.column, cost_->overhead_s(group.size));
      time.add(0, -1);
      tokens.add(group.column, -static_cast<double>(cost_->capacity(group.size)));
      count.add(group.column, -sequences);
      add(time, 'L', 0);
      add(tokens, 'L', 0);
      add(count, 'L', 0);
      devices.add(group.column, width);
      all.add(group.column, width * (cost_->overhead_s(group.size) - cost_->fixed_s));
      if (p > 0 && candidates_[p - 1].size == group.size) {
        Row order;
        order.add(candidates_[p - 1].column, 1);
        order.add(group.column, -1);
        add(order, 'G', 0);
      }
    }
    const auto total = static_cast<double>(problem_->devices);
    add(devices, 'L', total);
    all.add(0, -total);
    add(all, 'L', -total * cost_->fixed_s);
    for (std::size_t q = 0; q < problem_->buckets.size(); ++q) {
      Row assigned;
      for (const Candidate& group : candidates_) assigned.add(of(group, q), 1);
      add(assigned, 'E', static_cast<double>(problem_->buckets[q].sequences));
    }
  }

  const GroupingProblem* problem_;
  const GroupCost* cost_;
  Model model_;
  int columns_ = 0;
  std::vector<Candidate> candidates_;
};

}  // namespace

bool has_mixed_integer_solver() {
  return true;
}

Solved mixed_integer_grouping(const GroupingProblem& problem, const Grouping& start,
                              const SolverLimits& limits) {
  Program program(problem);
  Cbc_Model* model = program.model();
  const std::vector<double> values = program.values(start);
  std::vector<int> columns(values.size());
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = static_cast<int>(c);
  Cbc_setMIPStartI(model, static_cast<int>(values.size()), columns.data(), values.data());
  Cbc_setMaximumNodes(model, static_cast<int>(limits.nodes));
  Cbc_setMaximumSeconds(model, limits.seconds);
  Cbc_setAllowableFractionGap(model, limits.gap);
  Cbc_solve(model);

  Solved solved{.grouping = start, .bound_s = time_bound_s(problem)};
  if (const double* found = Cbc_bestSolution(model); found != nullptr) {
    Grouping grouping = finished(problem, program.groups(found));
    if (grouping.time_s < start.time_s) solved.grouping = std::move(grouping);
  }
  solved.nodes = Cbc_getNodeCount(model);
  solved.out_of_time = Cbc_isSecondsLimitReached(model) != 0;
  solved.bound_s = std::max(solved.bound_s, Cbc_getBestPossibleObjValue(model));
  solved.bound_s = std::min(solved.bound_s, solved.grouping.time_s);
  solved.optimal = solved.gap() <= limits.gap;
  return solved;
}

}  // namespace orrery
