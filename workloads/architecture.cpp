#include "workloads/architecture.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

namespace orrery {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"standard", "ladder", "parallel_attention",
                                                    "upper_bound"};

bool is_all_reduce(const Step& step) {
  return step.collective == CollectiveKind::all_reduce;
}

}  // namespace

std::string_view to_string(Architecture architecture) {
  return kNames[static_cast<std::size_t>(architecture)];
}

Architecture read_architecture(JsonCursor& parameters) {
  JsonCursor found = parameters.find("architecture");
  if (!found.present()) return Architecture::standard;
  const std::string name = found.as_choice({kNames[0], kNames[1], kNames[2], kNames[3]});
  for (std::size_t index = 0; index < kNames.size(); ++index) {
    if (kNames[index] == name) return static_cast<Architecture>(index);
  }
  return Architecture::standard;  // reported already
}

void apply_architecture(JsonCursor& parameters, Architecture architecture, NetworkShape& network) {
  const bool ladder = architecture == Architecture::ladder;
  if (!ladder && architecture != Architecture::parallel_attention) return;
  JsonCursor place = parameters.find("architecture");
  if (network.form != LayerForm::sequential) {
    place.error("the network has parallel residuals already; " +
                std::string(to_string(architecture)) +
                " is of layers whose blocks follow each other");
  } else if (!ladder && (network.has_latent() || !network.linear.pattern.empty())) {
    place.error("latent and linear attention are modelled without a parallel residual");
  } else if (!ladder) {
    network.form = LayerForm::shared_norm;
  }
}

Steps without_all_reduces(const Steps& steps) {
  Steps result;
  std::vector<std::ptrdiff_t> place;  // by step: how many of the result come before it
  for (std::size_t i = 0; i < steps.size(); ++i) {
    place.push_back(static_cast<std::ptrdiff_t>(result.size()));
    if (is_all_reduce(steps[i])) {
      result.back().memory.unbuffer += steps[i].memory.unbuffer;
      continue;
    }
    Step step = steps[i];
    for (int& back : step.after) {
      auto target = static_cast<std::ptrdiff_t>(i) - back;
      while (target >= 0 && is_all_reduce(steps[static_cast<std::size_t>(target)])) {
        target -= steps[static_cast<std::size_t>(target)].after.front();
      }
      const std::ptrdiff_t to = target < 0 ? -1 : place[static_cast<std::size_t>(target)];
      back = static_cast<int>(place.back() - to);
    }
    result.push_back(std::move(step));
  }
  return result;
}

}  // namespace orrery
