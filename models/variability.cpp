#include "models/variability.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "models/link_names.hpp"

namespace orrery {
namespace {

// assumed: slower by more than this is a failure, which is another matter than variability.
constexpr RatioRange kShare = {.minimum = 0.001, .maximum = 1};
constexpr RatioRange kLatencyFactor = {.minimum = 1, .maximum = 1'000'000};

struct NamedLaw {
  std::string_view name;
  JitterLaw::Kind kind;
  double greatest;  // coefficient of variation
};
// A normal factor below 0 (4 standard deviations at 0.25: 3e-5) has no meaning; uniform and
// exponential factors begin at 1 - sqrt(3) cv and 1 - cv. The lognormal is limited by taste.
constexpr std::array<NamedLaw, 5> kLaws = {{{"none", JitterLaw::Kind::none, 0},
                                            {"normal", JitterLaw::Kind::normal, 0.25},
                                            {"lognormal", JitterLaw::Kind::lognormal, 10},
                                            {"exponential", JitterLaw::Kind::exponential, 1},
                                            {"uniform", JitterLaw::Kind::uniform, 0.577}}};

JitterLaw read_law(JsonCursor cursor) {
  JitterLaw law;
  if (!cursor.present()) return law;
  const std::string name =
      cursor.at("kind").as_choice({"none", "normal", "lognormal", "exponential", "uniform"});
  const auto* const named = std::find_if(kLaws.begin(), kLaws.end(),
                                         [&](const NamedLaw& entry) { return entry.name == name; });
  if (named != kLaws.end() && named->kind != JitterLaw::Kind::none) {
    law.kind = named->kind;
    law.coefficient_of_variation =
        cursor.at("coefficient_of_variation").as_ratio({.minimum = 0, .maximum = named->greatest});
  } else {
    cursor.has("coefficient_of_variation");
  }
  cursor.reject_unknown_keys();
  return law;
}

/// A factor that may be left out.
double factor(JsonCursor cursor, RatioRange range) {
  return cursor.present() ? cursor.as_ratio(range) : 1;
}

/// Ranks one by one, [3, 5], or from the first to the last, {"from": 8, "to": 15}.
std::vector<Rank> read_ranks(JsonCursor cursor, std::int64_t devices) {
  std::vector<Rank> ranks;
  if (!cursor.present()) return ranks;
  const CountRange range = {.minimum = 0, .maximum = devices - 1};
  if (cursor.value().kind == JsonValue::Kind::array) {
    for (JsonCursor item : cursor.items()) ranks.push_back(static_cast<Rank>(item.as_count(range)));
  } else if (cursor.value().kind == JsonValue::Kind::object) {
    const std::int64_t first = cursor.at("from").as_count(range);
    const std::int64_t last = cursor.at("to").as_count({.minimum = first, .maximum = devices - 1});
    for (std::int64_t rank = first; rank <= last; ++rank) ranks.push_back(static_cast<Rank>(rank));
    cursor.reject_unknown_keys();
  } else {
    cursor.expected(R"(a list of ranks or {"from": first, "to": last})");
  }
  return ranks;
}

void read_device(JsonCursor entry, const Fabric* fabric, Variability& variability,
                 std::vector<bool>& named) {
  JsonCursor math = entry.find("speed");
  JsonCursor memory = entry.find("memory_speed");
  const Variability::DeviceSpeed speed{factor(math, kShare), factor(memory, kShare)};
  JsonCursor ranks = entry.at("ranks");
  entry.reject_unknown_keys();
  if (ranks.present() && !math.present() && !memory.present()) {
    entry.expected(R"("speed" or "memory_speed" beside "ranks")");
  }
  if (fabric == nullptr) return;
  const std::size_t mistakes = entry.diagnostics().count();
  const std::vector<Rank> listed = read_ranks(ranks, fabric->devices());
  if (entry.diagnostics().count() > mistakes) return;  // what was wrong has been read as 0
  for (const Rank rank : listed) {
    const auto index = static_cast<std::size_t>(rank);
    if (named[index]) {
      ranks.error("rank " + std::to_string(rank) + " is named twice");
      return;
    }
    named[index] = true;
    variability.devices[index] = speed;
  }
}

void read_devices(JsonCursor list, const Fabric* fabric, Variability& variability) {
  if (!list.present()) return;
  const std::size_t count = fabric == nullptr ? 0 : static_cast<std::size_t>(fabric->devices());
  variability.devices.resize(count);
  std::vector<bool> named(count);
  for (JsonCursor entry : list.items()) read_device(entry, fabric, variability, named);
  const auto nominal = [](const Variability::DeviceSpeed& speed) {
    return speed.math == 1 && speed.memory == 1;
  };
  if (std::all_of(variability.devices.begin(), variability.devices.end(), nominal)) {
    variability.devices.clear();
  }
}

void read_links(JsonCursor list, const Fabric* fabric, Variability& variability) {
  if (!list.present()) return;
  std::vector<bool> named(fabric == nullptr ? 0 : fabric->links().size());
  std::unique_ptr<LinkNames> names;
  for (JsonCursor entry : list.items()) {
    JsonCursor name = entry.at("name");
    JsonCursor capacity = entry.find("capacity");
    JsonCursor latency = entry.find("latency");
    Variability::DegradedLink degraded{0, factor(capacity, kShare),
                                       factor(latency, kLatencyFactor)};
    entry.reject_unknown_keys();
    if (name.present() && !capacity.present() && !latency.present()) {
      entry.expected(R"("capacity" or "latency" beside "name")");
    }
    if (!name.present() || fabric == nullptr) continue;
    if (names == nullptr) names = std::make_unique<LinkNames>(*fabric);
    for (const int link : names->find(name)) {
      degraded.link = link;
      if (named[static_cast<std::size_t>(link)]) name.error("this link is named twice");
      named[static_cast<std::size_t>(link)] = true;
      variability.links.push_back(degraded);
    }
  }
}

}  // namespace

Variability read_variability(JsonCursor section, const Fabric* fabric, std::uint64_t seed) {
  Variability variability;
  variability.seed = seed;
  read_devices(section.find("devices"), fabric, variability);
  read_links(section.find("links"), fabric, variability);
  variability.kernel_jitter = read_law(section.find("kernel_jitter"));
  variability.launch_jitter = read_law(section.find("launch_jitter"));
  section.reject_unknown_keys();
  return variability;
}

void degrade_links(const Variability& variability, Fabric& fabric) {
  for (const Variability::DegradedLink& link : variability.links) {
    fabric.degrade(link.link, link.capacity, link.latency);
  }
}

}  // namespace orrery
