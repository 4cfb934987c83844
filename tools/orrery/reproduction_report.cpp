#include "tools/orrery/reproduction_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/json_number.hpp"

namespace orrery {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string value_text(double value, FigureUnit unit) {
  switch (unit) {
    case FigureUnit::seconds:
      return value < 0.1 ? format("%.2f ms", value * 1e3) : format("%.2f s", value);
    case FigureUnit::bytes:
      return to_text(Bytes(std::llround(value)));
    case FigureUnit::tokens_per_second:
      return format("%.2f", value);
    case FigureUnit::ratio:
      return format("%.3f", value);
  }
  return "?";
}

std::string_view name_of(FigureUnit unit) {
  switch (unit) {
    case FigureUnit::seconds:
      return "s";
    case FigureUnit::bytes:
      return "bytes";
    case FigureUnit::tokens_per_second:
      return "tokens/s";
    case FigureUnit::ratio:
      break;
  }
  return "ratio";
}

std::string agreement_text(const Agreement& agreement) {
  return format("mean %.1f %%, maximum %.1f %%", 100 * agreement.mean, 100 * agreement.maximum);
}

std::size_t widest_label(const Reproduction& reproduction) {
  std::size_t width = 0;
  for (const ReproducedCase& each : reproduction.cases) {
    width = std::max(width, each.label.size());
  }
  return width;
}

std::string rows(const Reproduction& reproduction, const ReproductionReport& report,
                 std::size_t figure, CaseRole role) {
  const auto width = static_cast<int>(widest_label(reproduction));
  const FigureUnit unit = reproduction.figures[figure].unit;
  std::string text;
  for (const Comparison& each : report.comparisons) {
    const ReproducedCase& of = reproduction.cases[each.of_case];
    if (each.figure == figure && of.role == role) {
      text += format("    %-*s  %10s  %10s  %+9.1f %%\n", width, of.label.c_str(),
                     value_text(each.published, unit).c_str(),
                     value_text(each.simulated, unit).c_str(), 100 * each.difference());
    }
  }
  return text;
}

std::string figure_text(const Reproduction& reproduction, const ReproductionReport& report,
                        std::size_t index) {
  const ReproducedFigure& figure = reproduction.figures[index];
  const auto width = static_cast<int>(widest_label(reproduction));
  std::string text = format("  %-*s  %10s  %10s  %11s\n", width + 2, figure.name.c_str(),
                            "published", "simulated", "difference");
  text += rows(reproduction, report, index, CaseRole::given);
  text += "    " + agreement_text(report.agreement(reproduction, index, CaseRole::given));
  text += format("; limits %.1f %% and %.1f %%: %s\n", 100 * figure.mean_limit,
                 100 * figure.maximum_limit, report.holds(reproduction, index) ? "hold" : "MISSED");
  for (const auto& [role, name] :
       {std::pair(CaseRole::fitted, "fitted"), std::pair(CaseRole::held_out, "held out")}) {
    const Agreement beside = report.agreement(reproduction, index, role);
    if (beside.count == 0) continue;
    text += std::string("  ") + name + ", counted by no limit\n" +
            rows(reproduction, report, index, role) + "    " + agreement_text(beside) + "\n";
  }
  return text + "\n";
}

JsonValue to_json(const Agreement& agreement) {
  return json_object({{"cases", json_integer(static_cast<std::int64_t>(agreement.count))},
                      {"mean", json_real(agreement.mean)},
                      {"maximum", json_real(agreement.maximum)}});
}

JsonValue to_json(const Reproduction& reproduction, const ReproductionReport& report,
                  std::size_t index) {
  const ReproducedFigure& figure = reproduction.figures[index];
  std::vector<JsonValue> cases;
  for (const Comparison& each : report.comparisons) {
    if (each.figure != index) {
      continue;
    }
    const ReproducedCase& of = reproduction.cases[each.of_case];
    const auto value =
        std::find_if(of.published.begin(), of.published.end(),
                     [&](const PublishedValue& published) { return published.figure == index; });
    const bool over_full = std::find(report.over_full.begin(), report.over_full.end(),
                                     each.of_case) != report.over_full.end();
    cases.push_back(json_object({{"label", json_string(of.label)},
                                 {"held_out", json_boolean(of.role == CaseRole::held_out)},
                                 {"fitted", json_boolean(of.role == CaseRole::fitted)},
                                 {"published", json_real(each.published)},
                                 {"source", json_string(value->source)},
                                 {"simulated", json_real(each.simulated)},
                                 {"difference", json_real(each.difference())},
                                 {"fits", json_boolean(!over_full)},
                                 {"scenario_fnv1a", json_string(of.scenario.hash)}}));
  }
  return json_object(
      {{"name", json_string(figure.name)},
       {"pointer", json_string(figure.pointer)},
       {"unit", json_string(std::string(name_of(figure.unit)))},
       {"limits", json_object({{"mean", json_real(figure.mean_limit)},
                               {"maximum", json_real(figure.maximum_limit)},
                               {"reason", json_string(figure.reason)}})},
       {"given", to_json(report.agreement(reproduction, index, CaseRole::given))},
       {"fitted", to_json(report.agreement(reproduction, index, CaseRole::fitted))},
       {"held_out", to_json(report.agreement(reproduction, index, CaseRole::held_out))},
       {"holds", json_boolean(report.holds(reproduction, index))},
       {"cases", json_array(std::move(cases))}});
}

}  // namespace

Agreement ReproductionReport::agreement(const Reproduction& reproduction, std::size_t figure,
                                        CaseRole role) const {
  Agreement agreement;
  for (const Comparison& each : comparisons) {
    if (each.figure == figure && reproduction.cases[each.of_case].role == role) {
      const double error = std::abs(each.difference());
      ++agreement.count;
      agreement.mean += error;
      agreement.maximum = std::max(agreement.maximum, error);
    }
  }
  if (agreement.count > 0) {
    agreement.mean /= static_cast<double>(agreement.count);
  }
  return agreement;
}

bool ReproductionReport::holds(const Reproduction& reproduction, std::size_t figure) const {
  const Agreement given = agreement(reproduction, figure, CaseRole::given);
  const ReproducedFigure& limits = reproduction.figures[figure];
  return given.mean <= limits.mean_limit && given.maximum <= limits.maximum_limit;
}

bool ReproductionReport::holds(const Reproduction& reproduction) const {
  bool all = wrong_verdicts.empty();
  for (std::size_t figure = 0; figure < reproduction.figures.size(); ++figure) {
    all = all && holds(reproduction, figure);
  }
  return all;
}

namespace {

/// Says at the figure what a case's result has in place of a number.
Diagnostic no_number(const ReproducedFigure& figure, const JsonValue& result,
                     const std::string& label) {
  const JsonValue* found = value_at(result, figure.pointer);
  return {figure.place.file ? *figure.place.file : "", figure.place.pointer,
          "expected a pointer to a number in the result, found " +
              (found == nullptr ? "nothing there" : found->describe()) + " in that of case " +
              json_string(label).describe()};
}

}  // namespace

void compare(const Reproduction& reproduction, std::size_t of_case, const JsonValue& result,
             ReproductionReport& report) {
  Diagnostics mistakes;
  const ReproducedCase& of = reproduction.cases[of_case];
  const std::size_t count = reproduction.figures.size();
  report.simulated.resize(reproduction.cases.size(), std::vector<std::optional<double>>(count));
  for (std::size_t figure = 0; figure < count; ++figure) {
    report.simulated[of_case][figure] =
        number_of(value_at(result, reproduction.figures[figure].pointer));
  }
  for (const PublishedValue& published : of.published) {
    const std::size_t figure = published.figure;
    const std::optional<double> own = report.simulated[of_case][figure];
    const std::optional<double> base =
        of.relative_to ? report.simulated[*of.relative_to][figure] : std::optional(1.0);
    if (!own || !base) {
      mistakes.add(no_number(reproduction.figures[figure], result, of.label));
      continue;
    }
    report.comparisons.push_back({of_case, figure, published.value, *own / *base});
  }
  mistakes.throw_if_any();
  const JsonValue* fits = result.find("fits");
  const bool does_fit = fits == nullptr || fits->boolean;
  if (of.fits) {
    ++report.verdicts;
    if (*of.fits != does_fit) report.wrong_verdicts.push_back(of_case);
  } else if (!does_fit) {
    report.over_full.push_back(of_case);
  }
}

std::string to_text(const Reproduction& reproduction, const ReproductionReport& report) {
  std::string text =
      reproduction.name + ": " + reproduction.description + "\n  " + reproduction.source + "\n\n";
  for (std::size_t figure = 0; figure < reproduction.figures.size(); ++figure) {
    text += figure_text(reproduction, report, figure);
  }
  if (report.verdicts > 0) {
    text += "  fits in memory or not, as published: " +
            std::to_string(report.verdicts - report.wrong_verdicts.size()) + " of " +
            std::to_string(report.verdicts) + " cases\n";
  }
  for (const std::size_t index : report.wrong_verdicts) {
    const ReproducedCase& of = reproduction.cases[index];
    text += "  MISSED: " + of.label +
            (*of.fits ? ": does not fit in the simulated memory\n"
                      : ": fits in the simulated memory, and did not\n");
  }
  for (const std::size_t index : report.over_full) {
    text += "  warning: " + reproduction.cases[index].label +
            ": does not fit in the simulated memory; the published run did\n";
  }
  return text;
}

JsonValue to_json(const Reproduction& reproduction, const ReproductionReport& report) {
  std::vector<JsonValue> figures;
  for (std::size_t figure = 0; figure < reproduction.figures.size(); ++figure) {
    figures.push_back(to_json(reproduction, report, figure));
  }
  return json_object(
      {{"orrery_reproduce", json_integer(1)},
       {"name", json_string(reproduction.name)},
       {"description", json_string(reproduction.description)},
       {"source", json_string(reproduction.source)},
       {"holds", json_boolean(report.holds(reproduction))},
       {"verdicts", json_integer(static_cast<std::int64_t>(report.verdicts))},
       {"wrong_verdicts", json_integer(static_cast<std::int64_t>(report.wrong_verdicts.size()))},
       {"figures", json_array(std::move(figures))}});
}

}  // namespace orrery
