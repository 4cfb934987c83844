#include "tools/orrery/result.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

std::string in_words(const Cause& cause) {
  switch (cause.kind) {
    case Cause::Kind::math:
      return "arithmetic";
    case Cause::Kind::memory:
      return "device memory bandwidth";
    case Cause::Kind::launch:
      return "kernel launches";
    case Cause::Kind::communication:
      return cause.category + " communication";
    case Cause::Kind::delay:
      return "delays of the workload";
    case Cause::Kind::wait:
      return "waiting";
  }
  return "";
}

std::string percent(Duration part, Duration whole) {
  std::array<char, 32> text{};
  const double share = whole > Duration(0) ? part.as_double() / whole.as_double() : 0;
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

}  // namespace

bool Result::fits() const {
  return std::all_of(memory.begin(), memory.end(), [](const MemoryUse& use) { return use.fits(); });
}

double Result::tokens_per_s() const {
  return makespan > Duration(0) ? tokens / to_seconds(makespan) : 0;
}

std::string to_string(Cause::Kind kind) {
  constexpr std::array<const char*, 6> kNames = {"math",          "memory", "launch",
                                                 "communication", "delay",  "wait"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string bound_by(const Result& result) {
  if (result.critical_path.empty()) {
    return "nothing: no time passed";
  }
  const Cause& first = result.critical_path.front();
  std::string text =
      in_words(first) + " (" + percent(first.time, result.makespan) + " of the critical path)";
  if (result.critical_path.size() > 1) {
    const Cause& second = result.critical_path[1];
    text += ", then " + in_words(second) + " (" + percent(second.time, result.makespan) + ")";
  }
  return text;
}

std::string memory_verdict(const Result& result) {
  for (const MemoryUse& use : result.memory) {
    if (use.fits()) {
      continue;
    }
    std::string text = "does not fit: rank " + std::to_string(use.rank) + " needs " +
                       to_text(use.peak) + " of the " + to_text(use.capacity) + " of a " +
                       use.device + ", " + to_text(use.peak - use.capacity) + " too much";
    if (!use.holds.empty()) {
      text +=
          "; most of it is " + use.holds.front().first + ", " + to_text(use.holds.front().second);
    }
    return text;
  }
  return "";
}

}  // namespace orrery
