#include "workloads/recomputation.hpp"

#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {

Passes recompute_core(const Passes& passes) {
  Passes result;
  Steps again;
  Bytes lost;
  for (Step step : passes.forward) {
    if (step.kept) {
      Step once_more = step;
      once_more.label = "recompute." + step.label;
      once_more.memory.saved = step.memory.saved - *step.kept;
      again.push_back(std::move(once_more));
      const Bytes passing = step.memory.saved - *step.kept;
      step.memory.saved = *step.kept;
      step.memory.buffer += passing;
      lost += passing;
    } else if (lost > Bytes(0)) {  // the step behind the core: what it saved is gone
      result.forward.back().memory.unbuffer += lost;
      lost = Bytes(0);
    }
    result.forward.push_back(std::move(step));
  }
  for (const Step& step : passes.backward) {
    if (step.uses_core) result.backward.insert(result.backward.end(), again.begin(), again.end());
    result.backward.push_back(step);
  }
  return result;
}

Steps without_saving(const Steps& forward, Bytes checkpoint) {
  Steps result = forward;
  Bytes passing;
  for (Step& step : result) {
    passing += step.memory.saved;
    step.memory.buffer += step.memory.saved;
    step.memory.saved = Bytes(0);
  }
  result.back().memory.unbuffer += passing;
  result.front().memory.saved = checkpoint;
  return result;
}

Steps from_checkpoint(const Steps& forward, Bytes checkpoint) {
  Steps result = forward;
  for (Step& step : result) step.label = "recompute." + step.label;
  ORRERY_CHECK(result.front().memory.saved >= checkpoint, "a pass saves less than its input");
  result.front().memory.saved = result.front().memory.saved - checkpoint;
  return result;
}

Steps input_gradients(const Steps& backward) {
  Steps result;
  std::vector<int> place;  // by step of `backward`: how many of the result come before it
  for (std::size_t i = 0; i < backward.size(); ++i) {
    place.push_back(static_cast<int>(result.size()));
    if (backward[i].weights_only) continue;
    Step step = backward[i];
    for (int& back : step.after) {
      const auto waits_for = static_cast<std::ptrdiff_t>(i) - back;
      const int at = place.back();
      back = waits_for < 0 ? at + 1 : at - place[static_cast<std::size_t>(waits_for)];
      if (back == 0) back = 1;  // it waited for a weight gradient, hence for what came before
    }
    result.push_back(std::move(step));
  }
  return result;
}

Steps weight_gradients(const Steps& backward) {
  Steps result;
  for (const Step& step : backward) {
    if (!step.weights_only) continue;
    result.push_back(step);
    result.back().after = {1};
  }
  return result;
}

}  // namespace orrery
