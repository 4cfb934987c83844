#include "tools/orrery/measured_collectives.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/collective_times.hpp"
#include "tools/orrery/libraries.hpp"
#include "tools/orrery/measured_deepep.hpp"
#include "tools/orrery/op_table.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeader = "op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency";
constexpr std::size_t kColumns = 6;
constexpr double kMilli = 1e-3;
constexpr std::int64_t kMostElements = std::int64_t{1} << 50;
constexpr RatioRange kLimits = {0, 10};

const std::map<std::string, CollectiveKind> kKinds = {
    {"all_reduce", CollectiveKind::all_reduce},
    {"all_gather", CollectiveKind::all_gather},
    {"reduce_scatter", CollectiveKind::reduce_scatter},
    {"alltoall", CollectiveKind::all_to_all},
    {"send_recv", CollectiveKind::gather},
    {"broadcast", CollectiveKind::broadcast}};
const std::map<std::string, std::int64_t> kElementBytes = {
    {"half", 2}, {"bfloat16", 2}, {"float", 4}, {"int8", 1}};

template <class Number>
std::optional<Number> number_from(const std::string& text, Number least, Number most) {
  std::istringstream stream(text);
  Number value{};
  if (!(stream >> value) || !stream.eof() || value < least || value > most) return std::nullopt;
  return value;
}

/// Which rows of a table were fitted.
struct Split {
  std::int64_t every = 0;  // 0: none
  Bytes below{};           // 0: of any size
  Bytes apart{};           // up to here neither fitted nor judged
};

/// Of more than a third those with the highest draws were not.
void keep_a_third(std::vector<MeasuredCollective>& rows) {
  std::vector<MeasuredCollective*> fitted;
  for (MeasuredCollective& row : rows) {
    if (row.fitted) fitted.push_back(&row);
  }
  std::sort(fitted.begin(), fitted.end(),
            [](const auto* a, const auto* b) { return a->draw < b->draw; });
  for (std::size_t i = rows.size() / 3; i < fitted.size(); ++i) fitted[i]->fitted = false;
}

/// A line of a table; nothing when it is none.
std::optional<MeasuredCollective> row_from(const std::string& line, const std::string& table,
                                           const Split& split) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  if (fields.size() != kColumns) return std::nullopt;
  const auto kind = kKinds.find(fields[0]);
  const auto bytes = kElementBytes.find(fields[2]);
  const auto ranks = number_from<int>(fields[3], 2, 1 << 20);
  const auto elements = number_from<std::int64_t>(fields[4], 1, kMostElements);
  const auto latency = number_from<double>(fields[5], 1e-9, 1e12);
  if (kind == kKinds.end() || bytes == kElementBytes.end() || !ranks || !elements || !latency) {
    return std::nullopt;
  }
  // A send of one to another is a gather of two, whose size is that of both parts.
  const std::int64_t parts = kind->second == CollectiveKind::gather ? 2 : 1;
  const Bytes size = parts * *elements * Bytes(bytes->second);
  const std::string key = table + "," + fields[0] + "," + fields[2] + "," + fields[3] + "," +
                          std::to_string(size.count());
  MeasuredCollective row;
  row.kind = kind->second;
  row.datatype = fields[2];
  row.ranks = *ranks;
  row.size = size;
  row.measured_s = *latency * kMilli;
  row.draw = crc32_of(key);
  row.apart = size <= split.apart;
  row.fitted = !row.apart && split.every > 0 && row.draw % split.every == 0 &&
               (split.below == Bytes(0) || size < split.below);
  return row;
}

void read_table(JsonCursor& place, const std::string& folder, const Split& split,
                MeasuredSystem& system) {
  const fs::path path = fs::path(folder) / place.as_string();
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    throw IoError("cannot read the table " + path.string());
  }
  if (line != kHeader) {
    place.error("expected a table with the columns " + std::string(kHeader) + ", found " +
                json_string(line).describe());
    return;
  }
  for (int number = 2; std::getline(file, line); ++number) {
    const auto row = row_from(line, path.stem().string(), split);
    if (!row || row->ranks > system.cluster.device_count()) {
      place.error("line " + std::to_string(number) +
                  " of the table: expected a collective, a type, 2 to " +
                  std::to_string(system.cluster.device_count()) +
                  " ranks, a size and a time, found " + json_string(line).describe());
      return;
    }
    system.rows.push_back(*row);
  }
}

void read_limits(JsonCursor limits, MeasuredSystem& system) {
  if (!limits.present()) return;
  system.median_limit = limits.at("median").as_ratio(kLimits);
  system.ninth_limit = limits.at("ninth_decile").as_ratio(kLimits);
  system.reason = limits.at("reason").as_string();
  limits.reject_unknown_keys();
}

/// Of several that were read.
MeasuredSystem read_together(JsonCursor cursor, const std::vector<MeasuredSystem>& systems) {
  MeasuredSystem system;
  system.label = cursor.at("label").as_string();
  std::vector<std::string> labels;
  for (const MeasuredSystem& before : systems) labels.push_back(before.label);
  JsonCursor together = cursor.at("together");
  for (JsonCursor& item : together.items()) {
    const auto at = std::find(labels.begin(), labels.end(), item.as_choice(labels));
    if (at == labels.end()) continue;
    system.together.push_back(static_cast<std::size_t>(at - labels.begin()));
  }
  if (together.items().empty()) together.expected("at least one label");
  read_limits(cursor.find("limits"), system);
  cursor.reject_unknown_keys();
  return system;
}

Split read_split(JsonCursor& cursor, MeasuredSystem& system) {
  Split split;
  split.every = cursor.find("fitted_every").as_count({.minimum = 2});
  if (auto below = cursor.find("fitted_below"); below.present()) split.below = below.as_bytes();
  if (JsonCursor apart = cursor.find("apart"); apart.present()) {
    split.apart = apart.at("up_to").as_bytes();
    system.apart_reason = apart.at("reason").as_string();
    apart.reject_unknown_keys();
  }
  return split;
}

MeasuredSystem read_system(JsonCursor cursor, const std::string& folder) {
  MeasuredSystem system;
  system.label = cursor.at("label").as_string();
  const std::size_t before = cursor.diagnostics().items().size();
  system.cluster = read_cluster(cursor.at("cluster"));
  JsonCursor library = cursor.find("library");
  system.library = library.present() ? library.as_choice(collective_libraries()) : "nccl";
  if (JsonCursor graphs = cursor.find("graphs"); graphs.present()) {
    system.graphs = read_nccl_graphs(graphs, system.cluster.node.nic_bonding);
  }
  const bool tokens = system.library == "deepep";
  JsonCursor table = cursor.at(tokens ? "deepep" : "table");
  const Split split = tokens ? Split{} : read_split(cursor, system);
  read_limits(cursor.find("limits"), system);
  cursor.reject_unknown_keys();
  if (cursor.diagnostics().items().size() > before) return system;
  if (tokens) {
    read_measured_deepep(table, folder, system);
  } else {
    read_table(table, folder, split, system);
  }
  keep_a_third(system.rows);
  if (cursor.diagnostics().items().size() == before && system.spread(false).rows == 0) {
    table.error("expected rows that were not fitted");
  }
  return system;
}

ErrorSpread spread_over(std::vector<double> errors) {
  if (errors.empty()) return {};
  std::sort(errors.begin(), errors.end());
  return {.rows = errors.size(),
          .median = errors[errors.size() / 2],
          .ninth_decile = errors[errors.size() * 9 / 10],
          .maximum = errors.back()};
}

}  // namespace

double MeasuredCollective::error() const {
  return std::abs(simulated_s / measured_s - 1);
}

ErrorSpread MeasuredSystem::spread(bool fitted, std::optional<CollectiveKind> kind) const {
  std::vector<double> errors;
  for (const MeasuredCollective& row : rows) {
    if (row.apart || row.fitted != fitted || (kind && row.kind != *kind)) continue;
    errors.push_back(row.error());
  }
  return spread_over(std::move(errors));
}

ErrorSpread MeasuredSystem::spread_apart() const {
  std::vector<double> errors;
  for (const MeasuredCollective& row : rows) {
    if (row.apart) errors.push_back(row.error());
  }
  return spread_over(std::move(errors));
}
bool MeasuredSystem::holds() const {
  const ErrorSpread over = spread(false);
  return (!median_limit || over.median <= *median_limit) &&
         (!ninth_limit || over.ninth_decile <= *ninth_limit);
}

bool MeasuredCollectives::reaches_goal(const MeasuredSystem& system) const {
  const ErrorSpread over = system.spread(false);
  return over.median <= median_goal.value_or(over.median) &&
         over.ninth_decile <= ninth_goal.value_or(over.ninth_decile);
}

bool MeasuredCollectives::holds() const {
  return std::all_of(systems.begin(), systems.end(),
                     [](const MeasuredSystem& system) { return system.holds(); });
}

std::optional<MeasuredCollectives> load_measured_collectives(const std::string& folder,
                                                             const std::string& name,
                                                             const Catalog& catalog) {
  JsonValue document = load_reproduce_file(folder);
  if (document.find("measured") == nullptr) return std::nullopt;
  Diagnostics mistakes;
  catalog.resolve(document, mistakes);
  mistakes.throw_if_any();
  JsonCursor root(document, mistakes);
  MeasuredCollectives measured;
  static_cast<ReproduceFile&>(measured) = read_reproduce_head(root, name);
  JsonCursor systems = root.at("measured");
  for (JsonCursor& item : systems.items()) {
    measured.systems.push_back(item.find("together").present()
                                   ? read_together(item, measured.systems)
                                   : read_system(item, folder));
  }
  if (JsonCursor goal = root.find("goal"); goal.present()) {
    measured.median_goal = goal.at("median").as_ratio(kLimits);
    measured.ninth_goal = goal.at("ninth_decile").as_ratio(kLimits);
    goal.reject_unknown_keys();
  }
  if (measured.systems.empty()) systems.expected("at least one system");
  root.reject_unknown_keys();
  mistakes.throw_if_any();
  return measured;
}

void simulate(MeasuredCollectives& measured, const Builtins& builtins) {
  for (MeasuredSystem& system : measured.systems) {
    std::map<std::tuple<CollectiveKind, std::string, int, DeepEpOptions>,
             std::unique_ptr<CollectiveTimes>>
        known;
    for (MeasuredCollective& row : system.rows) {
      auto& times = known[{row.kind, row.datatype, row.ranks, row.deepep}];
      if (times == nullptr) {
        times =
            std::make_unique<CollectiveTimes>(CollectiveQuestion{.kind = row.kind,
                                                                 .cluster = system.cluster.name,
                                                                 .ranks = row.ranks,
                                                                 .library = system.library,
                                                                 .floats = row.datatype != "int8",
                                                                 .graphs = system.graphs,
                                                                 .deepep = row.deepep},
                                              system.cluster, builtins);
        system.constants = times->provenance();
      }
      const CollectiveTime time = times->time_of(row.size);
      row.simulated_s = to_seconds(time.time);
      row.algorithm = time.algorithm;
      row.protocol = time.protocol;
    }
    for (const std::size_t of : system.together) {
      const MeasuredSystem& part = measured.systems[of];
      system.rows.insert(system.rows.end(), part.rows.begin(), part.rows.end());
      system.cluster.name = part.cluster.name;
      system.constants = part.constants;
    }
  }
}

}  // namespace orrery
