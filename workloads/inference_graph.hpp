#pragma once

#include <cstdint>

#include "sim/graph/task_graph.hpp"
#include "workloads/inference_settings.hpp"

namespace orrery {

/// The task graph of a batch of requests, and the ops from which its figures come.
struct InferenceGraph {
  TaskGraph graph;
  OpId first_tokens;  // ends when the last sequence of a replica has its first token
  OpId last_tokens;   // its last one
  LabelId kv_cache;
};

/// One prefill of all prompts and `output_length - 1` steps of decode. One op covers all ranks of a
/// pipeline stage. Micro-batches go through the stages one behind the other, in the same order in
/// every step, and a step of decode begins for each as soon as its tokens are back:
///
///   stage 0   P0 P1 . D0 D1 D0 D1 …       P prefill, D a step of decode; of 2 stages and
///   stage 1   .  P0 P1 D0' …              2 micro-batches
///
/// Streams of a rank: `compute` (kernels), `tensor` (collectives of its group; as on one stream
/// with the kernels, nothing overlaps but what ladder lets run on, see architecture.hpp),
/// `pipeline_{send,receive}` (the hidden state and the residual stream to the next stage, from each
/// rank to its peer), `token_{send,receive}` (from the last stage to the first).
///
/// Memory: `weights`; `kv_cache`, which grows layer by layer as each pass writes it and is given
/// back when the last token of a micro-batch is there; `states` of linear layers, which prefill
/// takes and which stay as large; `buffers`.
InferenceGraph inference_graph(const InferenceSettings& settings);

/// At most so many ops will the graph have.
std::int64_t inference_ops(const InferenceSettings& settings);

}  // namespace orrery
