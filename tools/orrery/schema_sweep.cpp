#include "tools/orrery/schema.hpp"
#include "tools/orrery/schema_forms.hpp"

namespace orrery {
namespace {

using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::Members;
using schema::text;

JsonValue either(std::vector<JsonValue> forms) {
  return json_object({{"oneOf", json_array(std::move(forms))}});
}

/// tools/orrery/sweep/axis.cpp reads it.
JsonValue axis_schema() {
  const JsonValue end = json_object({{"type", json_array({text("number"), text("string")})}});
  return either({json_object({{"type", text("array")}, {"minItems", json_integer(1)}}),
                 closed_object({{"from", end},
                                {"to", end},
                                {"times", described("number", "the factor between two values")},
                                {"step", described("number", "the difference of two values")},
                                {"scale", enumeration({"linear", "log"}, "of a sampled range")}},
                               {"from", "to"}, "A range; without steps it is sampled")});
}

JsonValue axes_schema() {
  return json_object({{"type", text("object")},
                      {"description", text("what varies, by JSON pointer into the scenario")},
                      {"additionalProperties", axis_schema()}});
}

}  // namespace

JsonValue sweep_schema(const Builtins& builtins, const Catalog& catalog) {
  JsonValue scenario = scenario_schema(builtins, catalog);
  JsonValue definitions = *scenario.find("$defs");
  std::erase_if(scenario.members, [](const auto& member) {
    return member.key == "$schema" || member.key == "$defs";
  });
  const JsonValue condition = described("string", "an expression; `orrery sweep --help`");
  JsonValue sweep = closed_object(
      {{"base",
        either({described("string", "path of a scenario, from this file"), std::move(scenario)})},
       {"axes", axes_schema()},
       {"zip", json_object({{"type", text("array")}, {"items", axes_schema()}})},
       {"where", either({condition, json_object({{"type", text("array")}, {"items", condition}})})},
       {"sample",
        closed_object({{"kind", enumeration({"random", "latin_hypercube"}, "how points are drawn")},
                       {"points", count(1, "how many")},
                       {"seed", count(0, "of the draws; default 0")}},
                      {"kind", "points"}, "Points drawn instead of the whole grid")},
       {"repeat", closed_object({{"seeds", count(1, "each point with so many seeds")}}, {"seeds"},
                                "Repetitions")}},
      {"base"}, "A scenario and what varies in it");
  JsonValue schema = closed_object({{"orrery", json_object({{"const", json_integer(1)}})},
                                    {"name", described("string", "for people")},
                                    {"description", described("string", "for people")},
                                    {"sweep", std::move(sweep)}},
                                   {"orrery", "sweep"}, "A sweep of orrery");
  schema.members.insert(schema.members.begin(),
                        {{"$schema", text("https://json-schema.org/draft/2020-12/schema")},
                         {"title", text("orrery sweep")},
                         {"$defs", std::move(definitions)}});
  return schema;
}

}  // namespace orrery
