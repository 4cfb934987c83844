#include "tools/orrery/sweep/sweep_file.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "tools/orrery/scenario_document.hpp"

namespace orrery {
namespace {

constexpr CountRange kSamples = {1, 200'000};
constexpr CountRange kSeeds = {1, 100'000};

/// All parts of the pointer, with dots.
std::string dotted(const std::string& pointer) {
  std::string name = pointer.substr(std::min<std::size_t>(1, pointer.size()));
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::string last_part(const std::string& pointer) {
  return pointer.substr(pointer.rfind('/') + 1);
}

class Reader {
 public:
  Reader(SweepFile& file, Diagnostics& mistakes) : file_(&file), mistakes_(&mistakes) {}

  /// `section`: of axes and what goes with them. The base is read already.
  void read(JsonCursor section) {
    if (JsonCursor axes = section.find("axes"); axes.present()) read_axes(axes, false);
    if (JsonCursor zips = section.find("zip"); zips.present()) {
      for (JsonCursor& zip : zips.items()) read_axes(zip, true);
    }
    if (section.present() && file_->axes.empty() && !section.has("repeat") && mistakes_->empty()) {
      section.error("nothing varies: expected \"axes\", \"zip\" or \"repeat\"");
    }
    name_axes();
    read_where(section.find("where"));
    read_sample(section.find("sample"));
    if (JsonCursor repeat = section.find("repeat"); repeat.present()) read_repeat(repeat);
    section.reject_unknown_keys();
  }

 private:
  void read_axes(JsonCursor object, bool go_together) {
    if (object.value().kind != JsonValue::Kind::object) {
      object.expected("an object from JSON pointers to values");
      return;
    }
    SweepFile::Dimension together;
    for (const std::string& pointer : object.keys()) {
      JsonCursor place = object.at(pointer);
      const std::size_t mistakes = mistakes_->count();
      SweepAxis axis = read_axis(pointer, place);
      if (mistakes_->count() > mistakes) continue;
      if (!fits_the_base(axis, place)) continue;
      const std::size_t count = axis.values.size();
      if (go_together && (axis.is_drawn() || (!together.axes.empty() && together.count != count))) {
        place.error(axis.is_drawn()
                        ? "a range without steps cannot go together with others"
                        : "has " + std::to_string(count) + " values, those beside it have " +
                              std::to_string(together.count));
        continue;
      }
      together.count = count;
      together.axes.push_back(file_->axes.size());
      file_->axes.push_back(std::move(axis));
      if (!go_together) file_->dimensions.push_back(std::exchange(together, {}));
    }
    if (!together.axes.empty()) file_->dimensions.push_back(std::move(together));
  }

  /// The pointer leads somewhere, and no other axis has it.
  bool fits_the_base(const SweepAxis& axis, JsonCursor& place) const {
    JsonValue tried = file_->base;
    const std::string mistake = axis.pointer.empty() ? "leads to the whole scenario"
                                                     : set_at(tried, axis.pointer, json_integer(0));
    const bool is_known =
        std::any_of(file_->axes.begin(), file_->axes.end(),
                    [&](const auto& other) { return other.pointer == axis.pointer; });
    if (!mistake.empty()) place.error("the pointer " + mistake);
    if (is_known) place.error("varies already");
    return mistake.empty() && !is_known;
  }

  void name_axes() {
    std::map<std::string, int> count;
    for (const SweepAxis& axis : file_->axes) ++count[last_part(axis.pointer)];
    for (SweepAxis& axis : file_->axes) {
      const std::string last = last_part(axis.pointer);
      axis.name = count[last] == 1 ? last : dotted(axis.pointer);
    }
  }

  void read_where(JsonCursor where) {
    if (!where.present()) return;
    const bool is_list = where.value().kind == JsonValue::Kind::array;
    std::vector<JsonCursor> texts = is_list ? where.items() : std::vector<JsonCursor>{where};
    for (JsonCursor& each : texts) {
      const std::string text = each.as_string();
      if (text.empty()) continue;  // reported, unless it says nothing
      try {
        file_->where.push_back({text, Expression(text), each.value()});
      } catch (const ExpressionError& error) {
        each.error(error.message);
      }
    }
  }

  void read_sample(JsonCursor sample) {
    if (sample.present()) {
      SweepFile::Sample read;
      const std::string kind = sample.at("kind").as_choice({"random", "latin_hypercube"});
      read.kind = kind == "random" ? SweepFile::Sample::Kind::random
                                   : SweepFile::Sample::Kind::latin_hypercube;
      read.points = sample.at("points").as_count(kSamples);
      read.seed = static_cast<std::uint64_t>(sample.find("seed").as_count());
      sample.reject_unknown_keys();
      file_->sample = read;
      return;
    }
    for (const SweepAxis& axis : file_->axes) {
      if (axis.is_drawn()) {
        report_at(*axis.place, "a range without \"times\" or \"step\" needs a \"sample\"",
                  *mistakes_);
      }
    }
  }

  void read_repeat(JsonCursor repeat) {
    JsonCursor seeds = repeat.at("seeds");
    file_->seeds = seeds.as_count(kSeeds);
    repeat.reject_unknown_keys();
    JsonCursor first = JsonCursor(file_->base, *mistakes_).find("seed");
    if (first.present()) file_->first_seed = first.as_count({.minimum = 0, .maximum = INT64_MAX});
    if (file_->first_seed > INT64_MAX - file_->seeds) {
      seeds.error("the last of these seeds leaves the 64-bit range");
    }
    for (const SweepAxis& axis : file_->axes) {
      if (axis.pointer == "/seed") seeds.error("the axis /seed gives seeds already");
    }
  }

  SweepFile* file_;
  Diagnostics* mistakes_;
};

/// A scenario in place, or the path of one beside the sweep.
JsonValue read_base(JsonCursor base, const std::string& path) {
  if (!base.present()) return {};
  if (base.value().kind == JsonValue::Kind::object) return base.value();
  const std::string named = base.as_string();
  if (named.empty()) return {};
  const std::string full = (std::filesystem::path(path).parent_path() / named).string();
  try {
    return load_json(full, full);
  } catch (const IoError& error) {
    base.error(error.what());
    return {};
  }
}

void read_version(JsonCursor version) {
  if (!version.present()) return;
  const JsonValue& value = version.value();
  if (value.kind != JsonValue::Kind::integer || value.integer != 1) {
    version.expected("1, the version of the form that this program reads");
  }
}

/// `document` has "sweep", without "base" where `base` is given.
SweepFile sweep_from(const std::string& path, JsonValue document, std::optional<JsonValue> base,
                     const std::vector<std::string>& overrides) {
  SweepFile file;
  file.path = path;
  Diagnostics mistakes;
  JsonCursor root(document, mistakes);
  read_version(root.at("orrery"));
  file.name = root.find("name").as_string();
  root.find("description").as_string();
  JsonCursor section = root.at("sweep");
  root.reject_unknown_keys();
  if (section.present()) {
    file.base = base ? *base : read_base(section.at("base"), path);
    apply_overrides(file.base, overrides, mistakes);
    mistakes.throw_if_any();
    Reader(file, mistakes).read(section);
  }
  mistakes.throw_if_any();
  JsonValue* sweep = document.find("sweep");
  const std::string mistake = set_at(*sweep, "/base", file.base);
  ORRERY_CHECK(mistake.empty(), "a sweep that was read has no place for its base: " + mistake);
  file.whole = std::move(document);
  return file;
}

}  // namespace

SweepFile load_sweep(const std::string& path, const std::vector<std::string>& overrides) {
  return sweep_from(path, load_json(path, path), std::nullopt, overrides);
}

bool is_sweep(const std::string& path) {
  return load_json(path, path).find("sweep") != nullptr;
}

SweepFile sweep_over(const std::string& path, JsonValue scenario, JsonValue sweep) {
  return sweep_from(path, json_object({{"orrery", json_integer(1)}, {"sweep", std::move(sweep)}}),
                    std::move(scenario), {});
}

}  // namespace orrery
