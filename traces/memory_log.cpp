#include "traces/memory_log.hpp"

namespace orrery {

void MemoryLog::on_memory(Time time, Rank rank, LabelId /*category*/, std::int64_t delta) {
  Last& last = last_[static_cast<std::size_t>(rank)];
  last.bytes += delta;
  if (last.sample == SIZE_MAX || samples_[last.sample].time != time) {
    last.sample = samples_.size();
    samples_.push_back({time, rank, 0});
  }
  samples_[last.sample].bytes = last.bytes;
}

}  // namespace orrery
