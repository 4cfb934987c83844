#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/reproduce_file.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// Published figures that compare configurations of one scenario over many cases: geometric means
/// and maxima of speedups, savings, slowdowns and shares.
struct Configurations : ReproduceFile {
  enum class Measure { speedup, saving, slowdown, share, seconds };  // the last of one alone
  enum class Statistic { geomean, maximum, mean };  // mean: ratio of the means over the cases

  struct Configuration {
    std::string name;
    std::string about;
    JsonValue set;  // overrides by pointer
  };
  struct Case {
    std::string label;
    std::vector<std::string> groups;  // of cases, over which figures are taken
    JsonValue set;
    JsonValue set_for;  // by the name of a configuration: overrides after those of that
    std::vector<std::vector<double>> values;  // by configuration, then pointer; NaN: not simulated
  };
  struct Figure {
    std::string name;
    std::size_t configuration = 0;
    std::size_t over = 0;   // the configuration that it is compared with; itself of seconds
    double over_times = 1;  // so many runs of it are one of this
    std::size_t pointer = 0;
    Measure measure = Measure::speedup;
    Statistic statistic = Statistic::geomean;
    std::string group;
    double published = 0;
    std::string source;
    std::optional<double> goal;   // of |difference|, in points of 0.01
    std::optional<double> limit;  // likewise; none: shown only
    std::string reason;           // for the limit
    bool fitted = false;          // a parameter was chosen by it

    double simulated = 0;
    double difference() const { return simulated - published; }
    bool reaches_goal() const;
    bool holds() const;
  };
  /// For every case of a group, the first takes longest and so on; the last two may be equal.
  struct Order {
    std::vector<std::size_t> configurations;
    std::string group;
    std::vector<std::string> broken;  // "MT-NLG, TP 32, OP: t3 0.8 ms, t3_mca 0.9 ms"
    std::size_t allowed = 0;          // so many may be broken
    std::string reason;
  };

  /// A published figure that nothing here can give.
  struct Missing {
    std::string name;
    std::string published;
    std::string why;
  };

  JsonValue scenario;
  std::vector<Configuration> configurations;
  std::vector<std::string> pointers;  // into result.json
  std::vector<Case> cases;
  std::vector<Figure> figures;
  std::vector<Order> orders;
  std::vector<Missing> missing;

  bool holds() const;
};

/// Reads `folder`/reproduce.json, called `name`, when it has "configurations"; none when it holds
/// something else. Throws ScenarioError with all mistakes, IoError when a file cannot be read.
std::optional<Configurations> load_configurations(const std::string& folder,
                                                  const std::string& name);

/// Runs every case in every configuration, and takes the figures. Throws ScenarioError.
void simulate(Configurations& configurations, const Builtins& builtins, const Catalog& catalog);

std::string to_text(const Configurations& configurations);
JsonValue to_json(const Configurations& configurations);

}  // namespace orrery
