#include <string>
#include <utility>
#include <vector>

#include "sim/base/precision.hpp"
#include "tools/orrery/schema_forms.hpp"

namespace orrery {

using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::Members;
using schema::or_wrapped;
using schema::text;

JsonValue replay_schema(const std::string& kind) {
  const char* about_files =
      "the traces, \"{rank}\" standing for 0, 1, …; relative to the file that says it";
  Members keys = {{"kind", json_object({{"const", json_string(kind)}})},
                  {"digest", described("string", "hash of the files, which must be the same")}};
  if (kind == "goal_replay") {
    keys.emplace_back("file", described("string", "the schedule, in GOAL's text form"));
    keys.emplace_back("ranks", count(1, "those of the schedule; passed over"));
    return closed_object(std::move(keys), {"kind", "file"}, "A GOAL schedule, run again");
  }
  keys.emplace_back("files", described("string", about_files));
  if (kind == "chakra_replay") {
    std::vector<std::string> precisions;
    for (const Precision each : kPrecisions) precisions.emplace_back(to_string(each));
    keys.emplace_back("ranks", or_wrapped(count(1, "default: as many as there are files")));
    keys.emplace_back("durations", enumeration({"recorded", "cost_model"},
                                               "what computes take: what the trace says, or what "
                                               "their amounts cost"));
    keys.emplace_back("missing_dependencies",
                      enumeration({"warn", "error"},
                                  "of dependencies on nodes that are not there; default warn"));
    keys.emplace_back("precision",
                      enumeration(precisions, "of computes with bare amounts; default bf16"));
    return closed_object(std::move(keys), {"kind", "files", "durations"},
                         "Chakra execution traces, run again");
  }
  keys.emplace_back("ranks",
                    or_wrapped(count(1,
                                     "with one trace, so many ranks do what it says; default: "
                                     "as many as files, or the trace's world")));
  keys.emplace_back("communication",
                    enumeration({"simulated", "recorded"},
                                "collectives run on the scenario's cluster, or as recorded"));
  return closed_object(std::move(keys), {"kind", "files", "communication"},
                       "What PyTorch's profiler recorded, run again");
}

}  // namespace orrery
