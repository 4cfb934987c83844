#include "tools/orrery/sweep/sweep.hpp"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "tools/orrery/command_line.hpp"
#include "workloads/plan/sequence_plan.hpp"

namespace orrery {
namespace {

/// Nothing is written before all points are known.
class StoppedError : public Error {
 public:
  StoppedError() : Error("stopped before anything was simulated", kResumable) {}
};

}  // namespace

Sweep::Sweep(SweepFile file, const Builtins& builtins, const Catalog& catalog, int jobs)
    : file_(std::move(file)),
      builtins_(&builtins),
      catalog_(&catalog),
      jobs_(jobs),
      points_(points_of(file_, catalog)) {
  if (points_.empty()) {
    throw ScenarioError({{file_.path, "/sweep/where", "holds at no point"}});
  }
}

std::vector<Sweep::Named> Sweep::name(const std::vector<std::size_t>& points) const {
  std::vector<Named> names(points.size());
  const auto name_one = [&](std::size_t i) {
    std::optional<JsonValue> document;
    try {
      document = this->document(points[i]);
      names[i].id = point_id(scenario_from(*document, {}, *builtins_, *catalog_));
    } catch (const IoError&) {
      throw;
    } catch (const DoesNotFit&) {
      names[i].id = point_id(*document);  // what comes of it the run says
    } catch (const Error& error) {
      names[i] = {point_id(document.value_or(json_integer(static_cast<std::int64_t>(points[i])))),
                  error.what()};
    }
  };
  const PoolOptions options{.jobs = jobs_, .what = "points read"};
  if (run_pool(points.size(), options, name_one) != PoolEnd::done) throw StoppedError();
  return names;
}

std::vector<std::string> Sweep::check(const std::vector<std::size_t>& points) const {
  std::vector<std::string> mistakes(points.size());
  const auto check_one = [&](std::size_t i) {
    try {
      mistakes[i] = mistakes_of(document(points[i]), *builtins_, *catalog_).value_or("");
    } catch (const ScenarioError& error) {
      mistakes[i] = error.what();
    }
  };
  const PoolOptions options{.jobs = jobs_, .what = "points checked"};
  if (run_pool(points.size(), options, check_one) != PoolEnd::done) throw StoppedError();
  return mistakes;
}

std::size_t Sweep::Outcome::failures() const {
  std::size_t failures = 0;
  for (const auto& [status, count] : by_status) {
    if (status == "failed" || status == "invalid") failures += count;
  }
  return failures;
}

std::vector<std::size_t> missing_in(const SweepFolder& folder,
                                    const std::vector<std::size_t>& points,
                                    const std::vector<Sweep::Named>& names, bool retry_failed,
                                    std::map<std::string, PointRow>* rows) {
  std::vector<std::size_t> missing;  // places in `points`
  std::set<std::string> seen;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!seen.insert(names[i].id).second) continue;
    std::optional<PointRow> row = folder.read_result(names[i].id);
    if (!row || (retry_failed && row->is_failure())) {
      missing.push_back(i);
    } else if (rows != nullptr) {
      rows->emplace(names[i].id, std::move(*row));
    }
  }
  return missing;
}

Sweep::Outcome Sweep::run(const SweepFolder& folder, const std::vector<std::size_t>& points,
                          const std::vector<Named>& names, bool retry_failed,
                          const std::function<void()>& now_and_then) const {
  std::map<std::string, PointRow> rows;
  const std::vector<std::size_t> missing = missing_in(folder, points, names, retry_failed, &rows);
  std::map<std::string, std::string> status;  // by id
  for (const auto& [id, row] : rows) status[id] = row.status;
  std::mutex mutex;
  std::atomic<std::size_t> failed{0};
  const auto run_one = [&](std::size_t i) {
    const Named& named = names[missing[i]];
    const PointOutcome outcome =
        named.mistakes.empty()
            ? run_point(document(points[missing[i]]), *builtins_, *catalog_)
            : PointOutcome{"invalid", UsageError("").exit_code(), named.mistakes, {}, ""};
    folder.write_result(named.id, outcome);
    if (outcome.is_failure()) ++failed;
    const std::lock_guard lock(mutex);
    status[named.id] = outcome.status;
  };
  const PoolOptions options{.jobs = jobs_, .failed = &failed, .now_and_then = now_and_then};
  Outcome outcome;
  outcome.stopped = run_pool(missing.size(), options, run_one) != PoolEnd::done;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto found = status.find(names[i].id);
    ++outcome.by_status[found == status.end() ? "missing" : found->second];
    outcome.there_already += rows.count(names[i].id);
  }
  return outcome;
}

void require_a_valid_one(const std::vector<Sweep::Named>& names) {
  const bool all = std::all_of(names.begin(), names.end(),
                               [](const Sweep::Named& name) { return !name.mistakes.empty(); });
  if (all) throw UsageError(names.front().mistakes + "\nnone of the points is a valid scenario");
}

void write_plan(const Sweep& sweep, const std::vector<Sweep::Named>& names,
                const SweepFolder& folder) {
  std::vector<PlannedPoint> planned;
  for (std::size_t i = 0; i < sweep.size(); ++i) planned.push_back({names[i].id, sweep.labels(i)});
  folder.write_plan(columns_of(sweep.file()), planned);
}

std::vector<std::size_t> all_of(std::size_t count) {
  std::vector<std::size_t> points(count);
  std::iota(points.begin(), points.end(), std::size_t{0});
  return points;
}

}  // namespace orrery
