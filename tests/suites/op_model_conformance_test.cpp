// What every op model promises, over random sizes, on every device of the catalogue that can run
// it.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "hw/catalog.hpp"
#include "models/cost/calibration.hpp"
#include "sim/base/random.hpp"

namespace orrery {
namespace {

constexpr int kDraws = 200;

std::vector<DeviceSpec> all_devices() {
  const std::vector<std::pair<std::string, std::string>> folders = {
      {"devices", std::string(ORRERY_SOURCE_DIR) + "/hw/catalog/devices"}};
  const Catalog catalog(folders);
  std::vector<DeviceSpec> devices;
  for (const Catalog::Entry& entry : catalog.list("devices")) {
    Diagnostics mistakes;
    JsonValue document = json_object({{"device", json_string(entry.name)}});
    catalog.resolve(document, mistakes);
    DeviceSpec device = read_device(JsonCursor(document.members.front().value, mistakes));
    mistakes.throw_if_any();
    if (device.peak_of(Precision::bf16)) devices.push_back(std::move(device));
  }
  return devices;
}

class OpModelSuite : public testing::TestWithParam<std::string> {
 protected:
  OpModelSuite() : model_(models_.find(GetParam())->make()) {}

  /// Sizes of powers of two and odd ones, that the model does not refuse.
  OpShape draw(RandomStream& random) const {
    for (int tries = 0; tries < 1000; ++tries) {
      OpShape shape = draw_any(random);
      if (model_->refusal(shape).empty()) return shape;
    }
    ADD_FAILURE() << "the model refuses every shape";
    return {};
  }

  OpShape draw_any(RandomStream& random) const {
    OpShape shape;
    for (const OpSize& size : model_->sizes()) {
      const double most = size.fallback ? 2 : 9;
      auto value = static_cast<std::int64_t>(std::exp(random.uniform() * most));
      if (!size.choices.empty()) {
        value =
            static_cast<std::int64_t>(random.uniform() * static_cast<double>(size.choices.size()));
      }
      if (size.name == "num_key_value_heads") value = 1 + value % 2;
      if (size.name == "num_heads") value *= 2;
      if (size.fallback == 0 && size.choices.empty()) value = *size.fallback;
      shape.sizes.push_back(value);
    }
    return shape;
  }

  /// What `orrery` takes for the device: its own figures, or those of its nearest relative.
  std::vector<double> values_on(const DeviceSpec& device) const {
    return values_for(GetParam(), *model_, device, calibrations()).values;
  }

  static const std::vector<Calibration>& calibrations() {
    static const std::vector<Calibration> all = [] {
      std::vector<Calibration> read;
      Diagnostics mistakes;
      for (const char* name : {"a100_sxm_80gb", "h100_sxm"}) {
        const std::string path =
            std::string(ORRERY_SOURCE_DIR) + "/hw/calibration/" + name + ".json";
        const JsonValue document = load_json(path, path);
        read.push_back(read_calibration(JsonCursor(document, mistakes), builtin_op_models()));
      }
      mistakes.throw_if_any();
      return read;
    }();
    return all;
  }

  /// Of what there may be more without there being less of something else, or another kernel:
  /// as measured, a convolution over fewer tokens than it loads at once takes longer, and experts
  /// of a width that their library has tuned, or can load in vectors, less long than narrower ones.
  static bool grows(const OpSize& size) {
    static const std::set<std::string_view> kOthers = {
        "num_key_value_heads", "num_experts", "moe_tp_size", "moe_ep_size", "stride",
        "block_bytes",         "attended",    "cache_write", "value_dim",   "seq_len",
        "inter_size"};
    return size.choices.empty() && !kOthers.contains(size.name);
  }

  Registry<OpModelFactory> models_ = builtin_op_models();
  std::unique_ptr<OpModel> model_;
};

TEST_P(OpModelSuite, ParametersAreNamedAndBounded) {
  for (const OpParameter& parameter : model_->parameters()) {
    EXPECT_GT(parameter.lower, 0) << parameter.name;
    EXPECT_LE(parameter.lower, parameter.start) << parameter.name;
    EXPECT_LE(parameter.start, parameter.upper) << parameter.name;
    EXPECT_FALSE(parameter.about.empty()) << parameter.name;
  }
}

TEST_P(OpModelSuite, TimesAreFiniteAndNoFasterThanTheDevice) {
  for (const DeviceSpec& device : all_devices()) {
    const auto values = values_on(device);
    RandomStream random(1, GetParam() + device.name);
    for (int draw_index = 0; draw_index < kDraws; ++draw_index) {
      const OpShape shape = draw(random);
      const OpTime time = model_->time(shape, device, values);
      ASSERT_TRUE(std::isfinite(time.seconds()));
      ASSERT_GT(time.seconds(), 0);
      ASSERT_GE(time.launch, 0);
      ASSERT_GE(time.busy * device.memory_bandwidth.as_double() * (1 + 1e-12), time.traffic);
      // Vector work has no place in an op's operations: the matrix pipes' peak bounds the rest.
      if (!model_->parameters().empty() && GetParam() != "elementwise") {
        ASSERT_GE(time.busy * device.peak_of(Precision::bf16)->as_double() * (1 + 1e-12),
                  model_->work(shape).operations);
      }
      ASSERT_EQ(time.seconds(), model_->time(shape, device, values).seconds());
    }
  }
}

TEST_P(OpModelSuite, TwiceAsMuchIsNeverFaster) {
  const std::span<const OpSize> sizes = model_->sizes();
  for (const DeviceSpec& device : all_devices()) {
    const auto values = values_on(device);
    RandomStream random(2, GetParam() + device.name);
    for (int draw_index = 0; draw_index < kDraws; ++draw_index) {
      const OpShape shape = draw(random);
      const double once = model_->time(shape, device, values).seconds();
      for (std::size_t index = 0; index < sizes.size(); ++index) {
        if (!grows(sizes[index])) continue;
        // A library has kernels of its own for single queries, and for groups of heads.
        if (sizes[index].name == "isl" && shape.sizes[index] == 1) continue;
        OpShape twice = shape;
        twice.sizes[index] *= 2;
        if (sizes[index].name == "num_heads") twice.sizes[index + 1] *= 2;
        if (!model_->refusal(twice).empty()) continue;
        ASSERT_GE(model_->time(twice, device, values).seconds(), once * (1 - 1e-12))
            << sizes[index].name << " " << twice.sizes[index] << " on " << device.name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpModelSuite, testing::ValuesIn(builtin_op_models().names()),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace orrery
