#include <string>
#include <vector>

#include "tools/orrery/schema_forms.hpp"

namespace orrery {

using schema::closed_object;
using schema::count;
using schema::enumeration;
using schema::or_wrapped;
using schema::reference;
using schema::text;

JsonValue tensor_parallel_sublayer_schema() {
  JsonValue share = or_wrapped(json_object(
      {{"type", text("number")},
       {"minimum", json_integer(0)},
       {"maximum", json_integer(1)},
       {"description", text("share of the operands' reads that arithmetic does not hide")}}));
  JsonValue producer = closed_object(
      {{"tile", or_wrapped(count(1, "rows and columns of a workgroup's output; default 128"))},
       {"workgroups", or_wrapped(count(1, "at once; default: the device's cores"))},
       {"band", or_wrapped(count(0, "tiles of a row before the next row follows; default 0: all"))},
       {"cache", reference("bytes")},
       {"cache_ways", or_wrapped(count(1, "lines of a set of the cache; default 16"))},
       {"efficiency_of", enumeration({"product", "main_loop"},
                                     "of what the device's efficiency is; main_loop, for the "
                                     "roofline (other models price waves themselves): the last "
                                     "stage takes as long as others, and stores follow")},
       {"exposed_reads", std::move(share)}},
      {}, "how the matrix product is written for its device; cache: default the device's l2");
  return closed_object(
      {{"kind", json_object({{"const", text("tensor_parallel_sublayer")}})},
       {"sublayer", enumeration({"op", "fc2", "fc1", "ip"},
                                "output projection and second linear map forward, first linear map "
                                "and input projection backward")},
       {"hidden", or_wrapped(count(1, "hidden size of the network"))},
       {"feed_forward", or_wrapped(count(1, "default: 4 hidden"))},
       {"tokens", or_wrapped(count(1, "sequences times their length"))},
       {"tensor", or_wrapped(count(2, "ranks; default: all devices"))},
       {"precision", enumeration({"fp32", "tf32", "bf16", "fp16", "fp8", "int8", "int4"},
                                 "of the product; default fp16")},
       {"communication",
        enumeration({"ring_reduce_scatter", "direct_reduce_scatter", "all_to_all"},
                    "what becomes of the output; an all-gather follows a reduction")},
       {"overlap", enumeration({"none", "reduce_scatter", "all_reduce", "triggered"},
                               "what runs beside the product; triggered: block by block, by the "
                               "device's trigger unit")},
       {"reduction", enumeration({"cores", "near_memory", "library"},
                                 "who adds, where nothing is triggered; library: as the section "
                                 "collectives says")},
       {"blocks", or_wrapped(count(1, "of a chunk; default: its stages"))},
       {"producer", std::move(producer)}},
      {"kind", "sublayer", "hidden", "tokens"},
      "One matrix product of a tensor-parallel layer and the collective behind it (T3)");
}

}  // namespace orrery
