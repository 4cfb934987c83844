#include "workloads/builtin.hpp"

namespace orrery {

Registry<WorkloadFactory> builtin_workloads() {
  return {{"transformer_training", make_transformer_training,
           "one training step of a dense decoder-only transformer: tensor, sequence, pipeline and "
           "data parallelism"}};
}

}  // namespace orrery
