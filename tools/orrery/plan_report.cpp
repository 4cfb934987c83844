#include "tools/orrery/plan_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 240> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string seconds(double value) {
  return to_text(duration_from_seconds(value));
}

std::string bytes(double value) {
  return to_text(Bytes(std::llround(value)));
}

std::string method_text(const PlanSettings& plan) {
  if (plan.method == PlanMethod::fixed) return "fixed groups of " + std::to_string(plan.group);
  if (plan.method == PlanMethod::batch_adaptive)
    return "groups of one size, the best for the batch";
  return std::string("heterogeneous groups, ") +
         (plan.mixed_integer ? "mixed-integer program after the heuristic" : "heuristic");
}

std::int64_t longest(const HeterogeneousSettings& settings, std::int64_t batch) {
  const auto lengths = settings.lengths_of(batch);
  return *std::max_element(lengths.begin(), lengths.end());
}

std::int64_t tokens(const HeterogeneousSettings& settings, std::int64_t batch) {
  const auto lengths = settings.lengths_of(batch);
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

/// Alike groups in one line: those of a size whose sequences are equally many and long are few, so
/// each has its own.
std::string group_lines(const SequenceMicroBatch& micro_batch) {
  constexpr std::size_t kShown = 12;
  std::string text = "      devices  sequences    longest      tokens   predicted   memory\n";
  for (std::size_t g = 0; g < micro_batch.groups.size(); ++g) {
    const SequenceGroup& group = micro_batch.groups[g];
    if (g == kShown && micro_batch.groups.size() > kShown + 1) {
      return text + format("      … and %zu more groups (--json has all)\n",
                           micro_batch.groups.size() - g);
    }
    text +=
        format("      %7lld  %9zu  %9lld  %10lld  %10s  %8s\n",
               static_cast<long long>(group.devices), group.lengths.size(),
               static_cast<long long>(group.lengths.front()), static_cast<long long>(group.tokens),
               seconds(group.time_s).c_str(), bytes(group.memory_bytes).c_str());
  }
  return text;
}

std::string bound_text(const SequenceMicroBatch& each) {
  if (each.grouping_s == 0) return "";
  std::string text = format(
      "; at most %.1f %% slower than the best groups of its buckets (%.1f %% "
      "longer than its sequences)",
      100 * (each.bound_s > 0 ? each.grouping_s / each.bound_s - 1 : 0),
      100 * each.bucketing_error);
  if (each.solved) {
    text +=
        format("; solver: %lld nodes, gap %.2f %%%s%s", static_cast<long long>(each.solved->nodes),
               100 * each.solved->gap(), each.solved->optimal ? ", within the gap asked for" : "",
               each.solved->out_of_time ? ", TIME LIMIT REACHED: another run may differ" : "");
  }
  return text;
}

std::string one_batch(const PlannedBatch& batch) {
  std::string text;
  int number = 0;
  for (const SequenceMicroBatch& each : batch.plan.micro_batches) {
    text += format("\n  micro-batch %d  ", ++number) + to_text(each) +
            format("  %lld tokens, ", static_cast<long long>(each.tokens)) + seconds(each.time_s) +
            bound_text(each) + "\n" + group_lines(each);
  }
  return text + "\n  predicted: " + seconds(batch.plan.time_s) + " in " +
         std::to_string(batch.plan.micro_batches.size()) +
         " micro-batches; `orrery run` simulates it\n";
}

std::string many_batches(const HeterogeneousSettings& settings,
                         const std::vector<PlannedBatch>& batches) {
  std::string text = "\n  batch      tokens    longest   predicted  groups\n";
  double sum = 0;
  for (const PlannedBatch& each : batches) {
    text += format("  %5lld  %10lld  %9lld  %10s ", static_cast<long long>(each.batch),
                   static_cast<long long>(tokens(settings, each.batch)),
                   static_cast<long long>(longest(settings, each.batch)),
                   seconds(each.plan.time_s).c_str());
    for (const SequenceMicroBatch& micro_batch : each.plan.micro_batches) {
      text += " " + to_text(micro_batch);
    }
    text += "\n";
    sum += each.plan.time_s;
  }
  return text + "  mean of " + std::to_string(batches.size()) + ": " +
         seconds(sum / static_cast<double>(batches.size())) + "\n";
}

JsonValue group_json(const SequenceGroup& group) {
  std::vector<JsonValue> lengths;
  for (const std::int64_t length : group.lengths) lengths.push_back(json_integer(length));
  return json_object({{"devices", json_integer(group.devices)},
                      {"tokens", json_integer(group.tokens)},
                      {"time_s", json_real(group.time_s)},
                      {"memory_bytes", json_integer(std::llround(group.memory_bytes))},
                      {"lengths", json_array(std::move(lengths))}});
}

JsonValue micro_batch_json(const SequenceMicroBatch& micro_batch) {
  std::vector<JsonValue> groups;
  for (const SequenceGroup& group : micro_batch.groups) groups.push_back(group_json(group));
  JsonValue value = json_object(
      {{"tokens", json_integer(micro_batch.tokens)}, {"time_s", json_real(micro_batch.time_s)}});
  if (micro_batch.grouping_s > 0) {
    value.members.push_back({"bucketing_error", json_real(micro_batch.bucketing_error)});
    value.members.push_back({"grouping_s", json_real(micro_batch.grouping_s)});
    value.members.push_back({"bound_s", json_real(micro_batch.bound_s)});
    value.members.push_back({"gap", json_real(micro_batch.gap())});
  }
  if (const auto& solved = micro_batch.solved) {
    value.members.push_back(
        {"solver", json_object({{"nodes", json_integer(solved->nodes)},
                                {"gap", json_real(solved->gap())},
                                {"within_gap", json_boolean(solved->optimal)},
                                {"out_of_time", json_boolean(solved->out_of_time)}})});
  }
  value.members.push_back({"groups", json_array(std::move(groups))});
  return value;
}

}  // namespace

std::string to_text(const HeterogeneousSettings& settings,
                    const std::vector<PlannedBatch>& batches) {
  std::string text = format("plan of %lld sequences on %lld devices: ",
                            static_cast<long long>(settings.global_batch),
                            static_cast<long long>(settings.plan.devices)) +
                     method_text(settings.plan) + "\n";
  if (batches.size() == 1) {
    text += format("  batch %lld: %lld tokens, the longest sequence %lld\n",
                   static_cast<long long>(batches[0].batch),
                   static_cast<long long>(tokens(settings, batches[0].batch)),
                   static_cast<long long>(longest(settings, batches[0].batch)));
  }
  text += format("  %lld sequences of more than %lld tokens were dropped from the lengths\n",
                 static_cast<long long>(settings.dropped),
                 static_cast<long long>(settings.maximum_length));
  return text + (batches.size() == 1 ? one_batch(batches[0]) : many_batches(settings, batches));
}

JsonValue to_json(const HeterogeneousSettings& settings, const std::vector<PlannedBatch>& batches) {
  std::vector<JsonValue> items;
  for (const PlannedBatch& each : batches) {
    std::vector<JsonValue> micro_batches;
    for (const SequenceMicroBatch& micro_batch : each.plan.micro_batches) {
      micro_batches.push_back(micro_batch_json(micro_batch));
    }
    items.push_back(json_object({{"batch", json_integer(each.batch)},
                                 {"tokens", json_integer(tokens(settings, each.batch))},
                                 {"time_s", json_real(each.plan.time_s)},
                                 {"micro_batches", json_array(std::move(micro_batches))}}));
  }
  return json_object({{"orrery_plan", json_integer(1)},
                      {"devices", json_integer(settings.plan.devices)},
                      {"sequences", json_integer(settings.global_batch)},
                      {"dropped", json_integer(settings.dropped)},
                      {"workload", to_json(settings)},
                      {"batches", json_array(std::move(items))}});
}

}  // namespace orrery
