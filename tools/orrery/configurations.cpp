#include "tools/orrery/configurations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/json_number.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/run.hpp"

namespace orrery {
namespace {

using Measure = Configurations::Measure;
using Statistic = Configurations::Statistic;

constexpr RatioRange kFigures = {0, 1000};
constexpr RatioRange kTimes = {1e-6, 1e6};

/// Reads the form; scenarios bring their own mistakes when they run.
class Reader {
 public:
  Reader(Configurations& into, Diagnostics& mistakes) : into_(&into), mistakes_(&mistakes) {}

  void read(JsonCursor& root) {
    JsonCursor configurations = root.at("configurations");
    for (const std::string& name : configurations.keys()) {
      JsonCursor each = configurations.at(name);
      names_.push_back(name);
      into_->configurations.push_back({name, each.at("about").as_string(), set_of(each)});
      each.reject_unknown_keys();
    }
    JsonCursor cases = root.at("cases");
    for (JsonCursor& item : cases.items()) read_case(item);
    JsonCursor figures = root.at("figures");
    for (JsonCursor& item : figures.items()) read_figure(item);
    JsonCursor orders = root.find("orders");
    if (orders.present()) {
      for (JsonCursor& item : orders.items()) read_order(item);
    }
    JsonCursor missing = root.find("missing");
    if (missing.present()) {
      for (JsonCursor& item : missing.items()) read_missing(item);
    }
    root.reject_unknown_keys();
  }

 private:
  void read_missing(JsonCursor& cursor) {
    into_->missing.push_back({cursor.at("name").as_string(), cursor.at("published").as_string(),
                              cursor.at("why").as_string()});
    cursor.reject_unknown_keys();
  }

  static JsonValue set_of(JsonCursor& cursor) {
    JsonCursor set = cursor.find("set");
    return set.present() ? set.value() : json_object({});
  }

  void read_case(JsonCursor& cursor) {
    Configurations::Case read;
    read.label = cursor.at("label").as_string();
    JsonCursor groups = cursor.at("groups");
    for (JsonCursor& item : groups.items()) {
      read.groups.push_back(item.as_string());
      groups_.push_back(read.groups.back());
    }
    read.set = set_of(cursor);
    JsonCursor set_for = cursor.find("set_for");
    if (set_for.present()) {
      read.set_for = set_for.value();
      for (const std::string& name : set_for.keys()) {
        if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
          set_for.at(name).error("no such configuration");
        }
      }
    }
    cursor.reject_unknown_keys();
    into_->cases.push_back(std::move(read));
  }

  std::size_t index_of(JsonCursor cursor, const std::vector<std::string>& names) {
    const auto found = std::find(names.begin(), names.end(), cursor.as_choice(names));
    return found == names.end() ? 0 : static_cast<std::size_t>(found - names.begin());
  }

  std::size_t pointer_of(JsonCursor cursor) {
    const std::string pointer = cursor.as_string();
    const auto found = std::find(into_->pointers.begin(), into_->pointers.end(), pointer);
    if (found == into_->pointers.end()) {
      into_->pointers.push_back(pointer);
      return into_->pointers.size() - 1;
    }
    return static_cast<std::size_t>(found - into_->pointers.begin());
  }

  static std::optional<double> limit_of(JsonCursor cursor) {
    if (!cursor.present()) return std::nullopt;
    return cursor.as_ratio({0, 10});
  }

  void read_figure(JsonCursor& cursor) {
    Configurations::Figure figure;
    figure.name = cursor.at("name").as_string();
    figure.configuration = index_of(cursor.at("configuration"), names_);
    figure.pointer = pointer_of(cursor.at("pointer"));
    figure.measure = static_cast<Measure>(
        index_of(cursor.at("measure"), {"speedup", "saving", "slowdown", "share", "seconds"}));
    const bool alone = figure.measure == Measure::seconds;
    figure.over = alone ? figure.configuration : index_of(cursor.at("over"), names_);
    if (JsonCursor times = cursor.find("over_times"); times.present()) {
      if (alone)
        times.error("seconds are those of one configuration: over_times has nothing to count");
      figure.over_times = times.as_ratio(kTimes);
    }
    figure.statistic =
        static_cast<Statistic>(index_of(cursor.at("statistic"), {"geomean", "maximum", "mean"}));
    if (alone && figure.statistic == Statistic::geomean) {
      cursor.at("statistic").expected("\"mean\" or \"maximum\", of seconds");
    }
    figure.group = cursor.at("group").as_choice(groups_);
    JsonCursor published = cursor.at("published");
    figure.published = published.as_ratio(kFigures);
    figure.source = published.source();
    if (published.present() && figure.source.empty()) {
      published.error("expected {\"value\": …, \"source\": …}: a figure without its source");
    }
    figure.goal = limit_of(cursor.find("goal"));
    figure.limit = limit_of(cursor.find("limit"));
    JsonCursor fitted = cursor.find("fitted");
    figure.fitted = fitted.present() && fitted.as_boolean();
    JsonCursor reason = figure.limit ? cursor.at("reason") : cursor.find("reason");
    figure.reason = reason.as_string();
    cursor.reject_unknown_keys();
    into_->figures.push_back(std::move(figure));
  }

  void read_order(JsonCursor& cursor) {
    Configurations::Order order;
    JsonCursor names = cursor.at("slowest_first");
    for (JsonCursor& item : names.items()) {
      order.configurations.push_back(index_of(item, names_));
    }
    order.group = cursor.at("group").as_choice(groups_);
    JsonCursor allowed = cursor.find("allowed");
    if (allowed.present()) {
      order.allowed = static_cast<std::size_t>(allowed.as_count());
      order.reason = cursor.at("reason").as_string();
    }
    cursor.reject_unknown_keys();
    into_->orders.push_back(std::move(order));
  }

  Configurations* into_;
  Diagnostics* mistakes_;
  std::vector<std::string> names_;
  std::vector<std::string> groups_;
};

bool is_in(const Configurations::Case& of, const std::string& group) {
  return std::find(of.groups.begin(), of.groups.end(), group) != of.groups.end();
}

void put_all(JsonValue& document, const JsonValue& set, Diagnostics& mistakes) {
  for (const JsonValue::Member& member : set.members) {
    const std::string mistake = set_at(document, member.key, member.value);
    if (!mistake.empty()) report_at(member.value, mistake, mistakes);
  }
}

/// What a case gives in a configuration, by pointer.
std::vector<double> run_one(const Configurations& all, const Configurations::Case& of,
                            const Configurations::Configuration& as, const Builtins& builtins,
                            const Catalog& catalog) {
  JsonValue document = all.scenario;
  Diagnostics mistakes;
  put_all(document, of.set, mistakes);
  put_all(document, as.set, mistakes);
  if (const JsonValue* more = of.set_for.find(as.name)) put_all(document, *more, mistakes);
  const Scenario scenario =
      scenario_from(std::move(document), std::move(mistakes), builtins, catalog);
  const Job job = build_job(scenario);
  SimulatedJob simulated(scenario, job, builtins, Folding::where_alike);
  const Run run = run_scenario(scenario, job, simulated, builtins, {});
  const JsonValue result = to_json(run.result, scenario);
  std::vector<double> values;
  for (const std::string& pointer : all.pointers) {
    values.push_back(
        number_of(value_at(result, pointer)).value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return values;
}

double measured(Measure measure, double value, double over) {
  if (measure == Measure::seconds) return value;
  if (measure == Measure::speedup) return over / value;
  if (measure == Measure::share) return value / over;
  return measure == Measure::saving ? 1 - value / over : value / over - 1;
}

/// A geometric mean is taken of the ratios themselves.
void take(const Configurations& all, Configurations::Figure& figure) {
  double logarithms = 0;
  double most = -std::numeric_limits<double>::infinity();
  double count = 0;
  double sum = 0;
  double sum_over = 0;
  for (const Configurations::Case& of : all.cases) {
    if (!is_in(of, figure.group)) continue;
    const double value = of.values[figure.configuration][figure.pointer];
    const double over = of.values[figure.over][figure.pointer] * figure.over_times;
    logarithms += std::log(value / over);
    most = std::max(most, measured(figure.measure, value, over));
    sum += value;
    sum_over += over;
    ++count;
  }
  if (figure.statistic == Statistic::mean) {
    figure.simulated = measured(figure.measure, sum / count, sum_over / count);
    return;
  }
  figure.simulated = figure.statistic == Statistic::maximum
                         ? most
                         : measured(figure.measure, std::exp(logarithms / count), 1);
}

void take(const Configurations& all, Configurations::Order& order) {
  for (const Configurations::Case& of : all.cases) {
    if (!is_in(of, order.group)) continue;
    for (std::size_t i = 0; i + 1 < order.configurations.size(); ++i) {
      const double slower = of.values[order.configurations[i]].front();
      const double faster = of.values[order.configurations[i + 1]].front();
      const bool last = i + 2 == order.configurations.size();
      if (last ? faster <= slower : faster < slower) continue;
      order.broken.push_back(of.label + ": " + all.configurations[order.configurations[i]].name +
                             " " + std::to_string(slower * 1e3) + " ms, " +
                             all.configurations[order.configurations[i + 1]].name + " " +
                             std::to_string(faster * 1e3) + " ms");
    }
  }
}

}  // namespace

bool Configurations::Figure::reaches_goal() const {
  return !goal || std::abs(difference()) <= *goal;
}
bool Configurations::Figure::holds() const {
  return !limit || std::abs(difference()) <= *limit;
}
bool Configurations::holds() const {
  return std::all_of(figures.begin(), figures.end(), [](const Figure& f) { return f.holds(); }) &&
         std::all_of(orders.begin(), orders.end(),
                     [](const Order& order) { return order.broken.size() <= order.allowed; });
}

std::optional<Configurations> load_configurations(const std::string& folder,
                                                  const std::string& name) {
  const JsonValue document = load_reproduce_file(folder);
  if (document.find("configurations") == nullptr) return std::nullopt;
  Diagnostics mistakes;
  JsonCursor root(document, mistakes);
  Configurations read;
  static_cast<ReproduceFile&>(read) = read_reproduce_head(root, name);
  const std::string scenario = root.at("scenario").as_string();
  Reader(read, mistakes).read(root);
  mistakes.throw_if_any();
  read.scenario = load_json(folder + "/" + scenario, folder + "/" + scenario);
  return read;
}

void simulate(Configurations& configurations, const Builtins& builtins, const Catalog& catalog) {
  for (Configurations::Case& of : configurations.cases) {
    for (const Configurations::Configuration& as : configurations.configurations) {
      of.values.push_back(run_one(configurations, of, as, builtins, catalog));
    }
  }
  for (Configurations::Figure& figure : configurations.figures) take(configurations, figure);
  for (Configurations::Order& order : configurations.orders) take(configurations, order);
}

}  // namespace orrery
