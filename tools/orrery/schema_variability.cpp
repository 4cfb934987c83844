#include <utility>

#include "tools/orrery/schema_forms.hpp"

namespace orrery {
namespace {

using schema::closed_object;
using schema::count;
using schema::described;
using schema::enumeration;
using schema::or_wrapped;
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

}  // namespace orrery
