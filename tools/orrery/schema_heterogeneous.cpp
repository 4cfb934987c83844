#include <string>
#include <vector>

#include "tools/orrery/schema_forms.hpp"

namespace orrery {

using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::or_wrapped;
using schema::quantity;
using schema::reference;
using schema::text;

namespace schema {

/// workloads/length_list.cpp reads it.
JsonValue lengths(const char* description) {
  const JsonValue tokens = or_wrapped(count(1, "tokens"));
  const JsonValue file = described("string", "beside the file where this name stands");
  const JsonValue digest = described("string", "of the file; a result has it");
  const JsonValue many = or_wrapped(count(1, "so many are drawn, from the seed"));
  const auto kind = [](const char* name) { return json_object({{"const", text(name)}}); };
  const JsonValue pair = json_object({{"type", text("array")},
                                      {"items", or_wrapped(count(0, "tokens, sequences"))},
                                      {"minItems", json_integer(2)},
                                      {"maxItems", json_integer(2)}});
  JsonValue sigma =
      or_wrapped(json_object({{"type", text("number")},
                              {"minimum", json_integer(0)},
                              {"description", text("standard deviation of the logarithm")}}));
  return json_object(
      {{"description", text(description)},
       {"oneOf",
        json_array(
            {json_object({{"type", text("array")}, {"items", tokens}}),
             closed_object({{"kind", kind("list")}, {"file", file}, {"digest", digest}},
                           {"kind", "file"}, "a file with a length a line"),
             closed_object({{"kind", kind("histogram")},
                            {"file", file},
                            {"digest", digest},
                            {"rows", json_object({{"type", text("array")}, {"items", pair}})},
                            {"count", many}},
                           {"kind", "count"},
                           "lines or rows of a length and how many sequences have it"),
             closed_object({{"kind", kind("log_normal")},
                            {"median", tokens},
                            {"sigma", std::move(sigma)},
                            {"maximum", tokens},
                            {"count", many}},
                           {"kind", "median", "sigma", "count"}, "median * exp(sigma * z)")})}});
}

}  // namespace schema

namespace {

JsonValue bandwidth() {
  return quantity("^[0-9.]+ ?(([kKMGT]?B|[KMGT]iB)/s|[kMGT]?bit/s)$", "of each device");
}

JsonValue cost_schema() {
  JsonValue sizes = json_object({{"type", text("object")},
                                 {"additionalProperties", bandwidth()},
                                 {"description", text("by devices of a group: 2, 4, 8, …; those "
                                                      "that are named may be used, and 1")}});
  return closed_object(
      {{"million_pairs", reference("duration")},
       {"thousand_tokens", reference("duration")},
       {"fixed", reference("duration")},
       {"exchange_bandwidth", std::move(sizes)},
       {"exchange_per_token", reference("bytes")},
       {"fixed_exchange", reference("duration")},
       {"token_memory", reference("bytes")},
       {"memory", reference("bytes")},
       {"fixed_memory", reference("bytes")}},
      {"million_pairs", "thousand_tokens", "fixed", "exchange_bandwidth", "token_memory", "memory"},
      "What the planner supposes of a group (workloads/plan/group_cost.hpp)");
}

JsonValue plan_schema() {
  JsonValue gap = or_wrapped(json_object({{"type", text("number")},
                                          {"minimum", json_integer(0)},
                                          {"maximum", json_integer(1)},
                                          {"description", text("at which it stops")}}));
  return closed_object(
      {{"method", enumeration({"heterogeneous", "batch_adaptive", "fixed"},
                              "groups of different sizes; of one size, the best for the batch; of "
                              "one size that is given")},
       {"group", or_wrapped(count(1, "devices of a group; fixed"))},
       {"buckets", or_wrapped(count(1, "of lengths in a micro-batch; default 16"))},
       {"more_micro_batches", or_wrapped(count(0, "tried beyond the least number; default 4"))},
       {"solver", enumeration({"heuristic", "mixed_integer"}, "COIN-OR CBC after the heuristic")},
       {"nodes", or_wrapped(count(0, "of the solver, for each micro-batch; default 200"))},
       {"time_limit", reference("duration")},
       {"gap", std::move(gap)},
       {"cost", cost_schema()}},
      {"cost"}, "How sequences come to groups");
}

}  // namespace

JsonValue heterogeneous_sequence_parallel_schema(const Catalog& catalog) {
  return closed_object(
      {{"kind", json_object({{"const", text("heterogeneous_sequence_parallel")}})},
       {"network", schema::catalogue_reference(catalog, {"networks"}, "the neural network")},
       {"lengths", schema::lengths("Lengths of sequences, batch after batch")},
       {"maximum_length", or_wrapped(count(1, "longer ones are dropped; default: the network's"))},
       {"global_batch", or_wrapped(count(1, "sequences of a step"))},
       {"batch", or_wrapped(count(0, "which one; default 0"))},
       {"precision", enumeration({"bf16", "fp16"}, "default bf16")},
       {"prefetch", or_wrapped(count(0, "units gathered before their turn; default 1"))},
       {"gradient_passes",
        or_wrapped(count(0, "over a unit's whole gradient before it is reduced; default 0"))},
       {"plan", plan_schema()}},
      {"kind", "network", "lengths", "global_batch", "plan"},
      "A training step over sequences of many lengths in groups of different sizes (FlexSP)");
}

}  // namespace orrery
