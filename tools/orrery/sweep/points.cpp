#include "tools/orrery/sweep/points.hpp"

#include <numeric>
#include <set>

#include "sim/base/random.hpp"
#include "tools/orrery/sweep/names.hpp"

namespace orrery {
namespace {

/// Random draws for one point that "where" accepts.
constexpr std::int64_t kDrawsPerPoint = 2'000;

class Expansion {
 public:
  Expansion(const SweepFile& file, const Catalog& catalog) : file_(&file), names_(file, catalog) {}

  std::vector<SweepPoint> points() {
    if (!file_->sample) {
      take_grid();
    } else if (file_->sample->kind == SweepFile::Sample::Kind::random) {
      take_random(*file_->sample);
    } else {
      take_latin_hypercube(*file_->sample);
    }
    return std::move(points_);
  }

 private:
  bool holds(const SweepPoint& point) {
    for (const SweepFile::Condition& condition : file_->where) {
      try {
        const bool is_true = condition.expression.holds(
            [&](const std::string& name) { return names_.value(name, point); });
        if (!is_true) return false;
      } catch (const ExpressionError& error) {
        Diagnostics mistake;
        report_at(condition.place, error.message, mistake);
        mistake.throw_if_any();
      }
    }
    return true;
  }

  /// Takes the point with those of its seeds with which every condition holds; whether any does.
  bool take(SweepPoint point) {
    bool taken = false;
    for (point.repeat = 0; point.repeat < file_->seeds; ++point.repeat) {
      if (!holds(point)) continue;
      taken = true;
      points_.push_back(point);
      if (points_.size() > kMaximumPoints) {
        throw LimitError(file_->path + ": more than " + std::to_string(kMaximumPoints) +
                         " points; cut the sweep into several");
      }
    }
    return taken;
  }

  void choose(const SweepFile::Dimension& dimension, std::size_t choice, SweepPoint& point) const {
    for (const std::size_t axis : dimension.axes) {
      point.values[axis] = file_->axes[axis].values[choice];
    }
  }

  void take_grid() {
    double combinations = 1;
    for (const auto& dimension : file_->dimensions) {
      combinations *= static_cast<double>(dimension.count);
    }
    if (combinations > static_cast<double>(kMaximumCombinations)) {
      throw LimitError(file_->path + ": the grid has more than " +
                       std::to_string(kMaximumCombinations) + " combinations; take a \"sample\"");
    }
    std::vector<std::size_t> choice(file_->dimensions.size(), 0);
    for (;;) {
      SweepPoint point{std::vector<SweepAxis::Value>(file_->axes.size())};
      for (std::size_t d = 0; d < choice.size(); ++d)
        choose(file_->dimensions[d], choice[d], point);
      take(std::move(point));
      std::size_t d = choice.size();
      while (d > 0 && ++choice[d - 1] == file_->dimensions[d - 1].count) choice[--d] = 0;
      if (d == 0) return;
    }
  }

  /// The point at a share of each dimension.
  SweepPoint at(const std::vector<double>& shares) const {
    SweepPoint point{std::vector<SweepAxis::Value>(file_->axes.size())};
    for (std::size_t d = 0; d < shares.size(); ++d) {
      const SweepFile::Dimension& dimension = file_->dimensions[d];
      for (const std::size_t axis : dimension.axes) {  // of a zip all have equally many values
        point.values[axis] = file_->axes[axis].at(shares[d]);
      }
    }
    return point;
  }

  void take_random(const SweepFile::Sample& sample) {
    RandomStream random(sample.seed, "sweep/random");
    std::set<std::string> seen;
    std::int64_t wanted = sample.points;
    for (std::int64_t draw = 0; wanted > 0 && draw < sample.points * kDrawsPerPoint; ++draw) {
      std::vector<double> shares(file_->dimensions.size());
      for (double& share : shares) share = random.uniform();
      SweepPoint point = at(shares);
      std::string text;
      for (const SweepAxis::Value& value : point.values) text += to_text(*value, false) + "\n";
      if (seen.insert(std::move(text)).second && take(std::move(point))) --wanted;
    }
    if (wanted > 0) {
      throw ScenarioError({{file_->path, "/sweep/sample/points",
                            "only " + std::to_string(sample.points - wanted) +
                                " different points were found for which \"where\" holds"}});
    }
  }

  /// Each dimension's parts come in an order of their own, by Fisher and Yates' shuffle.
  void take_latin_hypercube(const SweepFile::Sample& sample) {
    const auto count = static_cast<std::size_t>(sample.points);
    std::vector<std::vector<double>> shares(count, std::vector<double>(file_->dimensions.size()));
    for (std::size_t d = 0; d < file_->dimensions.size(); ++d) {
      const std::string& pointer = file_->axes[file_->dimensions[d].axes.front()].pointer;
      RandomStream random(sample.seed, "sweep/latin_hypercube" + pointer);
      std::vector<std::size_t> part(count);
      std::iota(part.begin(), part.end(), std::size_t{0});
      for (std::size_t i = count; i > 1; --i) {
        const auto other =
            static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1));
        std::swap(part[i - 1], part[other]);
      }
      for (std::size_t i = 0; i < count; ++i) {
        shares[i][d] =
            (static_cast<double>(part[i]) + random.uniform()) / static_cast<double>(count);
      }
    }
    for (const std::vector<double>& each : shares) take(at(each));
  }

  const SweepFile* file_;
  PointNames names_;
  std::vector<SweepPoint> points_;
};

std::int64_t seed_of(const SweepFile& file, const SweepPoint& point) {
  return file.first_seed + point.repeat;
}

}  // namespace

std::vector<SweepPoint> points_of(const SweepFile& file, const Catalog& catalog) {
  return Expansion(file, catalog).points();
}

JsonValue document_of(const SweepFile& file, const SweepPoint& point) {
  JsonValue document = file.base;
  if (file.seeds > 1) {
    const std::string mistake = set_at(document, "/seed", json_integer(seed_of(file, point)));
    ORRERY_CHECK(mistake.empty(), "a scenario has no place for its seed: " + mistake);
  }
  for (std::size_t axis = 0; axis < file.axes.size(); ++axis) {
    // Fails where another axis has put something there that is no object: the scenario says it.
    const std::string mistake =
        set_at(document, file.axes[axis].pointer, JsonValue(*point.values[axis]));
    if (!mistake.empty()) {
      throw ScenarioError({{file.path, file.axes[axis].pointer, mistake}});
    }
  }
  return document;
}

std::vector<std::string> labels_of(const SweepFile& file, const SweepPoint& point) {
  std::vector<std::string> labels;
  for (const SweepAxis::Value& value : point.values) labels.push_back(label_of(*value));
  if (file.seeds > 1) labels.push_back(std::to_string(seed_of(file, point)));
  return labels;
}

std::vector<std::string> columns_of(const SweepFile& file) {
  std::vector<std::string> columns;
  for (const SweepAxis& axis : file.axes) columns.push_back(axis.name);
  if (file.seeds > 1) columns.emplace_back("seed");
  return columns;
}

}  // namespace orrery
