#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// Puts "POINTER=VALUE" texts into the document.
void apply_overrides(JsonValue& document, std::span<const std::string> overrides,
                     Diagnostics& diagnostics);

/// Writes the defaults of seed, collectives, cost and fabric where the document leaves them out.
void write_defaults(JsonValue& document);

/// Writes into "workload" what it leaves out of `parameters`, which the workload took by itself.
void write_workload_defaults(JsonValue& document, const JsonValue& parameters);

/// Makes the names of files that the workload reads ("file", "files") whole, from the folder of the
/// file that gives them: so the document can be read again from anywhere.
void anchor_files(JsonValue& document);

/// Whether one of write_defaults and write_workload_defaults wrote the value.
bool is_default(const JsonValue& value);

/// Places that still hold a reference, because the catalogue could not resolve it and has said why.
/// Whoever reads the document there would only complain a second time.
class UnresolvedPlaces {
 public:
  explicit UnresolvedPlaces(const JsonValue& document) { collect(document); }

  /// True at such a place and below it.
  bool cover(const Diagnostic& diagnostic) const;
  /// Reports each place: for when, against the rule above, nobody has said why.
  void report(Diagnostics& diagnostics) const;

 private:
  void collect(const JsonValue& value);

  std::vector<Origin> places_;
};

}  // namespace orrery
