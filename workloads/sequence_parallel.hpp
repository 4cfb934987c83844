#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sim/base/json_cursor.hpp"
#include "workloads/network.hpp"
#include "workloads/sequence/sequence_method.hpp"
#include "workloads/step.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// "parallel": {"sequence": …}: ranks of a group hold a part of each sequence in all layers, and
/// compute attention together by a method. Everything else they do with their tokens alone, with
/// weights that each of them has.
struct SequenceParallel {
  std::int64_t degree = 1;
  TokenLayout layout = TokenLayout::contiguous;
  std::shared_ptr<const SequenceMethod> standard;  // of layers with a softmax; none: degree 1
  std::shared_ptr<const SequenceMethod> linear;    // of linear layers

  const SequenceMethod& of(bool linear_layer) const { return linear_layer ? *linear : *standard; }
};

/// Reads "degree", "method", "standard_method" (of the standard layers of a network whose linear
/// ones have a method of their own; default all_gather_kv, which makes it LASP-2H:
/// arXiv:2502.07563, §3.5) and "layout" (default: contiguous with a method of linear attention,
/// else zigzag).
SequenceParallel read_sequence_parallel(JsonCursor& parallel);
/// What the group cannot do with the network and these rows; the division's degree is that of
/// `sequence`. `beside_tensor`: what more a scenario says that has "tensor" in place of
/// megatron_sp.
void check_sequence_parallel(JsonCursor& parameters, const SequenceParallel& sequence,
                             const NetworkShape& network, const Division& division,
                             std::string_view beside_tensor);
/// Where a method of a softmax computes linear layers, how many of them it takes for such that have
/// one: a fact from which the result warns. Else nothing.
std::vector<WorkloadFact> linear_layers_left_out(const SequenceParallel& sequence,
                                                 const NetworkShape& network);
/// That fact of so many layers.
WorkloadFact linear_layers_left_out(const SequenceMethod& method, std::int64_t layers);
JsonValue to_json(const SequenceParallel& sequence);

/// The attention of one layer, linear or not, as a group sees it.
SequenceLayer sequence_layer(const NetworkShape& network, const Division& division,
                             const SequenceParallel& sequence, bool linear_layer, Duration host);
/// Says in the steps of attention what the method keeps for the backward pass.
void declare_saved(Steps& steps, const NetworkShape& network, const Division& division,
                   const SequenceParallel& sequence, bool linear_layer);

}  // namespace orrery
