#include "workloads/offload_settings.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace orrery {

void read_offload(JsonCursor& parameters, Offload& offload) {
  JsonCursor object = parameters.find("offload");
  if (!object.present()) return;
  JsonCursor states = object.find("optimizer_states");
  offload.optimizer_states = states.present() && states.as_boolean();
  if (JsonCursor activations = object.find("activations"); activations.present()) {
    offload.layers = activations.at("layers").as_count({1, 10'000});
    if (JsonCursor prefetch = activations.find("prefetch"); prefetch.present()) {
      offload.prefetch = prefetch.as_count({0, 10'000});
    }
    activations.reject_unknown_keys();
  }
  object.reject_unknown_keys();
}

void check_offload(JsonCursor& parameters, const TrainingSettings& settings) {
  if (settings.offload.optimizer_states && settings.division.megatron_kernels) {
    parameters.find("kernels").error(
        "Megatron-LM v3.0 copied weights from master weights on the device; with optimizer states "
        "in the host's memory that is not modelled");
  }
  if (settings.stages.empty()) return;  // reported already
  const std::int64_t most = *std::ranges::max_element(settings.stages);
  if (settings.offload.layers <= most) return;
  JsonCursor object = parameters.find("offload");
  JsonCursor activations = object.find("activations");
  activations.at("layers").error("no stage has more than " + std::to_string(most) +
                                 " layers, here are " + std::to_string(settings.offload.layers));
}

JsonValue offload_json(const Offload& offload) {
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"optimizer_states", json_boolean(offload.optimizer_states)}};
  if (offload.layers > 0) {
    members.emplace_back("activations",
                         json_object({{"layers", json_integer(offload.layers)},
                                      {"prefetch", json_integer(offload.prefetch)}}));
  }
  return json_object(std::move(members));
}

}  // namespace orrery
