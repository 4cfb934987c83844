#include "workloads/step.hpp"

#include <utility>

namespace orrery {

Step kernel_step(std::string label, Kernel kernel, StepMemory memory) {
  Step step;
  step.label = std::move(label);
  step.kernel = std::move(kernel);
  step.memory = memory;
  return step;
}

Step collective_step(std::string label, CollectiveKind kind, Bytes bytes) {
  Step step;
  step.label = std::move(label);
  step.collective = kind;
  step.bytes = bytes;
  return step;
}

Step shared_step(SharedCore core, bool of_linear_layer) {
  Step step;
  step.label = "attention";
  step.shared = core;
  step.of_linear_layer = of_linear_layer;
  return step;
}

}  // namespace orrery
