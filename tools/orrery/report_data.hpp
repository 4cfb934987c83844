#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/run.hpp"
#include "tools/orrery/what_if.hpp"

namespace orrery {

/// Memory in use on one rank of the graph that runs, by category, in equal stretches of a run of
/// known length: of each stretch the moment at which it was fullest.
class MemoryProfile final : public Observer {
 public:
  MemoryProfile(Rank rank, Duration length, std::size_t stretches, std::size_t label_count);

  void on_span(const Span&) override {}
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override;
  /// By stretch, then by label; after the run.
  const std::vector<std::vector<std::int64_t>>& finish();

 private:
  void keep(std::size_t stretch);

  Rank rank_;
  Duration length_;
  std::vector<std::vector<std::int64_t>> fullest_;
  std::vector<std::int64_t> totals_;  // of fullest_; -1 before its first
  std::vector<std::int64_t> now_;     // by label
  std::int64_t total_ = 0;
  std::size_t stretch_ = 0;
};

/// What `orrery report` may leave out.
struct ReportOptions {
  std::size_t maximum_spans = 1'000'000;  // on the timeline: of the first ranks that have fewer
  bool what_if = true;                    // left out of runs by another engine than "native"
  std::vector<std::string> words{};       // of the command, for the program of such an engine
};

/// Simulates again what the result.json in a folder was, and makes of it the data of one page: a
/// JSON object, with arrays as base64 of little-endian numbers; the page's data.js reads it. A
/// result that does not come out again, say of another version of the program, has a warning.
/// Throws IoError when there is no such file, ScenarioError when it is none of ours.
JsonValue report_data(const std::string& folder, const Builtins& builtins,
                      const ReportOptions& options);

}  // namespace orrery
