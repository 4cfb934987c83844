#include "workloads/builtin.hpp"

namespace orrery {

Registry<WorkloadFactory> builtin_workloads() {
  return {
      {"collective", make_collective_benchmark,
       "collectives alone, as nccl-tests runs them: of any kind, in groups of ranks, one after "
       "another or side by side; all-to-all-v by a table of sizes or a law"},
      {"sequence_parallel_attention", make_sequence_parallel_attention,
       "one attention layer whose tokens are divided among ranks: Ring Attention, TokenRing, "
       "Ulysses, USP, gathered keys and values, Megatron-LM's sequence parallelism"},
      {"heterogeneous_sequence_parallel", make_heterogeneous_sequence_parallel,
       "one training step over sequences of many lengths, planned: Ulysses groups of different "
       "sizes side by side, micro-batch by micro-batch, under ZeRO-3 (FlexSP); its baselines"},
      {"tensor_parallel_sublayer", make_tensor_parallel_sublayer,
       "one matrix product of a tensor-parallel layer and the collective behind it: in sequence, "
       "beside each other, or chunk by chunk as a track-and-trigger unit starts them (T3)"},
      {"transformer_inference", make_transformer_inference,
       "prefill and decode of a batch by a dense decoder-only transformer: tensor and pipeline "
       "parallelism, replicas, eager or graph launch, precisions of weights and cache"},
      {"transformer_training", make_transformer_training,
       "one training step of a dense decoder-only transformer: tensor, sequence, pipeline and "
       "data parallelism"}};
}

}  // namespace orrery
