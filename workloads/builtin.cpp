#include "workloads/builtin.hpp"

namespace orrery {

Registry<WorkloadFactory> builtin_workloads() {
  return {{"transformer_inference", make_transformer_inference,
           "prefill and decode of a batch by a dense decoder-only transformer: tensor and pipeline "
           "parallelism, replicas, eager or graph launch, precisions of weights and cache"},
          {"transformer_training", make_transformer_training,
           "one training step of a dense decoder-only transformer: tensor, sequence, pipeline and "
           "data parallelism"}};
}

}  // namespace orrery
