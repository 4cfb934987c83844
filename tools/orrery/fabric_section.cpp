#include "tools/orrery/fabric_section.hpp"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <system_error>

#include "tools/orrery/scenario.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSimgrid = "simgrid";
constexpr const char* kSimgridProgram = "orrery-simgrid";

}  // namespace

FlowChoice read_fabric_section(JsonCursor section) {
  FlowChoice choice;
  choice.engine = section.find("engine").as_choice({"native", kSimgrid});
  if (choice.engine == kSimgrid) {
    choice.model = section.find("model").as_choice({"CM02", "LV08"});
  } else {
    const bool weighted = section.find("share_policy").as_choice({"max_min", "rtt_weighted"}) ==
                          to_string(SharePolicy::rtt_weighted);
    choice.share_policy = weighted ? SharePolicy::rtt_weighted : SharePolicy::max_min;
  }
  section.reject_unknown_keys();
  return choice;
}

void refuse_changing_ways(const Scenario& scenario, const JsonValue& section,
                          Diagnostics& diagnostics) {
  const FlowChoice& choice = scenario.flows;
  const JsonValue* faults = scenario.resolved.find("faults");
  const bool adapts = scenario.fabric != nullptr && scenario.fabric->adapts();
  const bool native = choice.engine == FlowChoice().engine;
  if (native && choice.share_policy == SharePolicy::max_min) return;
  const std::string needs =
      R"(messages that change their way need engine "native" with )"
      R"(share_policy "max_min", got )" +
      (native ? "share_policy \"" + std::string(to_string(choice.share_policy))
              : "engine \"" + choice.engine) +
      "\"";
  if (faults != nullptr && !faults->items.empty()) report_at(*faults, needs, diagnostics);
  if (!adapts) return;
  report_at(section, "a routing of this cluster adapts to loads: " + needs, diagnostics);
}

JsonValue fabric_defaults(const JsonValue& section) {
  const FlowChoice choice;
  const JsonValue* engine = section.find("engine");
  if (engine != nullptr && engine->string == kSimgrid) {
    return json_object({{"model", json_string(choice.model)}});
  }
  return json_object({{"engine", json_string(choice.engine)},
                      {"share_policy", json_string(std::string(to_string(choice.share_policy)))}});
}

JsonValue fabric_engine_json(
    const FlowChoice& choice,
    const std::vector<std::pair<std::string, std::string>>& configuration) {
  std::vector<std::pair<std::string, JsonValue>> members = {{"name", json_string(choice.engine)}};
  for (const auto& [name, value] : configuration) members.emplace_back(name, json_string(value));
  return json_object(std::move(members));
}

void refuse_engine(const Scenario& scenario, const std::string& what) {
  const JsonValue* place = value_at(scenario.resolved, "/fabric/engine");
  ORRERY_CHECK(place != nullptr, "a resolved scenario names its engine");
  Diagnostics mistakes;
  report_at(*place, what, mistakes);
  mistakes.throw_if_any();
  internal_error(__FILE__, __LINE__, "a mistake was not thrown");
}

void require_engine(const Scenario& scenario, const Builtins& builtins) {
  if (builtins.fabric_engines.find(scenario.flows.engine) == nullptr) {
    refuse_engine(scenario, "only `orrery run` starts the program that runs it");
  }
}

void hand_over_to_engine(const Scenario& scenario, const Builtins& builtins,
                         std::span<const std::string> words) {
  if (builtins.fabric_engines.find(scenario.flows.engine) != nullptr) return;
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  const std::string program = (own.parent_path() / kSimgridProgram).string();
  if (error || access(program.c_str(), X_OK) != 0) {
    refuse_engine(scenario, std::string("expected \"native\", got \"simgrid\": ") +
                                kSimgridProgram +
                                ", which runs it, was not built; `cmake --build --preset release` "
                                "does where SimGrid >= 3.32 (libsimgrid-dev) is found");
  }
  std::vector<std::string> copies = {kSimgridProgram};
  copies.insert(copies.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::cout << std::flush;
  execv(program.c_str(), arguments.data());
  throw IoError("cannot start " + program + ": " + std::generic_category().message(errno));
}

}  // namespace orrery
