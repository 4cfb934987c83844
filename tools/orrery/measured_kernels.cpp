#include "tools/orrery/measured_kernels.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/calibrations.hpp"
#include "tools/orrery/op_table.hpp"

namespace orrery {
namespace {

constexpr RatioRange kLimits = {0, 10};
const TimeColumn kTimes{"latency", 1e-3};

ErrorPair read_pair(JsonCursor& cursor) {
  return {cursor.at("median").as_ratio(kLimits), cursor.at("ninth_decile").as_ratio(kLimits)};
}

/// Reads the groups, and predicts the rows of their tables.
class Reader {
 public:
  Reader(std::string folder, const Catalog& catalog, const std::string& calibration_folder,
         Diagnostics& mistakes)
      : folder_(std::move(folder)),
        catalog_(&catalog),
        calibrations_(load_calibrations(calibration_folder, models_)),
        mistakes_(&mistakes) {}

  MeasuredKernels::Group read(JsonCursor cursor) {
    MeasuredKernels::Group group;
    group.label = cursor.at("label").as_string();
    if (JsonCursor goal = cursor.find("goal"); goal.present()) {
      group.goal = read_pair(goal);
      goal.reject_unknown_keys();
    }
    if (JsonCursor limits = cursor.find("limits"); limits.present()) {
      group.limits = read_pair(limits);
      group.reason = limits.at("reason").as_string();
      limits.reject_unknown_keys();
    }
    std::vector<double> errors;
    whose_.clear();
    JsonCursor tables = cursor.at("tables");
    for (JsonCursor& table : tables.items()) add_table(table, group, errors);
    cursor.reject_unknown_keys();
    group.error = spread_of(std::move(errors));
    return group;
  }

 private:
  void add_table(JsonCursor& cursor, MeasuredKernels::Group& group, std::vector<double>& errors) {
    const std::string device_name = cursor.at("device").as_string();
    const std::string op = cursor.at("op").as_choice(models_.names());
    const std::string table_name = cursor.at("table").as_string();
    const auto judge = static_cast<int>(cursor.at("judge").as_count({.minimum = 1}));
    JsonCursor place = cursor.find("figures_of");
    const std::string figures_of = place.present() ? place.as_string() : "";
    OpFields only;
    JsonCursor columns = cursor.find("only");
    for (const std::string& name :
         columns.present() ? columns.keys() : std::vector<std::string>{}) {
      only[name] = columns.at(name).as_string();
    }
    cursor.reject_unknown_keys();
    const auto* entry = models_.find(op);
    if (!mistakes_->empty() || entry == nullptr) return;
    std::vector<Calibration> calibrations;
    std::copy_if(
        calibrations_.begin(), calibrations_.end(), std::back_inserter(calibrations),
        [&](const Calibration& each) { return figures_of.empty() || each.device == figures_of; });
    if (calibrations.empty() && place.present()) {
      place.error("no calibration of " + figures_of);
      return;
    }
    const DeviceSpec device = device_named(device_name, folder_ + "/" + kReproduceFile, *catalog_);
    const std::unique_ptr<OpModel> model = entry->make();
    const OpValues values = values_for(op, *model, device, calibrations);
    const std::string figures = model->parameters().empty()
                                    ? "the catalogue"
                                    : values.device + (values.transferred ? ", scaled" : "");
    if (whose_.insert(figures).second) {
      group.figures += (group.figures.empty() ? "" : " and ") + figures;
    }
    const OpTable table = rows_with(only, read_op_table(folder_ + "/" + table_name));
    for (const OpSample& sample : samples_from(table, *model, device, kTimes, judge)) {
      if (!sample.judged) continue;
      errors.push_back(std::abs(
          model->time(sample.shape, device, values.values).seconds() / sample.seconds - 1));
    }
  }

  /// The rows that have these texts in these columns.
  static OpTable rows_with(const OpFields& only, const OpTable& table) {
    OpTable chosen{
        .path = table.path, .header = table.header, .lines = {}, .rows = {}, .numbers = {}};
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      const OpFields& fields = table.rows[row];
      const bool is_one = std::all_of(only.begin(), only.end(), [&](const auto& wanted) {
        const auto field = fields.find(wanted.first);
        return field != fields.end() && field->second == wanted.second;
      });
      if (!is_one) continue;
      chosen.rows.push_back(fields);
      chosen.numbers.push_back(table.numbers[row]);
    }
    return chosen;
  }

  std::set<std::string> whose_;  // figures of the group
  std::string folder_;
  const Catalog* catalog_;
  Registry<OpModelFactory> models_ = builtin_op_models();
  std::vector<Calibration> calibrations_;
  Diagnostics* mistakes_;
};

bool within(const OpError& error, const std::optional<ErrorPair>& limits) {
  return !limits || (error.median <= limits->median && error.percentile_90 <= limits->ninth_decile);
}

JsonValue to_json(const ErrorPair& pair) {
  return json_object(
      {{"median", json_real(pair.median)}, {"ninth_decile", json_real(pair.ninth_decile)}});
}

}  // namespace

bool MeasuredKernels::Group::holds() const {
  return within(error, limits);
}
bool MeasuredKernels::Group::reaches_goal() const {
  return within(error, goal);
}
bool MeasuredKernels::holds() const {
  return std::all_of(groups.begin(), groups.end(),
                     [](const Group& group) { return group.holds(); });
}

std::optional<MeasuredKernels> load_measured_kernels(const std::string& folder,
                                                     const std::string& name,
                                                     const Catalog& catalog,
                                                     const std::string& calibration_folder) {
  const JsonValue document = load_reproduce_file(folder);
  if (document.find("kernels") == nullptr) return std::nullopt;
  Diagnostics mistakes;
  JsonCursor root(document, mistakes);
  MeasuredKernels measured;
  static_cast<ReproduceFile&>(measured) = read_reproduce_head(root, name);
  Reader reader(folder, catalog, calibration_folder, mistakes);
  JsonCursor groups = root.at("kernels");
  for (JsonCursor& item : groups.items()) measured.groups.push_back(reader.read(item));
  root.reject_unknown_keys();
  mistakes.throw_if_any();
  return measured;
}

std::string to_text(const MeasuredKernels& measured) {
  std::string text =
      measured.name + ": " + measured.description + "\n  " + measured.source + "\n\n";
  char line[300];
  std::snprintf(line, sizeof line, "  %-52s %6s %8s %8s   %-15s %s\n", "rows that were not fitted",
                "", "median", "9 of 10", "goal", "figures of");
  text += line;
  for (const MeasuredKernels::Group& group : measured.groups) {
    char goal[60] = "";
    if (group.goal) {
      std::snprintf(goal, sizeof goal, "%.0f, %.0f%s", 100 * group.goal->median,
                    100 * group.goal->ninth_decile, group.reaches_goal() ? "" : " missed");
    }
    std::snprintf(line, sizeof line, "  %-52s %6zu %6.1f %% %6.1f %%   %-15s %s%s\n",
                  group.label.c_str(), group.error.samples, 100 * group.error.median,
                  100 * group.error.percentile_90, goal, group.figures.c_str(),
                  group.holds() ? "" : "; LIMIT MISSED");
    text += line;
  }
  return text + "\n";
}

JsonValue to_json(const MeasuredKernels& measured) {
  std::vector<JsonValue> groups;
  for (const MeasuredKernels::Group& group : measured.groups) {
    JsonValue item =
        json_object({{"label", json_string(group.label)},
                     {"figures_of", json_string(group.figures)},
                     {"rows", json_integer(static_cast<std::int64_t>(group.error.samples))},
                     {"median", json_real(group.error.median)},
                     {"ninth_decile", json_real(group.error.percentile_90)},
                     {"maximum", json_real(group.error.maximum)}});
    if (group.goal) {
      item.members.push_back({"goal", to_json(*group.goal)});
      item.members.push_back({"reaches_goal", json_boolean(group.reaches_goal())});
    }
    if (group.limits) {
      item.members.push_back({"limits", to_json(*group.limits)});
      item.members.push_back({"holds", json_boolean(group.holds())});
    }
    groups.push_back(std::move(item));
  }
  return json_object({{"orrery_reproduce", json_integer(1)},
                      {"name", json_string(measured.name)},
                      {"description", json_string(measured.description)},
                      {"source", json_string(measured.source)},
                      {"holds", json_boolean(measured.holds())},
                      {"groups", json_array(std::move(groups))}});
}

}  // namespace orrery
