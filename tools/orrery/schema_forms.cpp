#include "tools/orrery/schema_forms.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace orrery::schema {

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
             {"with", described("object",
                                "fields of the entry to override (RFC 7396); a fabric or link "
                                "of another kind starts anew")}})}});
  return json_object({{"description", text(description)},
                      {"anyOf", json_array({std::move(name), std::move(object)})}});
}

JsonValue parallel(Members more) {
  Members members = {
      {"tensor", count(1, "ranks that share each layer")},
      {"pipeline", count(1, "stages")},
      {"data", count(1, "replicas; default: as many as the cluster has room for")},
      {"tensor_overlap", enumeration({"none", "triggered"},
                                     "of tensor ranks: whether the stores of products trigger the "
                                     "reductions behind them (T3); default: none")}};
  std::move(more.begin(), more.end(), std::back_inserter(members));
  return closed_object(std::move(members), {},
                       "Degrees of parallelism; their product is the number of devices");
}

JsonValue architecture() {
  return enumeration({"standard", "ladder", "parallel_attention", "upper_bound"},
                     "how a layer's blocks and their all-reduces follow each other");
}

JsonValue placement() {
  return json_object({{"type", text("array")},
                      {"items", enumeration({"tensor", "data", "pipeline"}, "an axis")},
                      {"minItems", json_integer(3)},
                      {"maxItems", json_integer(3)},
                      {"description", text("axes of the ranks, fastest varying first")}});
}

}  // namespace orrery::schema
