#include "tools/orrery/utilisation_log.hpp"

namespace orrery {

void UtilisationLog::follow(Engine& engine, const Machine& machine) {
  engine_ = &engine;
  machine_ = &machine;
  for (const Machine::ResourceUse& use : machine.resources()) {
    rows_.push_back({use.name, use.kind, use.alike, {}});
    carried_.push_back(use.carried);
  }
  if (length_ > Duration(0)) engine.schedule(end_of(0), Phase::observe, *this, 0);
}

/// Of all stretches together no picosecond is lost to rounding.
Time UtilisationLog::end_of(std::uint64_t stretch) const {
  const auto whole = static_cast<double>(length_.count());
  const double share = static_cast<double>(stretch + 1) / stretches_;
  return Time(Duration(stretch + 1 == static_cast<std::uint64_t>(stretches_)
                           ? length_.count()
                           : static_cast<std::int64_t>(whole * share)));
}

void UtilisationLog::handle_event(std::uint64_t stretch) {
  const Time before = stretch == 0 ? Time() : end_of(stretch - 1);
  const double seconds = to_seconds(engine_->now() - before);
  const std::vector<Machine::ResourceUse> uses = machine_->resources();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const double moved = uses[row].carried - carried_[row];
    rows_[row].utilisation.push_back(seconds > 0 ? moved / (uses[row].capacity * seconds) : 0);
    carried_[row] = uses[row].carried;
  }
  if (stretch + 1 < static_cast<std::uint64_t>(stretches_)) {
    engine_->schedule(end_of(stretch + 1), Phase::observe, *this, stretch + 1);
  }
}

}  // namespace orrery
