#pragma once

#include <chrono>
#include <cstdint>

#include "sim/graph/observer.hpp"

namespace orrery {

/// Shows on stderr how far a run is, when that is a terminal; else it does nothing. Counts the
/// spans that have ended against those the graph holds.
class Progress final : public Observer {
 public:
  explicit Progress(const TaskGraph& graph);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() override;  // wipes its line

  void on_span(const Span& span) override;
  void on_memory(Time, Rank, LabelId, std::int64_t) override {}

 private:
  std::uint64_t expected_ = 0;
  std::uint64_t ended_ = 0;
  bool is_terminal_ = false;
  bool has_shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace orrery
