#include <string>
#include <utility>
#include <vector>

#include "tools/orrery/schema_forms.hpp"
#include "workloads/sequence/sequence_method.hpp"

namespace orrery {

using schema::closed_object;
using schema::count;
using schema::enumeration;
using schema::or_wrapped;
using schema::reference;
using schema::text;

/// All methods, or those of ranks that share sequences in all layers: there megatron_sp is
/// "tensor".
enum class Methods : unsigned char { all, of_all_layers };

static JsonValue sequence_method_schema(Methods which) {
  std::vector<std::string> names = builtin_sequence_methods().names();
  if (which == Methods::of_all_layers) std::erase(names, "megatron_sp");
  JsonValue all_gather = closed_object(
      {{"kind", json_object({{"const", text("all_gather_kv")}})},
       {"gathers", or_wrapped(count(1,
                                    "parts of the key-value heads, each gathered beside the "
                                    "attention of the one before; default 1"))}},
      {"kind"}, "with its keys");
  JsonValue lasp = closed_object(
      {{"kind", enumeration({"lasp", "lasp2"}, "of linear attention")},
       {"overlapped",
        json_object({{"type", text("boolean")},
                     {"description", text("whether the states of other ranks come beside a rank's "
                                          "own attention; default: true")}})}},
      {"kind"}, "with its keys");
  JsonValue usp = closed_object(
      {{"kind", json_object({{"const", text("usp")}})},
       {"ulysses", or_wrapped(count(1, "neighbours that exchange heads; divides the degree"))}},
      {"kind", "ulysses"}, "with its keys");
  return json_object(
      {{"description", text("`orrery list sequence_methods`")},
       {"oneOf", json_array({enumeration(names, "without keys of its own"), std::move(all_gather),
                             std::move(lasp), std::move(usp)})}});
}

JsonValue shared_sequences_schema() {
  return closed_object(
      {{"degree",
        or_wrapped(count(1,
                         "ranks that share each sequence; of P that go around the simulator's own "
                         "time grows as P^2 and a little more"))},
       {"method", sequence_method_schema(Methods::of_all_layers)},
       {"standard_method", sequence_method_schema(Methods::of_all_layers)},
       {"layout", enumeration({"contiguous", "zigzag", "striped"},
                              "which tokens a rank has; default: contiguous with lasp and lasp2, "
                              "else zigzag")}},
      {"degree", "method"},
      "Ranks that hold parts of each sequence in all layers; of lasp and lasp2 standard_method "
      "(default all_gather_kv) is that of layers with a softmax; other methods compute linear "
      "layers "
      "with all pairs of tokens, and the result says so");
}

static JsonValue host_thread_schema() {
  return closed_object({{"kernel", reference("duration")},
                        {"messages", reference("duration")},
                        {"collective", reference("duration")}},
                       {},
                       "What issuing takes a thread of the host, which runs ahead of the device "
                       "where it can: a kernel (and a slice, where kernels are PyTorch's), the "
                       "messages of a round, a collective; default: 0");
}

JsonValue sequence_parallel_attention_schema() {
  JsonValue sequences =
      closed_object({{"kind", enumeration({"fixed", "packed"}, "default fixed: one a row")},
                     {"lengths", schema::lengths("that add up to sequence_length")}},
                    {"kind"}, "The sequences that each row is packed from");
  return closed_object(
      {{"kind", json_object({{"const", text("sequence_parallel_attention")}})},
       {"method", sequence_method_schema(Methods::all)},
       {"degree", or_wrapped(count(1, "ranks of a group; default: all devices"))},
       {"groups", or_wrapped(count(1, "side by side, each with rows of its own; default 1"))},
       {"heads", or_wrapped(count(1, "of queries"))},
       {"kv_heads", or_wrapped(count(1, "of keys and values; default: heads"))},
       {"head_size", or_wrapped(count(1, "elements"))},
       {"sequence_length", or_wrapped(count(1, "tokens of a row, on all ranks of a group"))},
       {"sequences", std::move(sequences)},
       {"batch", or_wrapped(count(1, "rows; default 1"))},
       {"mask", enumeration({"causal", "full"}, "default causal")},
       {"layout", enumeration({"contiguous", "zigzag", "striped"},
                              "which tokens a rank has; default zigzag with a causal mask")},
       {"precision", enumeration({"bf16", "fp16"}, "default bf16")},
       {"gradient_precision",
        enumeration({"fp32", "bf16", "fp16"},
                    "in which dK and dV are summed and sent; default: precision")},
       {"linear_block",
        or_wrapped(count(
            0, "of linear attention: tokens that its kernels take at once; default 0, a softmax"))},
       {"pass", enumeration({"forward", "forward_backward"}, "default forward")},
       {"kernels", enumeration({"fused", "scripted", "pytorch"},
                               "merges of partial outputs: one kernel (default); one among "
                               "PyTorch's operations; or a pass over memory for each operation")},
       {"repeats", or_wrapped(count(1, "of the layer, one behind the other; default 1"))},
       {"host", host_thread_schema()}},
      {"kind", "method", "heads", "head_size", "sequence_length"},
      "One attention layer whose tokens are divided among ranks");
}

}  // namespace orrery
