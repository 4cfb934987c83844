#include "tools/orrery/schema_forms.hpp"

namespace orrery {

using schema::catalogue_reference;
using schema::closed_object;
using schema::count;
using schema::enumeration;
using schema::or_wrapped;
using schema::parallel;
using schema::placement;
using schema::reference;
using schema::text;

JsonValue transformer_inference_schema(const Catalog& catalog) {
  return closed_object(
      {{"kind", json_object({{"const", text("transformer_inference")}})},
       {"network", catalogue_reference(catalog, {"networks"}, "the neural network")},
       {"parallel", parallel({{"sequence", shared_sequences_schema()}})},
       {"placement", placement()},
       {"batch", or_wrapped(count(1, "sequences of a replica"))},
       {"micro_batches",
        or_wrapped(count(1,
                         "parts of the batch that follow each other through the stages; default: "
                         "as many as stages where that divides the batch, else 1"))},
       {"input_length", or_wrapped(count(1, "tokens of a prompt"))},
       {"output_length", or_wrapped(count(1, "tokens made of it, the first by prefill"))},
       {"precision", enumeration({"bf16", "fp16"}, "of arithmetic and of activations")},
       {"weights_precision", enumeration({"bf16", "fp16", "fp8", "int8", "int4"},
                                         "of stored weights of the layers; default: precision")},
       {"kv_precision", enumeration({"bf16", "fp16", "fp8", "int8"},
                                    "of cached keys and values; default: precision")},
       {"architecture", schema::architecture()},
       {"vocabulary",
        enumeration({"divided", "replicated"},
                    "of embedding and head, among the tensor ranks; default: divided")},
       {"kernels", enumeration({"fused", "gpt_fast"},
                               "whose they are: vLLM's (the default), or PyTorch's gpt-fast")},
       {"launch", enumeration({"graph", "eager"},
                              "decode: a step at once (the default), or kernel by kernel")},
       {"host_launch", reference("duration")},
       {"stream_crossing", reference("duration")}},
      {"kind", "network", "batch", "input_length", "output_length"},
      "Prefill and decode of a batch of equal requests by a dense decoder-only transformer");
}

}  // namespace orrery
