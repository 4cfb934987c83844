#include <algorithm>
#include <cstdio>
#include <utility>

#include "tools/orrery/configurations.hpp"

namespace orrery {
namespace {

std::string figure_line(const Configurations::Figure& figure) {
  char line[320];
  const bool seconds = figure.measure == Configurations::Measure::seconds;
  const double scale = seconds ? 1 : 100;
  std::snprintf(
      line, sizeof line,
      seconds ? "  %-56s s %7.2f %7.2f %+7.2f   %s%s%s\n" : "  %-58s %7.1f %7.1f %+7.1f   %s%s%s\n",
      figure.name.c_str(), scale * figure.published, scale * figure.simulated,
      scale * figure.difference(),
      figure.goal ? (std::to_string(static_cast<int>(100 * *figure.goal + 0.5)) +
                     (figure.reaches_goal() ? " reached" : " missed"))
                        .c_str()
                  : "",
      figure.fitted ? "  fitted" : "", figure.holds() ? "" : "  LIMIT MISSED");
  return line;
}

/// So many runs of the first configuration are one of that, as its figures say.
double times_of_first(const Configurations& all, std::size_t configuration) {
  for (const Configurations::Figure& figure : all.figures) {
    if (figure.configuration == configuration && figure.over == 0) return figure.over_times;
  }
  return 1;
}

/// Speedups over the first configuration, or shares of it, as the first figure is.
std::string case_table(const Configurations& all) {
  char cell[80];
  const bool shares = all.figures.front().measure == Configurations::Measure::share;
  std::string text =
      (shares ? "  share of " : "  speedup over ") + all.configurations.front().name + "\n";
  std::snprintf(cell, sizeof cell, "  %-28s", "");
  text += cell;
  for (std::size_t c = 1; c < all.configurations.size(); ++c) {
    std::snprintf(cell, sizeof cell, " %14s", all.configurations[c].name.c_str());
    text += cell;
  }
  text += "\n";
  for (const Configurations::Case& of : all.cases) {
    std::snprintf(cell, sizeof cell, "  %-28s", of.label.c_str());
    text += cell;
    for (std::size_t c = 1; c < of.values.size(); ++c) {
      const double ratio = times_of_first(all, c) * of.values[0].front() / of.values[c].front();
      std::snprintf(cell, sizeof cell, " %14.3f", shares ? 1 / ratio : ratio);
      text += cell;
    }
    text += "\n";
  }
  return text;
}

JsonValue figure_json(const Configurations& all, const Configurations::Figure& figure) {
  JsonValue item =
      json_object({{"name", json_string(figure.name)},
                   {"configuration", json_string(all.configurations[figure.configuration].name)},
                   {"published", json_real(figure.published)},
                   {"source", json_string(figure.source)},
                   {"simulated", json_real(figure.simulated)},
                   {"difference", json_real(figure.difference())},
                   {"fitted", json_boolean(figure.fitted)},
                   {"holds", json_boolean(figure.holds())}});
  if (figure.goal) {
    item.members.push_back({"goal", json_real(*figure.goal)});
    item.members.push_back({"reaches_goal", json_boolean(figure.reaches_goal())});
  }
  if (figure.limit) {
    item.members.push_back({"limit", json_real(*figure.limit)});
    item.members.push_back({"reason", json_string(figure.reason)});
  }
  return item;
}

JsonValue case_json(const Configurations& all, const Configurations::Case& of) {
  std::vector<std::pair<std::string, JsonValue>> values;
  for (std::size_t c = 0; c < of.values.size(); ++c) {
    std::vector<std::pair<std::string, JsonValue>> by_pointer;
    for (std::size_t p = 0; p < all.pointers.size(); ++p) {
      if (of.values[c][p] == of.values[c][p]) {  // not NaN: the result has it
        by_pointer.emplace_back(all.pointers[p], json_real(of.values[c][p]));
      }
    }
    values.emplace_back(all.configurations[c].name, json_object(std::move(by_pointer)));
  }
  return json_object(
      {{"label", json_string(of.label)}, {"values", json_object(std::move(values))}});
}

}  // namespace

std::string to_text(const Configurations& all) {
  std::string text = all.name + ": " + all.description + "\n  " + all.source + "\n\n";
  char line[200];
  std::snprintf(line, sizeof line, "  %-58s %7s %7s %7s   %s\n", "in percent", "publ.", "ours",
                "diff.", "goal (points)");
  text += line;
  for (const Configurations::Figure& figure : all.figures) text += figure_line(figure);
  text += "\n" + case_table(all);
  for (const Configurations::Order& order : all.orders) {
    text += "\n  " + (order.group.empty() ? "each case" : order.group + ", each case") +
            " slower than the next:";
    for (const std::size_t c : order.configurations) text += " " + all.configurations[c].name;
    const std::size_t broken = order.broken.size();
    text += broken == 0 ? "; holds for all\n"
                        : "; broken " + std::to_string(broken) + " times" +
                              (broken <= order.allowed ? "\n" : ", LIMIT MISSED\n");
    for (const std::string& each : order.broken) text += "    " + each + "\n";
  }
  if (!all.missing.empty()) text += "\n  not to be had here\n";
  for (const Configurations::Missing& each : all.missing) {
    text += "    " + each.name + ": published " + each.published + "; " + each.why + "\n";
  }
  return text + "\n";
}

JsonValue to_json(const Configurations& all) {
  std::vector<JsonValue> figures;
  for (const Configurations::Figure& figure : all.figures) {
    figures.push_back(figure_json(all, figure));
  }
  std::vector<JsonValue> cases;
  for (const Configurations::Case& of : all.cases) cases.push_back(case_json(all, of));
  std::vector<JsonValue> broken;
  for (const Configurations::Order& order : all.orders) {
    for (const std::string& each : order.broken) broken.push_back(json_string(each));
  }
  std::vector<JsonValue> missing;
  for (const Configurations::Missing& each : all.missing) {
    missing.push_back(json_object({{"name", json_string(each.name)},
                                   {"published", json_string(each.published)},
                                   {"why", json_string(each.why)}}));
  }
  return json_object({{"orrery_reproduce", json_integer(1)},
                      {"name", json_string(all.name)},
                      {"description", json_string(all.description)},
                      {"source", json_string(all.source)},
                      {"holds", json_boolean(all.holds())},
                      {"figures", json_array(std::move(figures))},
                      {"cases", json_array(std::move(cases))},
                      {"order_broken", json_array(std::move(broken))},
                      {"missing", json_array(std::move(missing))}});
}

}  // namespace orrery
