#pragma once

#include <cstdint>
#include <string>

#include "sim/base/json_cursor.hpp"
#include "workloads/architecture.hpp"
#include "workloads/network.hpp"
#include "workloads/staged_product.hpp"
#include "workloads/step.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// How the products of a tensor-parallel group overlap with the reductions of their outputs:
///
///   none        the reduction follows the product, as a collective
///   triggered   the product is made in stages whose stores start a ring reduce-scatter, without a
///               core (StagedProduct, after T3); of an all-reduce, an all-gather follows as a
///               collective. So run the row-parallel products forward, and backward those that give
///               the gradients of a column-parallel input. Other collectives stay what they are.
///
/// What such a product takes is what it took as one kernel: arithmetic, reads and stores beside
/// each other. Of the stages, `workgroups` tiles of 128 x 128, as many as make a chunk are its
/// blocks.
/// Source: T3 (Pati et al., ASPLOS 2024), sections 4 and 5.2.
struct TensorOverlap {
  bool triggered = false;
  std::int64_t workgroups = 1;  // of a product at once, on each rank
};

/// The key "tensor_overlap" of "parallel"; none where it is not there.
TensorOverlap read_tensor_overlap(JsonCursor& parallel, const WorkloadContext& context);

/// What "triggered" does not go with: the upper bound, ranks that share sequences; empty: none.
std::string overlap_conflict(Architecture architecture, std::int64_t sequence);
/// Once all else was read: what `conflict` names, a group of one, networks whose reductions do not
/// follow a product.
void check_tensor_overlap(JsonCursor& parameters, const TensorOverlap& overlap, std::int64_t tensor,
                          const NetworkShape& network, const std::string& conflict);

/// Marks the products whose stores trigger the reduction behind them (Step::blocks).
void trigger_reductions(Steps& steps, const TensorOverlap& overlap, std::int64_t tensor);

/// Of such a step, which the reduction follows. Category of its kernels: `product`.
StagedProduct::Plan staged_plan(const Step& product, const Step& reduction, std::int64_t tensor,
                                const std::string& name);

/// At most so many ops are made of these steps on a group of so many ranks.
std::int64_t count_ops(const Steps& steps, std::int64_t tensor);

}  // namespace orrery
