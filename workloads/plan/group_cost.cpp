#include "workloads/plan/group_cost.hpp"

#include <algorithm>
#include <cmath>

namespace orrery {

double GroupCost::work_s(std::size_t size, std::int64_t tokens) const {
  const auto s = static_cast<double>(tokens);
  const double compute = pair_s * s * s + token_s * s;
  if (sizes[size].devices == 1) return compute;
  return compute + exchange_bytes * s / sizes[size].exchange_bandwidth;
}

double GroupCost::overhead_s(std::size_t size) const {
  return sizes[size].devices == 1 ? fixed_s : fixed_s + fixed_exchange_s;
}

double GroupCost::time_s(std::size_t size, double work) const {
  if (work <= 0) return 0;
  return work / static_cast<double>(sizes[size].devices) + overhead_s(size);
}

std::int64_t GroupCost::capacity(std::size_t size) const {
  const double room = std::max(0.0, memory_bytes - fixed_bytes);
  if (token_bytes <= 0) return std::int64_t{1} << 40;
  return static_cast<std::int64_t>(
      std::floor(room / token_bytes * static_cast<double>(sizes[size].devices)));
}

std::size_t GroupCost::smallest_for(std::int64_t tokens) const {
  std::size_t size = 0;
  while (size < sizes.size() && capacity(size) < tokens) ++size;
  return size;
}

}  // namespace orrery
