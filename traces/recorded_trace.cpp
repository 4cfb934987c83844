#include "traces/recorded_trace.hpp"

#include <algorithm>
#include <array>

namespace orrery {

std::uint32_t NameTable::intern(std::string_view text) {
  const auto [place, is_new] =
      index_.try_emplace(std::string(text), static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.emplace_back(text);
  return place->second;
}

std::string_view to_string(Work work) {
  constexpr std::array<std::string_view, 5> kNames = {"compute", "communication", "copy", "wait",
                                                      "host"};
  return kNames[static_cast<std::size_t>(work)];
}

Time RecordedTrace::end() const {
  Time last;
  for (const Span& span : spans) last = std::max(last, span.start + span.duration);
  return last;
}

/// ncclDevKernel_AllReduce_Sum_bf16_RING_LL(…), ncclKernel_…, rcclGenericKernel….
bool is_communication_kernel(std::string_view name) {
  constexpr std::array<std::string_view, 4> kPrefixes = {"nccl", "rccl", "mscclKernel",
                                                         "void vllm::cross_device_reduce"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

Work work_of(std::string_view name, std::string_view category, std::int64_t bytes) {
  if (name == "wait" && (category.empty() || category == "wait")) return Work::wait;
  if (bytes != RecordedTrace::kNoBytes || is_communication_kernel(name)) {
    return Work::communication;
  }
  return Work::compute;
}

}  // namespace orrery
