#include <utility>

#include "tools/orrery/schema_forms.hpp"

namespace orrery {
namespace {

using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::or_wrapped;
using schema::reference;
using schema::text;

JsonValue number(double minimum, double maximum, const char* description) {
  return or_wrapped(json_object({{"type", text("number")},
                                 {"minimum", json_real(minimum)},
                                 {"maximum", json_real(maximum)},
                                 {"description", text(description)}}));
}

JsonValue list_of(JsonValue item) {
  return json_object({{"type", text("array")}, {"items", std::move(item)}});
}

}  // namespace

JsonValue variability_schema() {
  JsonValue ranks = json_object(
      {{"anyOf",
        json_array({list_of(count(0, "a rank")),
                    closed_object({{"from", count(0, "the first")}, {"to", count(0, "the last")}},
                                  {"from", "to"}, "ranks in a row")})}});
  JsonValue device =
      closed_object({{"ranks", std::move(ranks)},
                     {"speed", number(0.001, 1, "share of the math rate that is left")},
                     {"memory_speed", number(0.001, 1, "share of the memory bandwidth")}},
                    {"ranks"}, "Slow devices");
  JsonValue link =
      closed_object({{"name", described("string", "as in result.json, say \"device 0 -> switch\"")},
                     {"capacity", number(0.001, 1, "share of the capacity that is left")},
                     {"latency", number(1, 1e6, "factor of the latency")}},
                    {"name"}, "A slow link");
  const JsonValue law = closed_object(
      {{"kind", enumeration({"none", "normal", "lognormal", "exponential", "uniform"}, "the law")},
       {"coefficient_of_variation", number(0, 10, "standard deviation / mean")}},
      {"kind"}, "The distribution of a factor with mean 1");
  return closed_object({{"devices", list_of(std::move(device))},
                        {"links", list_of(std::move(link))},
                        {"kernel_jitter", law},
                        {"launch_jitter", law}},
                       {}, "What differs from the catalogue, and jitter, which the seed decides");
}

JsonValue faults_schema() {
  const JsonValue yes = json_object({{"const", json_boolean(true)}});
  JsonValue fault = closed_object(
      {{"at", reference("duration")},
       {"link", described("string", "one direction, as `orrery topology --links` names it")},
       {"switch", described("string", "or adapter or device, with all its links: \"leaf 0\"")},
       {"node", count(0, "a node with the links inside it and of its adapters")},
       {"both_directions", described("boolean", "of a link; default: the one it names alone")},
       {"down", yes},
       {"up", yes},
       {"capacity", number(0.001, 1, "share of the nominal capacity that is left")}},
      {"at"}, "One of link, switch and node, and one of down, up and capacity");
  JsonValue list = list_of(std::move(fault));
  list.members.insert(list.members.begin(),
                      {"description", text("What happens to links at a time, from the start")});
  return list;
}

}  // namespace orrery
