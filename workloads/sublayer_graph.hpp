#pragma once

#include <string>
#include <vector>

#include "workloads/staged_product.hpp"
#include "workloads/sublayer_settings.hpp"

namespace orrery {

/// The product of a tensor-parallel sublayer as a task graph, and what its communication is added
/// with.
class SublayerGraph {
 protected:
  using Communication = SublayerSettings::Communication;
  using Overlap = SublayerSettings::Overlap;
  using Reduction = SublayerSettings::Reduction;

  explicit SublayerGraph(const SublayerSettings& settings);

  bool is_ring() const { return settings_.communication == Communication::ring_reduce_scatter; }
  std::int64_t chunks() const { return settings_.tensor; }
  Bytes chunk() const { return product_.chunk(); }

  OpId add_kernel(const std::string& label, const char* stream, LabelId category, Kernel kernel);
  /// Of the whole output.
  OpId add_collective(CollectiveKind kind, LabelId label);
  void add_facts();

  SublayerSettings settings_;
  Rank ranks_;
  Job job_;
  TaskGraph& graph_;
  RankSetId all_;
  LabelId reduce_;
  LabelId gather_;
  StagedProduct product_;  // its kernels are there

 private:
  StagedProduct::Plan plan();
};

}  // namespace orrery
