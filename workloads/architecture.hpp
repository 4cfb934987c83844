#pragma once

#include <string_view>

#include "sim/base/json_cursor.hpp"
#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// How a layer's two blocks and the all-reduces of their outputs follow each other under tensor
/// parallelism. x is the residual stream, h a block, AR the sum over the group:
///
///   standard            x(i) = x(i-1) + AR(h(x(i-1)))      each all-reduce is waited for
///   ladder              x(i) = x(i-1) + AR(h(x(i-2)))      block i runs beside the all-reduce of
///                                                          block i-1, and waits for that of i-2
///   parallel_attention  both blocks read one normed state, one all-reduce sums them: a layer of
///                       LayerForm::shared_norm
///   upper_bound         standard without its all-reduces: wrong results, and the best time that
///                       hiding them could reach
///
/// Source of ladder and of the upper bound: Zhang et al. 2025, Ladder-Residual, arXiv:2501.06589,
/// section 3 and its code, gpt_ladder_TP.py and gpt_desync_TP.py of ladder-residual-inference. Of
/// parallel attention: PaLM, arXiv:2204.02311, section 2.
enum class Architecture : unsigned char { standard, ladder, parallel_attention, upper_bound };

std::string_view to_string(Architecture architecture);
/// The key "architecture"; standard where it is not there.
Architecture read_architecture(JsonCursor& parameters);
/// Checks that the network can be run so, and gives its layers the form that belongs to it.
void apply_architecture(JsonCursor& parameters, Architecture architecture, NetworkShape& network);

/// Of the upper bound: the steps without all-reduces, none of which is the first; who waited for
/// one waits for what it waited for.
Steps without_all_reduces(const Steps& steps);

}  // namespace orrery
