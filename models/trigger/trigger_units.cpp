#include "models/trigger/trigger_units.hpp"

#include <algorithm>

#include "sim/base/errors.hpp"

namespace orrery {

std::int64_t TriggerUnits::entries_for(Bytes bytes) const {
  const std::int64_t tiles = (bytes.count() + spec_.tile.count() - 1) / spec_.tile.count();
  return std::min(tiles, spec_.entries);
}

void TriggerUnits::change(Rank rank, std::int64_t entries) {
  Unit& of = unit(rank);
  of.used += entries;
  ORRERY_CHECK(of.used >= 0 && of.used <= spec_.entries, "a region was triggered twice");
  figures_.peak_entries = std::max(figures_.peak_entries, of.used);
  samples_.push_back({engine_->now(), rank, of.used});
}

bool TriggerUnits::track(Rank rank, Bytes bytes, std::uint32_t waiter, std::uint64_t alike) {
  Unit& of = unit(rank);
  const std::int64_t entries = entries_for(bytes);
  if (!of.producers.empty() || of.used + entries > spec_.entries) {
    figures_.stalls += alike;
    of.producers.push_back({waiter, entries, alike, engine_->now()});
    return false;
  }
  figures_.tracked += alike;
  change(rank, entries);
  return true;
}

void TriggerUnits::trigger(Rank rank, Bytes bytes, std::uint64_t alike) {
  figures_.triggered += alike;
  ORRERY_CHECK(figures_.triggered <= figures_.tracked, "a region was triggered twice");
  change(rank, -entries_for(bytes));
  Unit& of = unit(rank);
  while (!of.producers.empty() && of.used + of.producers.front().entries <= spec_.entries) {
    const Waiting next = of.producers.front();
    of.producers.pop_front();
    figures_.tracked += next.alike;
    figures_.stalled += (engine_->now() - next.since) * static_cast<std::int64_t>(next.alike);
    change(rank, next.entries);
    client_->producer_goes_on(next.waiter);
  }
}

bool TriggerUnits::take_engine(Rank rank, std::uint32_t waiter) {
  Unit& of = unit(rank);
  if (of.busy_engines < spec_.dma_engines) {
    ++of.busy_engines;
    return true;
  }
  of.dmas.push_back(waiter);
  return false;
}

void TriggerUnits::leave_engine(Rank rank) {
  Unit& of = unit(rank);
  if (of.dmas.empty()) {
    --of.busy_engines;
    return;
  }
  const std::uint32_t next = of.dmas.front();
  of.dmas.pop_front();
  client_->dma_goes_on(next);
}

}  // namespace orrery
