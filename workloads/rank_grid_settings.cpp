#include "workloads/rank_grid_settings.hpp"

#include <algorithm>
#include <string>

namespace orrery {
namespace {

constexpr CountRange kExtent = {1, 1'000'000};  // the product of three stays in 64 bits
constexpr std::array<Axis, 3> kAxes = {Axis::tensor, Axis::data, Axis::pipeline};

std::string name_of(Axis axis) {
  return axis == Axis::tensor ? "tensor" : axis == Axis::data ? "data" : "pipeline";
}

std::string text(std::int64_t number) {
  return std::to_string(number);
}

std::int64_t extent_or(JsonCursor& parallel, std::string_view key, std::int64_t otherwise) {
  JsonCursor found = parallel.find(key);
  return found.present() ? found.as_count(kExtent) : otherwise;
}

void read_placement(JsonCursor& parameters, RankGrid& grid) {
  JsonCursor placement = parameters.find("placement");
  if (!placement.present()) {
    return;
  }
  const std::size_t mistakes = placement.diagnostics().count();
  std::vector<Axis> axes;
  for (JsonCursor& item : placement.items()) {
    const std::string name = item.as_choice({"tensor", "data", "pipeline"});
    axes.push_back(name == "tensor" ? Axis::tensor : name == "data" ? Axis::data : Axis::pipeline);
  }
  if (placement.diagnostics().count() != mistakes) {
    return;
  }
  if (!std::is_permutation(kAxes.begin(), kAxes.end(), axes.begin(), axes.end())) {
    placement.error(
        "expected each of \"tensor\", \"data\" and \"pipeline\" once, fastest varying first");
    return;
  }
  std::copy(axes.begin(), axes.end(), grid.placement.begin());
}

}  // namespace

RankGrid read_rank_grid(JsonCursor& parameters, JsonCursor& parallel,
                        const WorkloadContext& context, std::int64_t sequence) {
  RankGrid grid;
  grid.sequence = std::max<std::int64_t>(1, sequence);
  grid.tensor = extent_or(parallel, "tensor", 1);
  grid.pipeline = extent_or(parallel, "pipeline", 1);
  const bool data_is_written = parallel.has("data");
  grid.data = extent_or(parallel, "data", 1);
  if (!data_is_written && context.devices <= 0) grid.data = 0;  // what the cluster would say
  parallel.reject_unknown_keys();
  read_placement(parameters, grid);
  const std::int64_t ranks = grid.tensor * grid.pipeline * grid.sequence;
  const std::string shared = grid.sequence > 1 ? " x sequence " + text(grid.sequence) : "";
  if (ranks == 0 || grid.data == 0 || context.devices <= 0) {
    return grid;  // reported already, or a cluster that could not be read
  }
  JsonCursor place = parallel.present() ? parallel : parameters;
  if (!data_is_written && ranks <= context.devices) {
    grid.data = context.devices / ranks;
    if (context.devices % ranks != 0) {
      place.error("tensor " + text(grid.tensor) + " x pipeline " + text(grid.pipeline) + shared +
                  " = " + text(ranks) + " ranks do not divide the cluster's " +
                  text(context.devices) + " devices");
    }
  } else if (ranks * grid.data != context.devices) {
    place.error("parallel asks for " + text(ranks * grid.data) + " ranks (tensor " +
                text(grid.tensor) + " x pipeline " + text(grid.pipeline) + shared + " x data " +
                text(grid.data) + "), the cluster has " + text(context.devices));
  }
  grid.data *= grid.sequence;
  return grid;
}

std::vector<std::pair<std::string, JsonValue>> members_of(const RankGrid& grid) {
  std::vector<JsonValue> placement;
  for (const Axis axis : grid.placement) {
    placement.push_back(json_string(name_of(axis)));
  }
  return {{"parallel", json_object({{"tensor", json_integer(grid.tensor)},
                                    {"pipeline", json_integer(grid.pipeline)},
                                    {"data", json_integer(grid.replicas())}})},
          {"placement", json_array(std::move(placement))}};
}

JsonCursor place_in_parallel(JsonCursor& parameters, std::string_view key) {
  JsonCursor parallel = parameters.find("parallel");
  JsonCursor leaf = parallel.find(key);
  return leaf.present() ? leaf : parallel.present() ? parallel : parameters;
}

}  // namespace orrery
