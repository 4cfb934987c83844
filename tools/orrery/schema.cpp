#include "tools/orrery/schema.hpp"

#include <utility>

#include "models/nccl/deepep.hpp"
#include "tools/orrery/schema_forms.hpp"

namespace orrery {
namespace {

using schema::catalogue_reference;
using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::Members;
using schema::or_wrapped;
using schema::quantity;
using schema::reference;
using schema::text;

/// Of rings and trees between nodes.
JsonValue graphs_schema() {
  const JsonValue graph = closed_object(
      {{"channels", or_wrapped(schema::count(1, "adapters of each node that it takes"))},
       {"bandwidth", reference("bandwidth")},
       {"adapters", or_wrapped(schema::count(1, "of those bonded, by which a channel goes"))}},
      {}, "nChannels and bw, as NCCL's log says them; default: each adapter, with what it has");
  return closed_object({{"ring", graph}, {"tree", graph}}, {},
                       "what NCCL found between nodes, and chooses by");
}

JsonValue deepep_schema() {
  return closed_object(
      {{"kernel",
        enumeration({kDeepEpKernels.begin(), kDeepEpKernels.end()}, "default \"dispatch\"")},
       {"token", reference("bytes")},
       {"experts", or_wrapped(schema::count(1, "of all members"))},
       {"top_k", or_wrapped(schema::count(1, "experts of a token"))},
       {"node_limit",
        or_wrapped(schema::count(
            1, "of a kernel but of low latency, most nodes with these; default: any"))},
       {"cores", or_wrapped(schema::count(1, "of a kernel but of low latency; default 20"))}},
      {"token", "experts", "top_k"},
      "For \"library\": \"deepep\": what a layer with experts asks of its kernels; \"token\" as it "
      "is "
      "sent, with its scales");
}

JsonValue collectives_schema(const Builtins& builtins) {
  Members properties;
  for (const CollectiveKind kind : kCollectiveKinds) {
    const std::string name{to_string(kind)};
    std::vector<std::string> algorithms = {"auto"};
    for (const std::string& entry : builtins.collectives.names()) {
      if (entry.starts_with(name + "/")) {
        algorithms.push_back(entry.substr(name.size() + 1));
      }
    }
    properties.emplace_back(name, enumeration(algorithms, "the algorithm that runs it"));
  }
  properties.emplace_back(
      "library",
      enumeration({"auto", "plain", "predicted", "nccl", "nccl_older", "vllm", "deepep"},
                  "what runs them: \"plain\" and \"predicted\" take links as they are, by the "
                  "first algorithm of a kind or by that of least predicted time; "
                  "\"auto\" is \"nccl\" where its constants were measured, or a near "
                  "relative's, else \"predicted\"; "
                  "\"nccl_older\" has constants of an older version, and its choices between "
                  "nodes; \"vllm\" has a custom all-reduce beside it, \"deepep\" all-to-alls of "
                  "experts"));
  properties.emplace_back("protocol", enumeration({"auto", "ll", "ll128", "simple"},
                                                  "of NCCL; auto chooses as NCCL does"));
  properties.emplace_back(
      "cores", or_wrapped(schema::count(0,
                                        "of each device, set apart for communication kernels "
                                        "alone; default 0: none")));
  properties.emplace_back("graphs", graphs_schema());
  properties.emplace_back("deepep", deepep_schema());
  properties.emplace_back("chunk", reference("bytes"));
  properties.emplace_back("launch", reference("duration"));
  return closed_object(
      std::move(properties), {},
      "How collectives run: algorithms, the largest message (\"0 B\": as the algorithm likes), "
      "and the time before the first message");
}

/// Built-in workloads by their keys; others by their kind alone.
JsonValue workload_schema(const Builtins& builtins, const Catalog& catalog) {
  std::vector<JsonValue> kinds;
  for (const std::string& name : builtins.workloads.names()) {
    if (name == "transformer_training") {
      kinds.push_back(transformer_training_schema(catalog));
    } else if (name == "collective") {
      kinds.push_back(collective_benchmark_schema());
    } else if (name == "sequence_parallel_attention") {
      kinds.push_back(sequence_parallel_attention_schema());
    } else if (name == "tensor_parallel_sublayer") {
      kinds.push_back(tensor_parallel_sublayer_schema());
    } else if (name == "transformer_inference") {
      kinds.push_back(transformer_inference_schema(catalog));
    } else if (name == "heterogeneous_sequence_parallel") {
      kinds.push_back(heterogeneous_sequence_parallel_schema(catalog));
    } else if (name.ends_with("_replay")) {
      kinds.push_back(replay_schema(name));
    } else {
      kinds.push_back(json_object(
          {{"type", text("object")},
           {"properties", json_object({{"kind", json_object({{"const", json_string(name)}})}})},
           {"required", json_array({text("kind")})}}));
    }
  }
  return json_object({{"description", text("What is asked; `orrery list workloads`")},
                      {"oneOf", json_array(std::move(kinds))}});
}

JsonValue fabric_schema() {
  return json_object(
      {{"description", text("Who moves messages, and how they share links; default: native")},
       {"oneOf",
        json_array(
            {closed_object({{"engine", json_object({{"const", text("native")}})},
                            {"share_policy",
                             enumeration({"max_min", "rtt_weighted"},
                                         "weights: equal, or the inverse of a route's latency")}},
                           {}, "orrery's own engine"),
             closed_object({{"engine", json_object({{"const", text("simgrid")}})},
                            {"model", enumeration({"CM02", "LV08"}, "SimGrid's network model")}},
                           {"engine"}, "SimGrid, in orrery-simgrid")})}});
}

}  // namespace

JsonValue scenario_schema(const Builtins& builtins, const Catalog& catalog) {
  JsonValue definitions = json_object(
      {{"bytes", quantity("^[0-9.]+ ?([kKMGT]?B|[KMGT]iB)$", "an amount of data: \"4 MiB\"")},
       {"duration", quantity("^[0-9.]+ ?(ps|ns|us|ms|s|min|h)$", "a time: \"5 us\"")}});
  JsonValue cost = closed_object(
      {{"kind", enumeration(builtins.cost_models.names(), "`orrery list cost_models`")},
       {"attention", enumeration({"rate", "blocks"},
                                 "of tiled_roofline: by the rate of `math`, or by "
                                 "FlashAttention's blocks, whole ones on the device's cores; "
                                 "default rate")}},
      {"kind"}, "How kernels are priced; default: roofline");
  JsonValue schema = closed_object(
      {{"orrery", json_object({{"const", json_integer(1)},
                               {"description", text("version of the scenario form")}})},
       {"name", described("string", "what the summary calls the run")},
       {"description", described("string", "for people")},
       {"seed", or_wrapped(count(0, "from which every random stream comes; default 0"))},
       {"cluster", catalogue_reference(catalog, {"clusters", "nodes"},
                                       "The machine; `orrery list clusters`, or one node")},
       {"workload", workload_schema(builtins, catalog)},
       {"collectives", collectives_schema(builtins)},
       {"cost", std::move(cost)},
       {"fabric", fabric_schema()},
       {"variability", variability_schema()},
       {"faults", faults_schema()}},
      {"orrery", "cluster", "workload"}, "An orrery scenario");
  Members head = {{"$schema", text("https://json-schema.org/draft/2020-12/schema")},
                  {"title", text("orrery scenario")},
                  {"$defs", std::move(definitions)}};
  for (auto member = head.rbegin(); member != head.rend(); ++member) {
    schema.members.insert(schema.members.begin(),
                          {std::move(member->first), std::move(member->second)});
  }
  return schema;
}

}  // namespace orrery
