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
    case Cause::Kind::trigger:
      return "trackers";
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

struct BytesUnit {
  const char* name;
  double size;
};

/// The largest in which `bytes` are at least one, up to GiB.
BytesUnit unit_of(Bytes bytes) {
  constexpr std::array<BytesUnit, 3> kUnits = {{{"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}}};
  for (const BytesUnit& unit : kUnits) {
    if (bytes.as_double() >= unit.size) {
      return unit;
    }
  }
  return {"B", 1};
}

/// With one decimal, which is left out when it is 0.
std::string in_unit(Bytes bytes, const BytesUnit& unit) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", bytes.as_double() / unit.size);
  std::string text = buffer.data();
  if (text.ends_with(".0")) {
    text.resize(text.size() - 2);
  }
  return text + " " + unit.name;
}

}  // namespace

bool Result::fits() const {
  return (!host_memory || host_memory->fits()) &&
         std::all_of(memory.begin(), memory.end(), [](const MemoryUse& use) { return use.fits(); });
}

double Result::tokens_per_s() const {
  return makespan > Duration(0) ? tokens / to_seconds(makespan) : 0;
}

std::string to_string(Cause::Kind kind) {
  constexpr std::array<const char*, 7> kNames = {"math",  "memory",  "launch", "communication",
                                                 "delay", "trigger", "wait"};
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

namespace {

/// `who` needs more than the memory of `what` holds.
std::string excess_of(const MemoryUse& use, const std::string& who, const std::string& what) {
  const Bytes excess = use.peak - use.capacity;
  const BytesUnit unit = unit_of(excess);  // of all three, so that they can be compared
  std::string text = "does not fit: " + who + " needs " + in_unit(use.peak, unit) + " of the " +
                     in_unit(use.capacity, unit) + " of " + what + ", " + in_unit(excess, unit) +
                     " too much";
  if (!use.holds.empty()) {
    text += "; most of it is " + use.holds.front().first + ", " + to_text(use.holds.front().second);
  }
  return text;
}

}  // namespace

std::string memory_verdict(const Result& result) {
  for (const MemoryUse& use : result.memory) {
    if (!use.fits()) {
      return excess_of(use, "rank " + std::to_string(use.rank), "one " + use.device);
    }
  }
  if (result.host_memory && !result.host_memory->fits()) {
    return excess_of(*result.host_memory, "node " + std::to_string(result.host_memory->rank),
                     "the host of one " + result.host_memory->device);
  }
  return "";
}

}  // namespace orrery
