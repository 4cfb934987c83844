#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hw/catalog.hpp"
#include "hw/spec.hpp"
#include "models/fabric.hpp"
#include "models/faults.hpp"
#include "models/machine.hpp"
#include "models/variability.hpp"
#include "tools/orrery/builtins.hpp"

namespace orrery {

/// Everything a run needs, resolved and checked.
struct Scenario {
  JsonValue resolved;  // after overrides and `use`, with the defaults written in
  std::string hash;    // of `resolved`: hash_of
  std::string name;    // "" when the scenario gives none
  std::uint64_t seed = 0;
  ClusterSpec cluster;
  std::unique_ptr<Fabric> fabric;
  std::unique_ptr<Workload> workload;
  std::unique_ptr<CostModel> cost;
  CollectiveChoice collectives;
  FlowChoice flows;
  Variability variability;  // degraded links are degraded in `fabric` already
  Faults faults;
  std::vector<Catalog::SourceFile> sources;  // catalogue files and files named by `use`
};

/// Names the defaults and the overrides where the origin of a value is shown.
inline constexpr std::string_view kDefaultOrigin = "default";
inline constexpr std::string_view kOverrideOrigin = "--set";

/// Messages of collectives are not cut when the scenario does not ask for it.
inline constexpr std::string_view kDefaultCollectiveChunk = "0 B";

/// Reads a scenario. `overrides` are "POINTER=VALUE" texts, applied before `use` is resolved; VALUE
/// is JSON when it parses as JSON, else a string. Throws ScenarioError with all mistakes of the
/// cluster, the workload and the rest together, and IoError when `path` cannot be read.
Scenario load_scenario(const std::string& path, std::span<const std::string> overrides,
                       const Builtins& builtins, const Catalog& catalog);

/// The same of a document that was read already; its places say where each value was written.
/// `mistakes` are those found so far: they are reported with the rest.
Scenario scenario_from(JsonValue document, Diagnostics mistakes, const Builtins& builtins,
                       const Catalog& catalog);

/// The task graph of the scenario's workload. Throws ScenarioError when its cluster's device cannot
/// run one of the kernels, or a group of ranks not the algorithm that was chosen for it.
Job build_job(const Scenario& scenario);

/// What runs its collectives: "nccl, constants of nvlink4, measured on h100_sxm", or "predicted",
/// with the reason where it is nobody's choice.
std::string library_of(const Scenario& scenario);

/// fnv1a_hex of the compact text.
std::string hash_of(const JsonValue& value);

}  // namespace orrery
