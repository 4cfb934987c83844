#include "tools/orrery/what_if.hpp"

#include <cmath>
#include <cstdio>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/run.hpp"

namespace orrery {
namespace {

/// A fact with its source, or the plain value.
JsonValue& value_of(JsonValue& fact) {
  JsonValue* value = fact.find("value");
  return value != nullptr ? *value : fact;
}

std::string in_full(double number, const char* unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.17g %s", number, unit);
  return text.data();
}

/// Walks a resolved scenario and scales what belongs to one class.
class Scaling {
 public:
  Scaling(ResourceClass resource, double factor) : resource_(resource), factor_(factor) {}

  std::vector<std::string> apply(JsonValue& scenario) {
    JsonValue* cluster = scenario.find("cluster");
    if (cluster != nullptr) visit(*cluster, "/cluster");
    if (JsonValue* collectives = scenario.find("collectives")) {
      duration(*collectives, "launch", "/collectives");
    }
    return std::move(pointers_);
  }

 private:
  void visit(JsonValue& value, const std::string& pointer) {
    if (pointer == "/cluster/node/device") {
      device(value, pointer);
      return;
    }
    if (is_link(value)) {
      link(value, pointer);
      return;
    }
    for (JsonValue::Member& member : value.members) {
      visit(member.value, pointer + "/" + pointer_token(member.key));
    }
    for (std::size_t item = 0; item < value.items.size(); ++item) {
      visit(value.items[item], pointer + "/" + std::to_string(item));
    }
  }

  static bool is_link(const JsonValue& value) {
    return value.find("latency") != nullptr &&
           (value.find("bandwidth") != nullptr || value.find("generation") != nullptr);
  }

  void device(JsonValue& device, const std::string& pointer) {
    if (JsonValue* peaks = device.find("peak"); peaks != nullptr) {
      for (JsonValue::Member& peak : peaks->members) {
        if (resource_ != ResourceClass::math) continue;
        const std::optional<FlopRate> rate = parse_flop_rate(value_of(peak.value).string);
        if (rate) {
          put(peak.value, in_full(rate->as_double() * factor_ / 1e9, "GFLOP/s"),
              pointer + "/peak/" + pointer_token(peak.key));
        }
      }
    }
    if (JsonValue* hbm = device.find("hbm"); hbm != nullptr) {
      if (resource_ == ResourceClass::memory) bandwidth(*hbm, pointer + "/hbm");
    }
    duration(device, "kernel_launch", pointer);
    duration(device, "collective_launch", pointer);
    if (JsonValue* gemm = device.find("gemm"); gemm != nullptr) {
      duration(*gemm, "launch", pointer + "/gemm");
    }
  }

  void link(JsonValue& link, const std::string& pointer) {
    const bool between =
        pointer.starts_with("/cluster/fabric") || pointer.starts_with("/cluster/node/nic_link");
    const ResourceClass its = between ? ResourceClass::inter_node : ResourceClass::intra_node;
    if (its != resource_) return;
    if (link.find("bandwidth") == nullptr) {  // said by generation and lanes
      Diagnostics ignored;
      const LinkSpec spec = read_link(JsonCursor(link, ignored));
      std::erase_if(link.members, [](const JsonValue::Member& member) {
        return member.key == "generation" || member.key == "lanes";
      });
      set_at(link, "/bandwidth", json_string(in_full(spec.bandwidth.as_double(), "B/s")));
    }
    bandwidth(link, pointer);
  }

  void bandwidth(JsonValue& holder, const std::string& pointer) {
    JsonValue* fact = holder.find("bandwidth");
    if (fact == nullptr) return;
    const std::optional<Bandwidth> rate = parse_bandwidth(value_of(*fact).string);
    if (rate) put(*fact, in_full(rate->as_double() * factor_, "B/s"), pointer + "/bandwidth");
  }

  void duration(JsonValue& holder, const char* key, const std::string& pointer) {
    JsonValue* fact = holder.find(key);
    if (fact == nullptr || resource_ != ResourceClass::launch) return;
    const std::optional<Duration> time = parse_duration(value_of(*fact).string);
    if (time) put(*fact, in_full(time->as_double() / factor_, "ps"), pointer + "/" + key);
  }

  void put(JsonValue& fact, std::string text, std::string pointer) {
    value_of(fact).string = std::move(text);
    pointers_.push_back(std::move(pointer));
  }

  ResourceClass resource_;
  double factor_;
  std::vector<std::string> pointers_;
};

Duration time_of(const Result& result, Cause::Kind kind) {
  Duration time;
  for (const Cause& cause : result.critical_path) {
    if (cause.kind == kind) time += cause.time;
  }
  return time;
}

Duration critical_time(const Result& result, ResourceClass resource) {
  switch (resource) {
    case ResourceClass::math:
      return time_of(result, Cause::Kind::math);
    case ResourceClass::memory:
      return time_of(result, Cause::Kind::memory);
    case ResourceClass::intra_node:
      return time_of(result, Cause::Kind::communication) - result.critical_inter_node -
             result.critical_host_copies;
    case ResourceClass::inter_node:
      return result.critical_inter_node;
    case ResourceClass::launch:
      return time_of(result, Cause::Kind::launch);
  }
  return {};
}

/// The whole run again, of a scenario that has no mistakes.
Duration simulate(JsonValue document, const Builtins& builtins, Folding folding) {
  const Scenario scenario = scenario_from(std::move(document), Diagnostics(), builtins,
                                          open_catalog(find_data_folders()));
  return run_scenario(scenario, builtins, folding).result.makespan;
}

}  // namespace

std::string_view to_string(ResourceClass resource) {
  constexpr std::array<std::string_view, kResourceClasses.size()> kNames = {
      "math", "memory", "intra_node", "inter_node", "launch"};
  return kNames[static_cast<std::size_t>(resource)];
}

std::vector<std::string> make_faster(JsonValue& scenario, ResourceClass resource, double factor) {
  return Scaling(resource, factor).apply(scenario);
}

double critical_estimate(const Result& result, ResourceClass resource, double factor) {
  if (result.makespan <= Duration(0)) return 0;
  const double share = critical_time(result, resource).as_double() / result.makespan.as_double();
  return share * (1 / factor - 1);
}

std::vector<WhatIf> what_if(const Scenario& scenario, const Result& result,
                            const Builtins& builtins, Folding folding) {
  std::vector<WhatIf> answers;
  for (const ResourceClass resource : kResourceClasses) {
    JsonValue faster = scenario.resolved;
    WhatIf answer;
    answer.resource = resource;
    answer.pointers = make_faster(faster, resource, kFaster);
    answer.estimate = critical_estimate(result, resource, kFaster);
    if (answer.pointers.empty()) continue;
    answer.makespan = simulate(std::move(faster), builtins, folding);
    answer.change =
        result.makespan > Duration(0)
            ? (answer.makespan - result.makespan).as_double() / result.makespan.as_double()
            : 0;
    answers.push_back(std::move(answer));
  }
  return answers;
}

JsonValue to_json(const std::vector<WhatIf>& answers) {
  std::vector<JsonValue> items;
  for (const WhatIf& answer : answers) {
    std::vector<JsonValue> pointers;
    for (const std::string& pointer : answer.pointers) pointers.push_back(json_string(pointer));
    items.push_back(json_object({{"faster", json_string(std::string(to_string(answer.resource)))},
                                 {"times", json_real(kFaster)},
                                 {"makespan_s", json_real(to_seconds(answer.makespan))},
                                 {"change", json_real(answer.change)},
                                 {"critical_path_estimate", json_real(answer.estimate)},
                                 {"pointers", json_array(std::move(pointers))}}));
  }
  return json_array(std::move(items));
}

std::string what_if_lines(const std::vector<WhatIf>& answers, const Result& result) {
  std::string text = "\n  if it were 10 % faster     simulated   by the critical path alone\n";
  for (const WhatIf& answer : answers) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "    %-20s %+11.2f %%  %+11.2f %%\n",
                  std::string(to_string(answer.resource)).c_str(), 100 * answer.change,
                  100 * answer.estimate);
    text += line.data();
  }
  Duration classed;
  for (const ResourceClass resource : kResourceClasses) classed += critical_time(result, resource);
  if (classed < result.makespan) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(),
                  "    of no class: %.1f %% of the critical path (waits, delays, triggers, copies "
                  "from and to hosts)\n",
                  100 * (1 - classed.as_double() / result.makespan.as_double()));
    text += line.data();
  }
  return text;
}

}  // namespace orrery
