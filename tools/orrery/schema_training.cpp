#include <utility>

#include "tools/orrery/schema_forms.hpp"
#include "workloads/schedule/pipeline_schedule.hpp"

namespace orrery {
namespace {

using schema::catalogue_reference;
using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::or_wrapped;
using schema::parallel;
using schema::placement;
using schema::reference;
using schema::text;

/// workloads/sequence_lengths.cpp reads it.
JsonValue sequences_schema() {
  return closed_object(
      {{"kind", enumeration({"fixed", "packed", "variable"},
                            "one sequence a row, several, or rows cut from documents")},
       {"lengths", schema::lengths("of packed they add up to the sequence length")}},
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

JsonValue host_schema() {
  return closed_object({{"kernel", reference("duration")},
                        {"issue", reference("duration")},
                        {"step", reference("duration")},
                        {"token", reference("duration")}},
                       {},
                       "What the host takes to issue a kernel; to issue all of a step, beside the "
                       "device; once a step and for each token of its sequences, while the device "
                       "waits; default: 0");
}

/// workloads/offload_settings.cpp reads it.
JsonValue offload_schema() {
  JsonValue activations = closed_object(
      {{"layers", count(1, "the first of each stage")},
       {"prefetch", count(0, "units of the network that they come back ahead; default: 1")}},
      {"layers"}, "Layers whose saved activations wait in the host's memory");
  return closed_object({{"optimizer_states", described("boolean", "whether they stay there")},
                        {"activations", std::move(activations)}},
                       {}, "What is kept in the memory of the node's host; default: nothing");
}

}  // namespace

JsonValue transformer_training_schema(const Catalog& catalog) {
  return closed_object(
      {{"kind", json_object({{"const", text("transformer_training")}})},
       {"network", catalogue_reference(catalog, {"networks"}, "the neural network")},
       {"parallel",
        parallel({{"sequence_parallel", described("boolean", "Megatron sequence parallelism")},
                  {"sequence", shared_sequences_schema()}})},
       {"placement", placement()},
       {"sequence_length", or_wrapped(count(1, "tokens of a sequence"))},
       {"sequences", sequences_schema()},
       {"micro_batch", or_wrapped(count(1, "sequences that go through a stage at once"))},
       {"global_batch", or_wrapped(count(1, "sequences of a step"))},
       {"precision", enumeration({"bf16", "fp16", "fp8"},
                                 "of weights and activations; fp8: products of layers")},
       {"gradient_precision", enumeration({"fp32", "bf16"}, "of accumulated gradients")},
       {"gradient_bucket", reference("bytes")},
       {"gradient_memory",
        enumeration({"kept", "set_to_none"}, "gradients from step to step; default: kept")},
       {"host", host_schema()},
       {"runtime_memory", reference("bytes")},
       {"attention", enumeration({"flash", "materialized"}, "how attention is computed")},
       {"dropout", described("boolean", "whether dropout masks are kept")},
       {"kernels", enumeration({"fused", "megatron"}, "what runs as a pass of its own")},
       {"architecture", schema::architecture()},
       {"pipeline_transfers", pipeline_transfers_schema()},
       {"schedule", schedule_schema()},
       {"stages", json_object({{"type", text("array")},
                               {"items", count(0, "layers")},
                               {"description", text("layers of each stage, first to last")}})},
       {"recompute", recompute_schema()},
       {"sharding", sharding_schema()},
       {"gradient_clipping", described("boolean", "whether the norm of all gradients is taken")},
       {"offload", offload_schema()}},
      {"kind", "network", "sequence_length", "micro_batch", "global_batch"},
      "One training step of a dense decoder-only transformer");
}

}  // namespace orrery
