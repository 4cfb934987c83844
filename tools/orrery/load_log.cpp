#include "tools/orrery/load_log.hpp"

#include <algorithm>

namespace orrery {
namespace {

constexpr std::size_t kMaximumLooks = 1000;
constexpr std::size_t kMinimumLooks = 16;
constexpr std::size_t kMaximumNumbers = std::size_t{1} << 23U;  // over all looks: 64 MiB

}  // namespace

void LoadLog::watch(const Machine& machine) {
  machine_ = &machine;
  const std::size_t resources = std::max<std::size_t>(1, machine.resources().size());
  maximum_ = std::clamp(kMaximumNumbers / resources, kMinimumLooks, kMaximumLooks);
}

void LoadLog::look(Time time) {
  Look& look = looks_.emplace_back(Look{time, {}});
  for (const Machine::ResourceUse& use : machine_->resources()) look.carried.push_back(use.carried);
}

void LoadLog::on_span(const Span& span) {
  const Time last = looks_.empty() ? Time() : looks_.back().time;
  if (machine_ == nullptr || span.end - last < stretch_) return;
  look(span.end);
  if (looks_.size() < maximum_) return;
  std::size_t kept = 0;
  for (std::size_t i = 1; i < looks_.size(); i += 2) looks_[kept++] = std::move(looks_[i]);
  looks_.resize(kept);
  stretch_ = std::max(2 * stretch_,
                      looks_.back().time.since_start() / static_cast<std::int64_t>(maximum_));
}

void LoadLog::finish(Time end) {
  if (looks_.empty() || looks_.back().time < end) look(end);
  const std::vector<Machine::ResourceUse> uses = machine_->resources();
  for (std::size_t resource = 0; resource < uses.size(); ++resource) {
    const Machine::ResourceUse& use = uses[resource];
    if (use.carried <= 0) {
      ++idle_;
      continue;
    }
    UtilisationTrack track{.name = use.name, .samples = {}, .kind = use.kind, .alike = use.alike};
    Time from;
    double before = 0;
    for (const Look& look : looks_) {
      const double seconds = to_seconds(look.time - from);
      if (seconds <= 0) continue;
      const double carried = look.carried[resource];
      const double share = (carried - before) / (use.capacity * seconds);
      const auto mean = static_cast<float>(std::max(0.0, share));
      // One that says the same as the one before says nothing: a sample holds until the next.
      if (track.samples.empty() || track.samples.back().share != mean) {
        track.samples.push_back({from, mean});
      }
      from = look.time;
      before = carried;
    }
    track.samples.push_back({end, 0});
    tracks_.push_back(std::move(track));
  }
}

}  // namespace orrery
