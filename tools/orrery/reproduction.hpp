#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/reproduce_file.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// What a figure counts, so that people can read it.
enum class FigureUnit : unsigned char { seconds, bytes, tokens_per_second, ratio };

/// What a case is there for. Limits count the given ones; by fitted ones constants of the scenarios
/// were chosen; by those held out nothing may be.
enum class CaseRole : unsigned char { given, fitted, held_out };

/// A figure that a publication gives and a result has.
struct ReproducedFigure {
  std::string name;
  std::string pointer;  // into result.json
  FigureUnit unit = FigureUnit::seconds;
  double mean_limit = 0;     // of |difference| over the given cases, inclusive
  double maximum_limit = 0;  // the same of the largest
  std::string reason;        // for these limits
  Origin place;              // of the pointer, for the message when it leads nowhere
};

/// What is published for one figure of one case.
struct PublishedValue {
  std::size_t figure = 0;  // index into Reproduction::figures
  double value = 0;
  std::string source;
};

struct ReproducedCase {
  std::string label;
  Scenario scenario;
  CaseRole role = CaseRole::given;
  /// Its figures are divided by those of an earlier case, of which they are published as multiples.
  std::optional<std::size_t> relative_to;
  std::vector<PublishedValue> published;
  std::optional<bool> fits;  // published: whether it did fit in memory
};

/// Published figures and the scenarios that ought to give them: reproduce.json of a folder below
/// experiments/reproduce.
struct Reproduction : ReproduceFile {
  std::vector<ReproducedFigure> figures;
  std::vector<ReproducedCase> cases;
};

/// Reads `folder`/reproduce.json, called `name`, and the scenarios of its cases. Throws
/// ScenarioError with all mistakes of all files together, and IoError when a file cannot be read.
Reproduction load_reproduction(const std::string& folder, const std::string& name,
                               const Builtins& builtins, const Catalog& catalog);

/// Name and description of every folder below `folder` that holds a reproduce.json, by name.
std::vector<Catalog::Entry> list_reproductions(const std::string& folder);

}  // namespace orrery
