#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "models/cost/calibration.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/reproduce_file.hpp"

namespace orrery {

/// Two errors that belong together: of half of the rows at most the one, of nine in ten the other.
struct ErrorPair {
  double median = 0;
  double ninth_decile = 0;
};

/// Measured kernels, and how far the cost model "calibrated" is from them on the rows that were not
/// fitted.
struct MeasuredKernels : ReproduceFile {
  struct Group {
    std::string label;
    std::string figures;  // whose, of each of its tables: "h100_sxm", "h100_sxm, scaled"
    OpError error;        // over the rows that were not fitted
    std::optional<ErrorPair> goal;
    std::optional<ErrorPair> limits;  // none: shown only
    std::string reason;
    bool holds() const;
    bool reaches_goal() const;
  };
  std::vector<Group> groups;
  bool holds() const;
};

/// Reads `folder`/reproduce.json, called `name`, when it has "kernels", and its tables, and
/// predicts every row; none when it holds something else. A table's times are in a column
/// "latency", in ms. Figures are the device's, else its nearest relative's; "figures_of" takes
/// another device's calibration, as if there were none of the device; "only" takes the rows alone
/// that have these texts in these columns. Throws ScenarioError with all
/// mistakes, UsageError for a row, IoError when a file cannot be read.
std::optional<MeasuredKernels> load_measured_kernels(const std::string& folder,
                                                     const std::string& name,
                                                     const Catalog& catalog,
                                                     const std::string& calibration_folder);

std::string to_text(const MeasuredKernels& measured);
JsonValue to_json(const MeasuredKernels& measured);

}  // namespace orrery
