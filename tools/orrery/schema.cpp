#include "tools/orrery/schema.hpp"

#include <utility>

#include "workloads/schedule/pipeline_schedule.hpp"

namespace orrery {
namespace {

using Members = std::vector<std::pair<std::string, JsonValue>>;

JsonValue text(const char* value) {
  return json_string(value);
}

JsonValue described(const char* type, const char* description) {
  return json_object({{"type", text(type)}, {"description", text(description)}});
}

JsonValue reference(const char* definition) {
  return json_object({{"$ref", json_string(std::string("#/$defs/") + definition)}});
}

JsonValue enumeration(const std::vector<std::string>& names, const char* description) {
  std::vector<JsonValue> items;
  for (const std::string& name : names) {
    items.push_back(json_string(name));
  }
  return json_object({{"enum", json_array(std::move(items))}, {"description", text(description)}});
}

JsonValue count(std::int64_t minimum, const char* description) {
  return json_object({{"type", text("integer")},
                      {"minimum", json_integer(minimum)},
                      {"description", text(description)}});
}

/// A fact may stand in a wrapper with its source: {"value": …, "source": "…"}.
JsonValue or_wrapped(const JsonValue& plain) {
  JsonValue wrapped =
      json_object({{"type", text("object")},
                   {"properties",
                    json_object({{"value", plain}, {"source", described("string", "where from")}})},
                   {"required", json_array({text("value")})},
                   {"additionalProperties", json_boolean(false)}});
  return json_object({{"anyOf", json_array({plain, std::move(wrapped)})}});
}

JsonValue quantity(const char* pattern, const char* description) {
  return or_wrapped(json_object(
      {{"type", text("string")}, {"pattern", text(pattern)}, {"description", text(description)}}));
}

JsonValue closed_object(Members properties, std::vector<std::string> required,
                        const char* description) {
  std::vector<JsonValue> names;
  for (std::string& name : required) {
    names.push_back(json_string(std::move(name)));
  }
  return json_object({{"type", text("object")},
                      {"description", text(description)},
                      {"properties", json_object(std::move(properties))},
                      {"required", json_array(std::move(names))},
                      {"additionalProperties", json_boolean(false)}});
}

/// A name of the catalogue, a file, or an object: {"use": …, "with": {…}} or everything in place.
JsonValue catalogue_reference(const Catalog& catalog, const std::vector<std::string>& kinds,
                              const char* description) {
  std::vector<std::string> names;
  for (const std::string& kind : kinds) {
    for (const Catalog::Entry& entry : catalog.list(kind)) {
      names.push_back(entry.name);
    }
  }
  JsonValue name = json_object(
      {{"anyOf",
        json_array({enumeration(names, "an entry of the catalogue"),
                    json_object({{"type", text("string")},
                                 {"pattern", text("/|\\.json$")},
                                 {"description", text("a file, relative to this one")}})})}});
  JsonValue object = json_object(
      {{"type", text("object")},
       {"properties",
        json_object(
            {{"use", name},
             {"with", described("object", "fields of the entry to override (RFC 7396)")}})}});
  return json_object({{"description", text(description)},
                      {"anyOf", json_array({std::move(name), std::move(object)})}});
}

JsonValue collectives_schema(const Builtins& builtins) {
  Members properties;
  for (const auto kind :
       {CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
        CollectiveKind::all_to_all, CollectiveKind::broadcast}) {
    const std::string name{to_string(kind)};
    std::vector<std::string> algorithms = {"auto"};
    for (const std::string& entry : builtins.collectives.names()) {
      if (entry.starts_with(name + "/")) {
        algorithms.push_back(entry.substr(name.size() + 1));
      }
    }
    properties.emplace_back(name, enumeration(algorithms, "the algorithm that runs it"));
  }
  properties.emplace_back("chunk", reference("bytes"));
  properties.emplace_back("launch", reference("duration"));
  return closed_object(
      std::move(properties), {},
      "How collectives run: algorithms, the largest message (\"0 B\": as the algorithm likes), "
      "and the time before the first message");
}

JsonValue parallel_schema() {
  return closed_object(
      {{"tensor", count(1, "ranks that share each layer")},
       {"pipeline", count(1, "stages")},
       {"data", count(1, "replicas; default: as many as the cluster has room for")},
       {"sequence_parallel", described("boolean", "Megatron sequence parallelism")}},
      {}, "Degrees of parallelism; their product is the number of devices");
}

/// workloads/sequence_lengths.cpp reads it.
JsonValue sequences_schema() {
  return closed_object(
      {{"kind", enumeration({"fixed", "packed"}, "one sequence a row, or several")},
       {"lengths", json_object({{"type", text("array")},
                                {"items", or_wrapped(count(1, "tokens"))},
                                {"description", text("add up to the sequence length")}})}},
      {"kind"}, "How rows of the micro-batch are made of sequences; default: fixed");
}

JsonValue schedule_schema() {
  return closed_object(
      {{"kind", enumeration(builtin_pipeline_schedulers().names(), "order of a stage's passes")},
       {"virtual_stages", count(1, "chunks of a stage; of interleaved")}},
      {"kind"}, "How the pipeline works; default: 1f1b");
}

JsonValue pipeline_transfers_schema() {
  return closed_object(
      {{"blocking", described("boolean", "whether a stage waits until what it sends has left")},
       {"scatter_gather", described("boolean", "whether each tensor rank sends a part only")}},
      {}, "How stages hand over; default: neither");
}

JsonValue recompute_schema() {
  return closed_object({{"kind", enumeration({"none", "selective", "full"}, "what of a layer")},
                        {"every", count(1, "layers from one checkpoint to the next; of full")}},
                       {"kind"}, "What the backward pass computes again; default: none");
}

JsonValue sharding_schema() {
  return closed_object(
      {{"kind", enumeration({"none", "zero1", "zero2", "zero3", "fsdp"},
                            "what is divided: optimizer, gradients too, weights too")},
       {"group", count(1, "ranks that hold one copy together; default: all data-parallel ranks")},
       {"prefetch", count(0, "units gathered ahead; of sharded weights")},
       {"reshard_after_forward", described("boolean", "of sharded weights; default: true")}},
      {"kind"}, "What data-parallel ranks divide; default: none");
}

/// Keys of the workload "transformer_training"; workloads/training_settings.cpp reads them.
JsonValue transformer_training_schema(const Catalog& catalog) {
  const JsonValue axis = enumeration({"tensor", "data", "pipeline"}, "an axis");
  return closed_object(
      {{"kind", json_object({{"const", text("transformer_training")}})},
       {"network", catalogue_reference(catalog, {"networks"}, "the neural network")},
       {"parallel", parallel_schema()},
       {"placement",
        json_object({{"type", text("array")},
                     {"items", axis},
                     {"minItems", json_integer(3)},
                     {"maxItems", json_integer(3)},
                     {"description", text("axes of the ranks, fastest varying first")}})},
       {"sequence_length", or_wrapped(count(1, "tokens of a sequence"))},
       {"sequences", sequences_schema()},
       {"micro_batch", or_wrapped(count(1, "sequences that go through a stage at once"))},
       {"global_batch", or_wrapped(count(1, "sequences of a step"))},
       {"precision", enumeration({"bf16", "fp16", "fp8"},
                                 "of weights and activations; fp8: products of layers")},
       {"gradient_precision", enumeration({"fp32", "bf16"}, "of accumulated gradients")},
       {"gradient_bucket", reference("bytes")},
       {"attention", enumeration({"flash", "materialized"}, "how attention is computed")},
       {"dropout", described("boolean", "whether dropout masks are kept")},
       {"kernels", enumeration({"fused", "megatron"}, "what runs as a pass of its own")},
       {"pipeline_transfers", pipeline_transfers_schema()},
       {"schedule", schedule_schema()},
       {"stages", json_object({{"type", text("array")},
                               {"items", count(0, "layers")},
                               {"description", text("layers of each stage, first to last")}})},
       {"recompute", recompute_schema()},
       {"sharding", sharding_schema()},
       {"gradient_clipping", described("boolean", "whether the norm of all gradients is taken")}},
      {"kind", "network", "sequence_length", "micro_batch", "global_batch"},
      "One training step of a dense decoder-only transformer");
}

/// Built-in workloads by their keys; others by their kind alone.
JsonValue workload_schema(const Builtins& builtins, const Catalog& catalog) {
  std::vector<JsonValue> kinds;
  for (const std::string& name : builtins.workloads.names()) {
    if (name == "transformer_training") {
      kinds.push_back(transformer_training_schema(catalog));
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

}  // namespace

JsonValue scenario_schema(const Builtins& builtins, const Catalog& catalog) {
  JsonValue definitions = json_object(
      {{"bytes", quantity("^[0-9.]+ ?([kKMGT]?B|[KMGT]iB)$", "an amount of data: \"4 MiB\"")},
       {"duration", quantity("^[0-9.]+ ?(ps|ns|us|ms|s|min|h)$", "a time: \"5 us\"")}});
  JsonValue cost = json_object(
      {{"type", text("object")},
       {"description", text("How kernels are priced; default: roofline")},
       {"properties", json_object({{"kind", enumeration(builtins.cost_models.names(),
                                                        "`orrery list cost_models`")}})},
       {"required", json_array({text("kind")})}});
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
       {"cost", std::move(cost)}},
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
