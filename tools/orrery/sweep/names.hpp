#pragma once

#include <map>
#include <string>

#include "hw/catalog.hpp"
#include "tools/orrery/sweep/points.hpp"

namespace orrery {

/// What the names of an expression mean at a point: an axis, "devices" (of the cluster), or a value
/// of the scenario by the end of its pointer, "micro_batch" or "parallel.tensor".
class PointNames {
 public:
  PointNames(const SweepFile& file, const Catalog& catalog) : file_(&file), catalog_(&catalog) {}

  /// Throws ExpressionError when nothing has that name, or several things have.
  ExpressionValue value(const std::string& name, const SweepPoint& point);

 private:
  ExpressionValue devices(const JsonValue& document);

  const SweepFile* file_;
  const Catalog* catalog_;
  std::map<std::string, double> devices_;  // by the text of the cluster
};

}  // namespace orrery
