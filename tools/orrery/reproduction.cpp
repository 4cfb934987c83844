#include "tools/orrery/reproduction.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr RatioRange kPositive = {1e-30, std::numeric_limits<double>::max()};

/// Reads reproduce.json; the scenarios of its cases bring their own mistakes.
class Reader {
 public:
  Reader(std::string folder, Reproduction& reproduction, const Builtins& builtins,
         const Catalog& catalog)
      : folder_(std::move(folder)),
        reproduction_(&reproduction),
        builtins_(&builtins),
        catalog_(&catalog) {}

  void read(const std::string& name) {
    const JsonValue document = load_reproduce_file(folder_);
    JsonCursor root(document, mistakes_);
    static_cast<ReproduceFile&>(*reproduction_) = read_reproduce_head(root, name);
    JsonCursor figures = root.at("figures");
    for (JsonCursor& item : figures.items()) {
      read_figure(item);
    }
    JsonCursor cases = root.at("cases");
    for (JsonCursor& item : cases.items()) {
      read_case(item);
    }
    root.reject_unknown_keys();
    if (mistakes_.empty()) {
      check_counts(figures);
    }
    mistakes_.throw_if_any();
  }

 private:
  void read_figure(JsonCursor& cursor) {
    ReproducedFigure figure;
    figure.name = text_at(cursor, "name");
    JsonCursor pointer = cursor.at("pointer");
    figure.pointer = pointer.as_string();
    if (pointer.present()) {
      figure.place = pointer.value().origin;
    }
    const std::string unit = cursor.at("unit").as_choice({"s", "bytes", "tokens/s", "ratio"});
    figure.unit = unit == "bytes"      ? FigureUnit::bytes
                  : unit == "tokens/s" ? FigureUnit::tokens_per_second
                  : unit == "ratio"    ? FigureUnit::ratio
                                       : FigureUnit::seconds;
    JsonCursor limits = cursor.at("limits");
    figure.mean_limit = limits.at("mean").as_ratio();
    figure.maximum_limit = limits.at("maximum").as_ratio();
    figure.reason = text_at(limits, "reason");
    limits.reject_unknown_keys();
    cursor.reject_unknown_keys();
    figure_names_.push_back(figure.name);
    reproduction_->figures.push_back(std::move(figure));
  }

  void read_case(JsonCursor& cursor) {
    ReproducedCase read;
    read.label = text_at(cursor, "label");
    read_role(cursor, read);
    JsonCursor published = cursor.at("published");
    for (const std::string& name : published.keys()) {
      read_published(published.at(name), name, read);
    }
    if (JsonCursor fits = cursor.find("fits"); fits.present()) read.fits = fits.as_boolean();
    JsonCursor place = cursor.at("scenario");
    JsonCursor overrides = cursor.find("set");
    cursor.reject_unknown_keys();
    if (place.present()) {
      read_scenario(place, overrides, read);
    }
    reproduction_->cases.push_back(std::move(read));
  }

  void read_role(JsonCursor& cursor, ReproducedCase& read) {
    JsonCursor fitted = cursor.find("fitted");
    JsonCursor held_out = cursor.find("held_out");
    if (fitted.present() && fitted.as_boolean()) read.role = CaseRole::fitted;
    if (held_out.present() && held_out.as_boolean()) {
      if (read.role == CaseRole::fitted) held_out.error("what was fitted cannot be held out");
      read.role = CaseRole::held_out;
    }
    JsonCursor base = cursor.find("relative_to");
    if (!base.present()) return;
    const std::string label = base.as_string();
    const auto& cases = reproduction_->cases;
    const auto found =
        std::ranges::find_if(cases, [&](const auto& each) { return each.label == label; });
    if (found == cases.end()) {
      base.expected("the label of a case before this one");
    } else if (found->role == CaseRole::held_out && read.role != CaseRole::held_out) {
      base.error("a case that is held out cannot be the base of one that is not");
    } else {
      read.relative_to = static_cast<std::size_t>(found - cases.begin());
    }
  }

  void read_published(JsonCursor place, const std::string& name, ReproducedCase& read) {
    const auto found = std::find(figure_names_.begin(), figure_names_.end(), name);
    if (found == figure_names_.end()) {
      const std::string nearest = nearest_name(name, figure_names_);
      place.error("no figure of this name" +
                  (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
      return;
    }
    const double value = place.as_ratio(kPositive);
    const std::string source = place.source();
    if (source.empty()) {
      place.error("expected {\"value\": …, \"source\": …}: a figure without its source");
    }
    read.published.push_back(
        {static_cast<std::size_t>(found - figure_names_.begin()), value, source});
  }

  /// A file beside reproduce.json, or the scenario itself; then what "set" puts into it.
  void read_scenario(JsonCursor& place, JsonCursor& overrides, ReproducedCase& read) {
    const JsonValue& written = place.value();
    JsonValue document = written;
    if (written.kind == JsonValue::Kind::string) {
      const std::string path = (fs::path(folder_) / written.string).string();
      document = load_json(path, path);
    } else if (written.kind != JsonValue::Kind::object) {
      place.expected("the name of a scenario file beside this one, or a scenario");
      return;
    }
    Diagnostics found;
    for (const std::string& pointer : overrides.keys()) {
      JsonCursor value = overrides.at(pointer);
      const std::string mistake = set_at(document, pointer, value.value());
      if (!mistake.empty()) {
        report_at(value.value(), mistake, found);
      }
    }
    try {
      read.scenario = scenario_from(std::move(document), std::move(found), *builtins_, *catalog_);
    } catch (const ScenarioError& error) {
      for (const Diagnostic& diagnostic : error.diagnostics()) {
        mistakes_.add(diagnostic);
      }
    }
  }

  /// Every figure is judged by something.
  void check_counts(JsonCursor& figures) {
    if (figure_names_.empty()) {
      figures.expected("at least one figure");
    }
    std::vector<JsonCursor> items = figures.items();
    for (std::size_t index = 0; index < items.size(); ++index) {
      const bool repeats =
          std::count(figure_names_.begin(), figure_names_.end(), figure_names_[index]) > 1;
      const auto& cases = reproduction_->cases;
      const bool judged = std::any_of(cases.begin(), cases.end(), [&](const ReproducedCase& each) {
        return each.role == CaseRole::given &&
               std::any_of(each.published.begin(), each.published.end(),
                           [&](const PublishedValue& value) { return value.figure == index; });
      });
      if (repeats) {
        items[index].at("name").error("another figure has this name");
      } else if (!judged) {
        items[index].at("name").error(
            "no case that is neither held out nor fitted has a published value of it");
      }
    }
  }

  std::string folder_;
  Reproduction* reproduction_;
  const Builtins* builtins_;
  const Catalog* catalog_;
  Diagnostics mistakes_;
  std::vector<std::string> figure_names_;
};

}  // namespace

Reproduction load_reproduction(const std::string& folder, const std::string& name,
                               const Builtins& builtins, const Catalog& catalog) {
  Reproduction reproduction;
  Reader(folder, reproduction, builtins, catalog).read(name);
  return reproduction;
}

std::vector<Catalog::Entry> list_reproductions(const std::string& folder) {
  std::vector<Catalog::Entry> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path file = entry.path() / kReproduceFile;
    if (!fs::exists(file, error)) {
      continue;
    }
    const JsonValue document = load_json(file.string(), file.string());
    const JsonValue* description = document.find("description");
    entries.push_back({entry.path().filename().string(),
                       description != nullptr ? description->string : std::string()});
  }
  if (error) {
    throw IoError("cannot read the folder " + folder + ": " + error.message());
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

}  // namespace orrery
