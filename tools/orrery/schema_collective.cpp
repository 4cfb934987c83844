#include <string>
#include <utility>
#include <vector>

#include "sim/graph/op_kind.hpp"
#include "tools/orrery/schema_forms.hpp"

namespace orrery {

using schema::closed_object;
using schema::count;
using schema::enumeration;
using schema::or_wrapped;
using schema::reference;
using schema::text;

JsonValue collective_benchmark_schema() {
  std::vector<std::string> kinds;
  for (const CollectiveKind kind : kCollectiveKinds) kinds.emplace_back(to_string(kind));
  JsonValue matrix = json_object(
      {{"type", text("array")},
       {"items", json_object({{"type", text("array")}, {"items", reference("bytes")}})},
       {"description", text("what each rank of a group sends each other: a row for each sender")}});
  JsonValue exponent = or_wrapped(json_object({{"type", text("number")},
                                               {"minimum", json_integer(0)},
                                               {"maximum", json_integer(10)},
                                               {"description", text("0: equal parts")}}));
  JsonValue law =
      closed_object({{"kind", enumeration({"zipf"}, "the law")}, {"exponent", std::move(exponent)}},
                    {"kind", "exponent"},
                    "each rank sends `size` in all, the k-th favoured receiver gets a "
                    "part in proportion to (k+1)^-exponent; who that is, says the seed");
  return closed_object(
      {{"kind", json_object({{"const", text("collective")}})},
       {"collective", enumeration(kinds, "which")},
       {"size", reference("bytes")},
       {"sizes", json_object({{"anyOf", json_array({std::move(matrix), std::move(law)})}})},
       {"ranks", or_wrapped(count(1, "the first so many devices; default: all"))},
       {"group", or_wrapped(count(1, "consecutive ranks that run it together; default: all"))},
       {"root", or_wrapped(count(0, "position in each group, of those that have one; default 0"))},
       {"repeat", or_wrapped(count(1, "times one after another; default 1"))},
       {"at_once", or_wrapped(count(1, "times side by side; default 1"))}},
      {"kind", "collective"},
      "Collectives alone, as nccl-tests runs them; sizes as nccl-tests defines them. all_to_all_v "
      "needs `sizes`, a law also `size`; of a barrier `size` is that of a signal, default 0 B; all "
      "others need `size`");
}

}  // namespace orrery
