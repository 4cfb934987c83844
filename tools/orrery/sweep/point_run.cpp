#include "tools/orrery/sweep/point_run.hpp"

#include <algorithm>
#include <functional>
#include <new>

#include "sim/base/hash.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/fault_check.hpp"
#include "tools/orrery/json_number.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/run.hpp"
#include "workloads/plan/sequence_plan.hpp"

namespace orrery {
namespace {

constexpr int kVerdictIsNo = 3;

double number(const JsonValue& value) {
  return number_of(&value).value_or(0);
}

/// What `work` throws, as an outcome.
PointOutcome guarded(const std::function<PointOutcome()>& work) {
  try {
    return work();
  } catch (const IoError&) {
    throw;  // of the disk, not of the point
  } catch (const ScenarioError& error) {
    return {"invalid", error.exit_code(), error.what(), {}, ""};
  } catch (const DoesNotFit& error) {
    return {"does_not_fit", error.exit_code(), error.what(), {}, ""};
  } catch (const Error& error) {
    return {"failed", error.exit_code(), error.what(), {}, ""};
  } catch (const std::bad_alloc&) {
    return {
        "failed", 1, "out of memory; a smaller scenario, or fewer jobs at once, may fit", {}, ""};
  } catch (const std::exception& error) {
    return {"failed", 1, std::string("a bug of orrery: ") + error.what(), {}, ""};
  }
}

}  // namespace

std::string point_id(const Scenario& scenario) {
  std::string text = "orrery " ORRERY_VERSION " " ORRERY_COMMIT "\n" + scenario.hash + "\n" +
                     to_text(scenario.resolved, false);
  for (const Catalog::SourceFile& source : scenario.sources) {
    text += "\n" + source.name + " " + source.hash;
  }
  return fnv1a_hex(text);
}

std::string point_id(const JsonValue& unresolved) {
  return fnv1a_hex("orrery " ORRERY_VERSION " " ORRERY_COMMIT "\nunresolved\n" +
                   to_text(unresolved, false));
}

PointOutcome run_point(const Scenario& scenario, const Builtins& builtins) {
  return guarded([&] {
    const Run run = run_scenario(scenario, builtins, Folding::where_alike);
    const JsonValue result = to_json(run.result, scenario);
    const bool fits = run.result.fits();
    return PointOutcome{fits ? "ok" : "does_not_fit", fits ? 0 : kVerdictIsNo, "",
                        metrics_of(result), to_text(result, false)};
  });
}

PointOutcome run_point(JsonValue document, const Builtins& builtins, const Catalog& catalog) {
  return guarded([&] {
    return run_point(scenario_from(std::move(document), {}, builtins, catalog), builtins);
  });
}

std::optional<std::string> mistakes_of(JsonValue document, const Builtins& builtins,
                                       const Catalog& catalog) {
  const PointOutcome outcome = guarded([&] {
    const Scenario scenario = scenario_from(std::move(document), {}, builtins, catalog);
    require_engine(scenario, builtins);
    const Job job = build_job(scenario);
    check_faults(scenario, job, builtins);
    return PointOutcome{"ok", 0, "", {}, ""};
  });
  if (outcome.is_failure()) return outcome.error;
  return std::nullopt;
}

std::vector<std::pair<std::string, double>> metrics_of(const JsonValue& result) {
  std::vector<std::pair<std::string, double>> metrics;
  for (const auto& [key, value] : result.members) {
    if (key == "orrery_result" || key == "seed") continue;
    if (const auto figure = number_of(&value)) metrics.emplace_back(key, *figure);
    if (key == "memory_peak_bytes") {
      double most = 0;
      for (const auto& [device, peak] : value.members) most = std::max(most, number(peak));
      metrics.emplace_back(key, most);
    } else if (key == "exposed_communication_s") {
      double sum = 0;
      for (const auto& [category, seconds] : value.members) sum += number(seconds);
      metrics.emplace_back(key, sum);
      for (const auto& [category, seconds] : value.members) {
        metrics.emplace_back("exposed_" + category + "_s", number(seconds));
      }
    } else if (key == "facts") {
      for (const auto& [fact, about] : value.members) {
        if (const JsonValue* found = about.find("value"))
          metrics.emplace_back(fact, number(*found));
      }
    }
  }
  return metrics;
}

}  // namespace orrery
