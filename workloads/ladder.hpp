#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Makes the passes of a step those of ladder (architecture.hpp), from the standard ones with
/// all-reduces. The kernels stay the same, two of each pass change places in every layer:
///
///   forward   [+ attention of the layer before] norm qkv … projection  [all-reduce A]
///             [+ feed-forward of the layer before] norm up … down      [all-reduce F]
///   backward  feed-forward, back to its normed input                   [all-reduce F']
///             norm of attention, of the layer above, for which A' was needed
///             attention, back to its normed input                      [all-reduce A']
///             norm of the feed-forward, which needs F'
///
/// The backward pass is derived, not published: it is the transpose of the forward one. With
/// R(i) = R(i-1) + A(i-2) the residual stream in front of block i, A(i) = AR(h(R(i))), the gradient
/// of A(i) is that of R(i+2), so that block i needs the all-reduce of block i+2's input gradient
/// and runs beside that of block i+1.
///
/// The first layer's sums, and of the backward pass the last layer's norm of attention, stand for
/// those at the other end, which have no layer to be in: as much work, a layer early. Head and
/// embedding wait for both blocks.
/// Of a network whose layers are sequential and without latent attention; no sequence parallelism.
void make_ladder(const NetworkShape& shape, const Division& division, Passes& embedding,
                 Passes& layer, Passes& head);

}  // namespace orrery
