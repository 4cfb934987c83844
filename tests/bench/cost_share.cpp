// What share of a simulated step goes into the cost model: experiments/scale (512 GPUs), priced by
// "calibrated", folded as `orrery run` folds it. Prints a line of JSON; shares, as all of bench.
#include <chrono>
#include <cstdio>
#include <span>
#include <string>

#include "tools/orrery/builtins.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/run.hpp"

namespace {

using namespace orrery;
using Clock = std::chrono::steady_clock;

struct Spent {
  std::chrono::duration<double> seconds{};
  std::size_t prices = 0;
};

/// A registry's factories are plain functions: what they count in stands beside them.
Spent& spent() {
  static Spent spent;
  return spent;
}

/// The calibrated model, with a clock around each question.
class Timed final : public CostModel {
 public:
  explicit Timed(std::unique_ptr<CostModel> model) : model_(std::move(model)) {}
  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    const Clock::time_point start = Clock::now();
    KernelCost cost = model_->cost(kernel, device);
    spent().seconds += Clock::now() - start;
    ++spent().prices;
    return cost;
  }
  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    return model_->refusal(kernel, device);
  }

 private:
  std::unique_ptr<CostModel> model_;
};

std::unique_ptr<CostModel> make_timed(JsonCursor parameters, const CostSite& site) {
  const Registry<CostModelFactory> models = builtin_cost_models();
  return std::make_unique<Timed>(models.find("calibrated")->make(parameters, site));
}

}  // namespace

int main() {
  Builtins builtins;
  builtins.cost_models = {{"calibrated", make_timed, "calibrated, with a clock around it"}};
  const std::string overrides[] = {R"(/cost={"kind": "calibrated"})"};
  const Scenario scenario = load_scenario(ORRERY_SOURCE_DIR "/experiments/scale/scenario.json",
                                          overrides, builtins, open_catalog(find_data_folders()));
  const Clock::time_point start = Clock::now();
  const Job job = build_job(scenario);
  SimulatedJob simulated(scenario, job, builtins, Folding::where_alike);
  run_scenario(scenario, job, simulated, builtins);
  const std::chrono::duration<double> all = Clock::now() - start;
  std::printf("{\"job\": \"scale\", \"prices\": %zu, \"share_in_the_cost_model\": %.4f}\n",
              spent().prices, spent().seconds / all);
  return 0;
}
