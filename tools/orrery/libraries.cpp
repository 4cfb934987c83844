#include "tools/orrery/libraries.hpp"

#include <utility>

#include "models/nccl/custom_all_reduce.hpp"
#include "models/nccl/deepep.hpp"
#include "sim/base/hash.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {
namespace {

constexpr const char* kVllm = "vllm";
constexpr const char* kDeepEp = "deepep";
constexpr const char* kPlain = "plain";
constexpr const char* kPredicted = "predicted";
constexpr const char* kOlder = "nccl_older";
constexpr const char* kNcclFile = "nccl";
constexpr const char* kCustomFile = "custom_all_reduce";

JsonValue load(const std::string& name, const DataFolders& folders) {
  const std::string file = folders.calibration + "/" + name + ".json";
  return load_json(file, file);
}

template <class Fits>
Fits fits_from(const JsonValue& document, Fits (*read)(JsonCursor)) {
  Diagnostics mistakes;
  Fits fits = read(JsonCursor(document, mistakes));
  mistakes.throw_if_any();
  return fits;
}

/// An older one's file has what differs.
JsonValue nccl_document(const std::string& name, const DataFolders& folders) {
  JsonValue document = load(kNcclFile, folders);
  if (name == kOlder) merge_patch(document, load(kOlder, folders));
  return document;
}

void add_sources(const std::string& name, const DataFolders& folders,
                 std::vector<Catalog::SourceFile>& sources) {
  for (const char* file : {kCustomFile, kDeepEp, kNcclFile, kOlder}) {
    const bool is_own = file == kCustomFile ? name == kVllm : file == kNcclFile || name == file;
    if (!is_own) continue;
    sources.push_back(
        {std::string("calibration/") + file, fnv1a_hex(to_text(load(file, folders), false))});
  }
}

/// What is set apart has to be there, and so has what one core moves.
std::int64_t read_cores(JsonCursor cursor, const DeviceSpec& device) {
  if (!cursor.present()) return 0;
  const std::int64_t cores = cursor.as_count({.minimum = 0});
  if (cores == 0 || device.cores == 0) return cores;
  if (cores >= device.cores) {
    cursor.expected("fewer than the " + std::to_string(device.cores) + " cores of " + device.name);
  } else if (!device.collective_core_rate) {
    cursor.error(
        "cores set apart need the device's \"collective_core_rate\", what one moves, and " +
        device.name + " has none");
  }
  return cores;
}

/// Of what is asked for by name some has one protocol.
void refuse_protocol(JsonCursor protocol, const std::string& wanted,
                     const CollectiveChoice& choice) {
  for (std::size_t kind = 0; kind < choice.algorithm.size(); ++kind) {
    const std::string& algorithm = choice.algorithm[kind];
    if (wanted == "simple" || !has_one_protocol(algorithm)) continue;
    protocol.expected("\"auto\" or \"simple\", the only one of " +
                      std::string(to_string(static_cast<CollectiveKind>(kind))) + " by \"" +
                      algorithm + "\"");
    return;
  }
}

}  // namespace

bool has_one_protocol(const std::string& algorithm) {
  return algorithm == "nvls" || algorithm == "sharp" || algorithm == "pat";
}

const std::vector<std::string>& collective_libraries() {
  static const std::vector<std::string> names = {"nccl", kOlder, kVllm, kDeepEp};
  return names;
}

std::shared_ptr<const CollectiveLibrary> make_library(const std::string& name,
                                                      const ClusterSpec& cluster, Fabric& fabric,
                                                      const NcclOptions& options,
                                                      const DataFolders& folders,
                                                      const DeepEpOptions& deepep) {
  NcclOptions of_nccl = options;
  // vLLM sets NCCL_CUMEM_ENABLE=0 (assumed: recalled from vllm/env_override.py), without which
  // there is no NVLS; its measured times beyond the custom kernel are those of rings.
  of_nccl.nvls = name != kVllm;
  auto nccl =
      make_nccl(fits_from(nccl_document(name, folders), read_nccl_fits), cluster, fabric, of_nccl);
  if (name == kDeepEp) {
    return make_deepep(fits_from(load(kDeepEp, folders), read_deepep_fits), cluster, fabric, deepep,
                       std::move(nccl));
  }
  if (name != kVllm) return nccl;
  return make_custom_all_reduce(fits_from(load(kCustomFile, folders), read_custom_all_reduce_fits),
                                cluster, fabric, std::move(nccl));
}

std::string library_refusal(const std::string& name, const ClusterSpec& cluster, Fabric& fabric) {
  const bool over_nvlink = nccl_is_calibrated(link_inside(cluster, fabric));
  if (name == kVllm && !over_nvlink) {
    return "its custom all-reduce was measured over NVLink only; these nodes have none";
  }
  if (name != kDeepEp) return "";
  if (!over_nvlink) return "its kernels were measured over NVLink only; these nodes have none";
  return cluster.node.device.cores > 0
             ? ""
             : "its kernels run on cores, and of " + cluster.node.device.name + " none are known";
}

std::string deepep_cores_refusal(const DeepEpOptions& deepep, const DeviceSpec& device) {
  if (device.cores <= 0 || deepep.cores <= device.cores) return "";
  return "expected at most the " + std::to_string(device.cores) + " cores of " + device.name +
         ", got " + std::to_string(deepep.cores);
}

namespace {

/// What "deepep" needs, and nothing else may have.
DeepEpOptions read_deepep(JsonCursor& collectives, const std::string& library,
                          const DeviceSpec& device) {
  if (library != kDeepEp) {
    JsonCursor given = collectives.find(kDeepEp);
    if (given.present()) {
      given.error("these are of the library of that name; \"library\" is \"" + library + "\"");
    }
    return {};
  }
  JsonCursor given = collectives.at(kDeepEp);
  const DeepEpOptions options = read_deepep_options(given);
  const std::string refusal = deepep_cores_refusal(options, device);
  if (!refusal.empty()) given.find("cores").error(refusal);
  return options;
}

}  // namespace

void read_library(JsonCursor& collectives, const ClusterSpec& cluster, Fabric* fabric,
                  CollectiveChoice& choice, std::vector<Catalog::SourceFile>& sources) {
  choice.cores = read_cores(collectives.find("cores"), cluster.node.device);
  std::vector<std::string> names = {"auto", kPlain, kPredicted};
  names.insert(names.end(), collective_libraries().begin(), collective_libraries().end());
  JsonCursor library = collectives.find("library");
  const std::string name = library.as_choice(names);
  JsonCursor protocol = collectives.find("protocol");
  JsonCursor graphs = collectives.find("graphs");
  NcclOptions options{.protocol = protocol.as_choice({"auto", "ll", "ll128", "simple"})};
  if (graphs.present()) options.graphs = read_nccl_graphs(graphs, cluster.node.nic_bonding);
  if (graphs.present() && (name == kPlain || name == kPredicted)) {
    graphs.error("graphs are those of a library; \"library\" is \"" + name + "\"");
  }
  const bool fixed = protocol.present() && options.protocol != "auto";
  if (fixed && (name == kPlain || name == kPredicted)) {
    protocol.error("protocols are those of a library; \"library\" is \"" + name + "\"");
  }
  if (fixed) refuse_protocol(protocol, options.protocol, choice);
  choice.predicts = name == kPredicted;
  const DeepEpOptions deepep = read_deepep(collectives, name, cluster.node.device);
  if (fabric == nullptr || name == kPlain || name == kPredicted || !library.present()) return;
  // Not so `orrery collective`, which takes NCCL over PCIe too, with assumed constants.
  if (name == "auto" && !nccl_is_calibrated(link_inside(cluster, *fabric))) {
    constexpr const char* kNameIt = "no library was measured here; name it: \"library\": \"nccl\"";
    if (fixed) protocol.error(kNameIt);
    if (graphs.present()) graphs.error(kNameIt);
    choice.predicts = true;
    return;
  }
  const std::string refusal = library_refusal(name, cluster, *fabric);
  if (!refusal.empty()) {
    library.error(refusal);
    return;
  }
  const DataFolders folders = find_data_folders();
  choice.library = make_library(name, cluster, *fabric, options, folders, deepep);
  add_sources(name, folders, sources);
}

std::string library_of(const Scenario& scenario) {
  const JsonValue* name = value_at(scenario.resolved, "/collectives/library");
  if (scenario.collectives.library != nullptr) {
    return (name != nullptr && name->string != "auto" ? name->string : "nccl") + ", constants of " +
           scenario.collectives.library->constants();
  }
  return name != nullptr && name->string != "auto"
             ? name->string
             : "predicted, as no library was measured over the links of these nodes";
}

}  // namespace orrery
