#include "tools/orrery/trace_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

using Members = std::vector<std::pair<std::string, JsonValue>>;

constexpr std::size_t kNameWidth = 48;

/// The rows of where time went, as both reports have them.
struct Part {
  const char* name;
  const char* key;
  Duration WorkTimes::*of;
};
constexpr std::array<Part, 7> kParts = {
    {{"compute", "compute_s", &WorkTimes::compute},
     {"communication", "communication_s", &WorkTimes::communication},
     {"  overlapped", "overlapped_communication_s", &WorkTimes::overlapped},
     {"  exposed", "exposed_communication_s", &WorkTimes::exposed},
     {"copies", "copy_s", &WorkTimes::copy},
     {"idle", "idle_s", &WorkTimes::idle},
     {"from first to last", "length_s", &WorkTimes::length}}};

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

std::string left(std::string text, std::size_t width) {
  if (text.size() > width) text = text.substr(0, width - 3) + "...";
  return text + std::string(width - text.size(), ' ');
}
std::string right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

double share(Duration part, Duration whole) {
  return whole > Duration(0) ? part.as_double() / whole.as_double() : 0;
}

std::string sums_text(const std::vector<TraceSummary::Sum>& sums, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, sums.size()); ++i) {
    const TraceSummary::Sum& sum = sums[i];
    text += "    " + left(sum.name.empty() ? "(none)" : sum.name, kNameWidth) +
            left(std::string(to_string(sum.work)), 15) + right(std::to_string(sum.count), 10) +
            right(to_text(sum.time), 11) +
            (sum.bytes > 0 ? right(to_text(Bytes(sum.bytes)), 11) : "") + "\n";
  }
  if (sums.size() > most) text += "    and " + std::to_string(sums.size() - most) + " more\n";
  return text;
}

JsonValue times_json(const WorkTimes& times) {
  Members members;
  for (const Part& part : kParts) {
    members.emplace_back(part.key, json_real(to_seconds(times.*(part.of))));
  }
  members.emplace_back("overlap", json_real(times.overlap()));
  return json_object(std::move(members));
}

JsonValue sums_json(const std::vector<TraceSummary::Sum>& sums) {
  std::vector<JsonValue> items;
  for (const TraceSummary::Sum& sum : sums) {
    items.push_back(json_object({{"name", json_string(sum.name)},
                                 {"work", json_string(std::string(to_string(sum.work)))},
                                 {"count", json_integer(static_cast<std::int64_t>(sum.count))},
                                 {"time_s", json_real(to_seconds(sum.time))},
                                 {"bytes", json_integer(sum.bytes)}}));
  }
  return json_array(std::move(items));
}

std::string difference(Duration first, Duration second) {
  if (first <= Duration(0)) return "";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%+.1f %%",
                100 * (second.as_double() / first.as_double() - 1));
  return text.data();
}

}  // namespace

std::string summary_text(const RecordedTrace& trace, const TraceSummary& summary, std::size_t ops) {
  std::string text = trace.format + ", " + std::to_string(trace.spans.size()) + " spans of " +
                     std::to_string(summary.processes.size()) +
                     (summary.processes.size() == 1 ? " process\n" : " processes\n");
  if (trace.has_times) {
    const WorkTimes& average = summary.average;
    text += "\n  where the time goes" +
            std::string(summary.processes.size() > 1 ? ", average of the processes" : "") + "\n";
    for (const Part& part : kParts) {
      const Duration time = average.*(part.of);
      text += "    " + left(part.name, 24) + right(to_text(time), 11) +
              right(percent(share(time, average.length)), 10) + "\n";
    }
    text += "    " + left("overlap of communication", 24) + right("", 11) +
            right(percent(average.overlap()), 10) + "\n";
  } else {
    text += "  it does not say when, so that what overlaps is not known\n";
  }
  text +=
      "\n  by category                                       work                count       "
      "time\n" +
      sums_text(summary.categories, SIZE_MAX);
  text += "\n  longest ops\n" + sums_text(summary.ops, ops);
  if (!summary.usages.empty()) {
    text += "\n  utilisation                                              mean       most\n";
    for (std::size_t i = 0; i < std::min(ops, summary.usages.size()); ++i) {
      const TraceSummary::Usage& usage = summary.usages[i];
      std::string name = usage.name;
      const std::size_t colon = name.find("utilisation (%): ");
      if (colon != std::string::npos) name = name.substr(colon + 17);
      name.erase(std::min(name.rfind(", %"), name.size()));
      text += "    " + left(name, kNameWidth) + right(percent(usage.mean / 100), 11) +
              right(percent(usage.most / 100), 11) + "\n";
    }
    if (summary.usages.size() > ops) {
      text += "    and " + std::to_string(summary.usages.size() - ops) + " more\n";
    }
  }
  for (const std::string& warning : trace.warnings) text += "  warning: " + warning + "\n";
  return text;
}

JsonValue summary_json(const RecordedTrace& trace, const TraceSummary& summary) {
  std::vector<JsonValue> processes;
  for (const TraceSummary::Process& process : summary.processes) {
    processes.push_back(json_object({{"number", json_integer(process.number)},
                                     {"name", json_string(process.name)},
                                     {"times", times_json(process.times)}}));
  }
  std::vector<JsonValue> usages;
  for (const TraceSummary::Usage& usage : summary.usages) {
    usages.push_back(json_object({{"name", json_string(usage.name)},
                                  {"mean", json_real(usage.mean)},
                                  {"most", json_real(usage.most)}}));
  }
  std::vector<JsonValue> warnings;
  for (const std::string& warning : trace.warnings) warnings.push_back(json_string(warning));
  return json_object({{"format", json_string(trace.format)},
                      {"spans", json_integer(static_cast<std::int64_t>(trace.spans.size()))},
                      {"has_times", json_boolean(trace.has_times)},
                      {"average", times_json(summary.average)},
                      {"categories", sums_json(summary.categories)},
                      {"ops", sums_json(summary.ops)},
                      {"processes", json_array(std::move(processes))},
                      {"utilisation", json_array(std::move(usages))},
                      {"warnings", json_array(std::move(warnings))}});
}

std::string comparison_text(const NamedTrace& first, const NamedTrace& second,
                            const TraceComparison& comparison, std::size_t ops) {
  std::string text = "  first   " + first.name + " (" + first.trace.format + ")\n" + "  second  " +
                     second.name + " (" + second.trace.format + ")\n\n  " +
                     left("average of the processes", 50) + right("first", 11) +
                     right("second", 11) + right("difference", 13) + "\n";
  for (const Part& part : kParts) {
    const Duration a = first.summary.average.*(part.of);
    const Duration b = second.summary.average.*(part.of);
    text += "  " + left(part.name, 50) + right(to_text(a), 11) + right(to_text(b), 11) +
            right(difference(a, b), 13) + "\n";
  }
  text += "  " + left("overlap of communication", 50) +
          right(percent(first.summary.average.overlap()), 11) +
          right(percent(second.summary.average.overlap()), 11) + "\n\n";
  const std::string of = comparison.processes == 1
                             ? "the first process"
                             : std::to_string(comparison.processes) + " processes";
  text += "  " + left("ops of " + of + ", aligned by name and order", 50) + right("first", 11) +
          right("second", 11) + right("difference", 13) + "  aligned\n";
  std::vector<TraceComparison::Op> longest = comparison.ops;
  std::stable_sort(longest.begin(), longest.end(), [](const auto& a, const auto& b) {
    return std::max(a.first_time, a.second_time) > std::max(b.first_time, b.second_time);
  });
  for (std::size_t i = 0; i < std::min(ops, longest.size()); ++i) {
    const TraceComparison::Op& op = longest[i];
    if (op.aligned == 0) continue;
    text += "  " + left(op.name, 50) + right(to_text(op.first_time), 11) +
            right(to_text(op.second_time), 11) +
            right(difference(op.first_time, op.second_time), 13) + "  " +
            std::to_string(op.aligned) + "\n";
  }
  text += "\n  " + std::to_string(comparison.aligned) + " ops are in both, " +
          std::to_string(comparison.first_only) + " in the first alone, " +
          std::to_string(comparison.second_only) +
          " in the second alone; those in both differ by " + percent(comparison.mean_error) +
          " of their time on average\n";
  for (const NamedTrace* trace : {&first, &second}) {
    for (const std::string& warning : trace->trace.warnings) {
      text += "  warning: " + trace->name + ": " + warning + "\n";
    }
  }
  return text;
}

JsonValue comparison_json(const NamedTrace& first, const NamedTrace& second,
                          const TraceComparison& comparison) {
  const auto count = [](std::uint64_t value) {
    return json_integer(static_cast<std::int64_t>(value));
  };
  std::vector<JsonValue> ops;
  for (const TraceComparison::Op& op : comparison.ops) {
    ops.push_back(json_object({{"name", json_string(op.name)},
                               {"first_count", count(op.first_count)},
                               {"second_count", count(op.second_count)},
                               {"first_time_s", json_real(to_seconds(op.first_time))},
                               {"second_time_s", json_real(to_seconds(op.second_time))}}));
  }
  return json_object({{"first", times_json(first.summary.average)},
                      {"second", times_json(second.summary.average)},
                      {"ops", json_array(std::move(ops))},
                      {"processes", count(comparison.processes)},
                      {"aligned", count(comparison.aligned)},
                      {"first_only", count(comparison.first_only)},
                      {"second_only", count(comparison.second_only)},
                      {"mean_error", json_real(comparison.mean_error)}});
}

}  // namespace orrery
