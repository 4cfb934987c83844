#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/machine.hpp"
#include "sim/graph/analysis.hpp"
#include "sim/graph/rank_class.hpp"
#include "sim/graph/timeline.hpp"
#include "tools/orrery/checks.hpp"
#include "tools/orrery/placed_memory.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// From what a run left behind to the figures of a Result; METRICS.md defines each. `classes`: by
/// rank of the graph that ran, which ranks of the job it stands for; the figures speak for those.

Breakdown summarise(const TaskGraph& graph, std::span<const RankBreakdown> ranks,
                    std::span<const RankClass> classes);

/// All devices of a cluster are of one class for now.
MemoryUse fullest(const TaskGraph& graph, const MemoryMeter& meter,
                  std::span<const RankClass> classes, const DeviceSpec& device);
/// Of the fullest node's host; nothing where the graph keeps nothing there.
std::optional<MemoryUse> fullest_host(const TaskGraph& graph, const PlacedMemory& memory,
                                      const NodeSpec& node);

std::vector<CollectiveUse> collective_uses(std::span<const CollectiveRecord> records);

/// Most loaded first; equally loaded ones in the order given.
std::vector<ResourceUse> resource_uses(std::span<const Machine::ResourceUse> resources,
                                       Duration makespan);

/// Kernels count under what bounds them, their launch apart; communication by category. Largest
/// first; causes that take no time are left out.
std::vector<Cause> causes(const TaskGraph& graph, std::span<const CriticalStep> path,
                          const Machine& machine);

/// For each kernel the run that came nearest to its physical bound.
std::vector<Evidence::KernelSpan> fastest_kernels(const TaskGraph& graph,
                                                  std::span<const Span> spans,
                                                  const Machine& machine);

std::vector<Evidence::RankSum> rank_sums(std::span<const RankBreakdown> ranks,
                                         std::span<const RankClass> classes);

/// On devices, and in hosts, these by node.
std::vector<Evidence::Unfreed> unfreed(const TaskGraph& graph, const PlacedMemory& memory,
                                       std::span<const RankClass> classes);

Duration sum(std::span<const CriticalStep> path);

}  // namespace orrery
