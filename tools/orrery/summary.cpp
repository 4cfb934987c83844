#include "tools/orrery/summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/fault_figures.hpp"
#include "tools/orrery/memory_figures.hpp"
#include "tools/orrery/wait_figures.hpp"

namespace orrery {
namespace {

constexpr std::size_t kShownResources = 5;
constexpr std::size_t kShownWays = 6;
constexpr int kBarTenths = 25;  // tenths of a percent for each character of a bar

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string seconds_text(double seconds) {
  return to_text(duration_from_seconds(seconds));
}

std::string member_text(const JsonValue& document, const std::string& pointer) {
  const JsonValue* value = value_at(document, pointer);
  return value != nullptr ? value->string : "";
}

/// 54269.3 as "54 269".
std::string grouped(double number) {
  std::string digits = format("%.0f", number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) {
    digits.insert(place - 3, " ");
  }
  return digits;
}

/// "step_time_s" as "step time".
std::string in_words(const std::string& key) {
  std::string name = key.substr(0, key.rfind("_s"));
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string headline(const Result& result) {
  std::string text = "  " + in_words(result.headline) + " " + to_text(result.makespan);
  if (result.tokens > 0) {
    text += "     " + grouped(result.tokens_per_s()) + " tokens/s";
  }
  if (result.mfu) {
    text += format("     MFU %.1f %%", 100 * *result.mfu);
  }
  text += "\n";
  for (const TimedValue& figure : result.timed_figures) {
    text += "  " + in_words(figure.key) + " " + seconds_text(figure.seconds) + "\n";
  }
  return text;
}

std::string where_time_goes(const Result& result) {
  std::vector<std::pair<std::string, double>> parts = {
      {"compute", result.breakdown.compute.average_s}};
  for (const Breakdown::Part& part : result.breakdown.exposed) {
    parts.emplace_back("exposed " + part.name, part.average_s);
  }
  if (result.breakdown.bubble.most > Duration(0)) {  // none where nothing is pipelined
    parts.emplace_back("bubble", result.breakdown.bubble.average_s);
  }
  parts.emplace_back("idle", result.breakdown.idle.average_s);
  std::vector<double> shares;
  for (const auto& [name, time_s] : parts) {
    shares.push_back(time_s);
  }
  const std::vector<int> tenths = tenths_of_percent(shares);
  std::string text =
      format("\n  where the time goes, average of %d ranks\n", static_cast<int>(result.ranks));
  for (std::size_t index = 0; index < parts.size(); ++index) {
    const int bar = (tenths[index] + kBarTenths / 2) / kBarTenths;
    text += format("    %-32s %10s %6d.%d %%  %s\n", parts[index].first.c_str(),
                   seconds_text(parts[index].second).c_str(), tenths[index] / 10,
                   tenths[index] % 10, std::string(static_cast<std::size_t>(bar), '#').c_str());
  }
  const int total = std::accumulate(tenths.begin(), tenths.end(), 0);
  return text + format("    %-32s %10s %6d.%d %%\n", "whole run", to_text(result.makespan).c_str(),
                       total / 10, total % 10);
}

std::string held_lines(const MemoryUse& use) {
  std::string text;
  for (const auto& [category, amount] : use.holds) {
    text += format("    %-32s %10s\n", category.c_str(), to_text(amount).c_str());
  }
  return text;
}

std::string memory_lines(const Result& result) {
  std::string text;
  for (const MemoryUse& use : result.memory) {
    text += format(
        "\n  memory of the fullest %s, rank %d: %s of %s (%.1f %%)%s\n", use.device.c_str(),
        static_cast<int>(use.rank), to_text(use.peak).c_str(), to_text(use.capacity).c_str(),
        100 * use.peak.as_double() / use.capacity.as_double(), use.fits() ? "" : "  DOES NOT FIT");
    text += held_lines(use);
  }
  if (result.host_memory) {
    const MemoryUse& use = *result.host_memory;
    text += format(
        "\n  memory of the fullest host, node %d: %s of %s (%.1f %%)%s\n",
        static_cast<int>(use.rank), to_text(use.peak).c_str(), to_text(use.capacity).c_str(),
        100 * use.peak.as_double() / use.capacity.as_double(), use.fits() ? "" : "  DOES NOT FIT");
    text += held_lines(use);
  }
  if (result.kv_cache) {
    text += "    room for " + grouped(static_cast<double>(result.kv_cache->capacity_tokens)) +
            " tokens of key-value cache and a batch of " +
            grouped(static_cast<double>(result.kv_cache->largest_batch)) + " a replica\n";
  }
  return text;
}

/// Equally loaded resources of one kind share a line: there are many of them in a regular machine.
std::string resource_lines(const Result& result) {
  struct Line {
    const ResourceUse* first;
    std::string load;
    std::uint64_t all;
  };
  std::vector<Line> lines;
  for (const ResourceUse& use : result.resources) {
    const std::string load = format("%6.1f %%", 100 * use.utilisation);
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return line.first->kind == use.kind && line.load == load;
    });
    if (same != lines.end()) {
      same->all += use.alike;
    } else if (lines.size() == kShownResources) {
      break;
    } else {
      lines.push_back({&use, load, use.alike});
    }
  }
  std::string text = "\n  most loaded resources\n";
  for (const Line& line : lines) {
    const std::string others =
        line.all > 1 ? "  and " + std::to_string(line.all - 1) + " more" : "";
    text += format("    %-32s %-10s %s%s\n", line.first->name.c_str(), line.first->kind.c_str(),
                   line.load.c_str(), others.c_str());
  }
  return text;
}

/// By kind, algorithm and protocol, with the most cores that any takes.
std::string collective_lines(const Result& result, const Scenario& scenario) {
  if (result.collectives.empty()) return "";
  std::vector<std::pair<std::string, int>> ways;
  for (const CollectiveUse& use : result.collectives) {
    const CollectiveRecord& record = use.record;
    const std::string way = std::string(to_string(record.kind)) + " " + record.algorithm +
                            (record.protocol.empty() ? "" : " " + record.protocol);
    const auto known = std::find_if(ways.begin(), ways.end(),
                                    [&](const auto& other) { return other.first == way; });
    if (known == ways.end()) {
      ways.emplace_back(way, record.channels);
    } else {
      known->second = std::max(known->second, record.channels);
    }
  }
  std::string text = "\n  collectives: " + library_of(scenario) + "\n";
  for (std::size_t index = 0; index < ways.size() && index < kShownWays; ++index) {
    const auto& [way, cores] = ways[index];
    text += "    " + way + (cores > 0 ? ", cores: " + std::to_string(cores) : "") + "\n";
  }
  return ways.size() <= kShownWays
             ? text
             : text + "    and " + std::to_string(ways.size() - kShownWays) + " more\n";
}

std::string check_lines(const Result& result) {
  const auto holding = std::count_if(result.checks.begin(), result.checks.end(),
                                     [](const Check& check) { return check.holds; });
  std::string text = "  checks: " + std::to_string(holding) + " of " +
                     std::to_string(result.checks.size()) + " hold\n";
  for (const Check& check : result.checks) {
    if (!check.holds) {
      text += "    FAILED " + check.name + ": " + check.sentence + "\n";
    }
  }
  for (const std::string& warning : result.warnings) {
    text += "  warning: " + warning + "\n";
  }
  return text;
}

std::string for_whom(const Result& result) {
  return !result.symmetry.folded ? ""
                                 : " of " + std::to_string(result.symmetry.rank_classes) +
                                       " ranks that stand for " + std::to_string(result.ranks);
}

std::string last_lines(const Result& result, const RunCost& cost, const std::string& metrics_page) {
  return "  every figure is defined in " + metrics_page + "\n" +
         format("  simulated %s events%s in %.2f s, with %s of memory\n",
                grouped(static_cast<double>(result.counters.events)).c_str(),
                for_whom(result).c_str(), cost.simulate_s,
                to_text(Bytes(cost.peak_resident_bytes)).c_str());
}

}  // namespace

std::vector<int> tenths_of_percent(const std::vector<double>& shares) {
  constexpr int kWhole = 1000;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<int> tenths(shares.size());
  if (sum <= 0) {
    return tenths;
  }
  std::vector<std::pair<double, std::size_t>> remainders;
  int given = 0;
  for (std::size_t index = 0; index < shares.size(); ++index) {
    const double exact = shares[index] / sum * kWhole;
    tenths[index] = static_cast<int>(std::floor(exact));
    given += tenths[index];
    remainders.emplace_back(exact - std::floor(exact), index);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t next = 0; given < kWhole && next < remainders.size(); ++next, ++given) {
    ++tenths[remainders[next].second];
  }
  return tenths;
}

std::string what_runs(const Scenario& scenario) {
  const JsonValue& document = scenario.resolved;
  std::string text = member_text(document, "/workload/kind");
  const std::string network = member_text(document, "/workload/network/name");
  if (!network.empty()) {
    text += " of " + network;
  }
  std::string degrees;
  if (const JsonValue* parallel = value_at(document, "/workload/parallel")) {
    for (const JsonValue::Member& member : parallel->members) {
      const JsonValue* inside = member.value.find("degree");  // of ranks that share sequences
      const JsonValue& degree = inside != nullptr ? *inside : member.value;
      if (degree.kind == JsonValue::Kind::integer) {
        degrees +=
            (degrees.empty() ? "" : ", ") + member.key + " " + std::to_string(degree.integer);
      }
    }
  }
  if (!degrees.empty()) {
    text += " (" + degrees + ")";
  }
  const ClusterSpec& cluster = scenario.cluster;
  text += " on " + std::to_string(cluster.device_count()) + " x " + cluster.node.device.name;
  text += " in " + std::to_string(cluster.nodes) + " x " + cluster.node.name;
  const FlowChoice& flows = scenario.flows;
  if (flows.engine != FlowChoice().engine) {
    text += ", links shared by " + flows.engine + " (" + flows.model + ")";
  } else if (flows.share_policy != SharePolicy::max_min) {
    text += ", links shared " + std::string(to_string(flows.share_policy));
  }
  return text;
}

std::string summary(const Result& result, const Scenario& scenario, const RunCost& cost,
                    const std::string& metrics_page) {
  std::string text;
  if (!scenario.name.empty()) {
    text += scenario.name + ": ";
  }
  text += what_runs(scenario) + "\n\n";
  text += headline(result) + where_time_goes(result) + memory_lines(result);
  text += resource_lines(result) + collective_lines(result, scenario) +
          wait_lines(result, scenario.variability) + fault_lines(result.faults) +
          trigger_lines(result) + "\n  bound by " + bound_by(result) + "\n";
  return text + check_lines(result) + last_lines(result, cost, metrics_page);
}

}  // namespace orrery
