#include "models/cost/op/op_model.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "models/cost/op/builtin.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

// Share of the memory's bandwidth that copies and additions of long arrays reach on GPUs (assumed:
// recalled from BabelStream, 1.40 of 1.555 TB/s on A100 40 GB; matrix products reach less there).
constexpr double kStreamed = 0.9;

// NVIDIA's families, the ones without products of groups of warps first.
constexpr std::array<std::string_view, 9> kFamilies = {
    "kepler", "maxwell", "pascal", "volta", "turing", "ampere", "ada", "hopper", "blackwell"};
constexpr std::string_view kGraphics = "blackwell graphics";  // chips GB202 and their like

/// Words of letters and digits, in small letters.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char each : text) {
    const auto character = static_cast<unsigned char>(each);
    if (std::isalnum(character) != 0) {
      words.back() += static_cast<char>(std::tolower(character));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

}  // namespace

std::string OpModel::details(const OpShape&, const DeviceSpec&, std::span<const double>) const {
  return {};
}

std::string OpModel::refusal(const OpShape&) const {
  return {};
}

std::string OpModel::outside_measured(const OpShape&) const {
  return {};
}

std::string divides(std::string_view whole_name, std::int64_t whole, std::string_view part_name,
                    std::int64_t part) {
  if (whole % part == 0) return {};
  return std::string(whole_name) + ": expected a multiple of " + std::string(part_name) + " (" +
         std::to_string(part) + "), got " + std::to_string(whole);
}

double core_rate(const DeviceSpec& device, Precision precision) {
  const std::optional<FlopRate> peak = device.peak_of(precision);
  ORRERY_CHECK(peak && device.cores > 0, "a device without the rate that an op needs");
  return peak->as_double() / static_cast<double>(device.cores);
}

OpTime streamed(double bytes, const DeviceSpec& device, std::string_view kind) {
  OpTime time;
  time.launch = to_seconds(device.kernel_launch);
  time.traffic = bytes;
  const auto at = std::find(kMemoryKinds.begin(), kMemoryKinds.end(), kind) - kMemoryKinds.begin();
  const double share = device.kind_efficiency.at(static_cast<std::size_t>(at)).value_or(kStreamed);
  time.memory = bytes / (device.memory_bandwidth.as_double() * share);
  time.busy = time.memory;
  return time;
}

std::optional<double> scaling_rate(const DeviceSpec& device) {
  for (const Precision precision : {Precision::bf16, Precision::fp16}) {
    if (device.peak_of(precision) && device.cores > 0) return core_rate(device, precision);
  }
  return std::nullopt;
}

std::string family_of(std::string_view architecture) {
  const std::vector<std::string> words = words_of(architecture);
  for (const std::string_view family : kFamilies) {
    if (std::find(words.begin(), words.end(), family) == words.end()) continue;
    const bool graphics = std::any_of(words.begin(), words.end(), [](const std::string& word) {
      return word.starts_with("gb20") && word != "gb200";  // a board of GB100s
    });
    return std::string(family == "blackwell" && graphics ? kGraphics : family);
  }
  return std::string(architecture);
}

bool has_warp_groups(const DeviceSpec& device) {
  const std::string family = family_of(device.architecture);
  if (family == "hopper" || family == "blackwell") return true;
  const bool known = family == kGraphics ||
                     std::find(kFamilies.begin(), kFamilies.end(), family) != kFamilies.end();
  return !known && device.vendor == "NVIDIA";
}

bool regroups_heads(double heads, double kv_heads, double sequences) {
  return heads > kv_heads && kv_heads > 1 && sequences > 1;
}

double element_bytes(Precision precision) {
  return storage(precision, 2).as_double() / 2;
}

Registry<OpModelFactory> builtin_op_models() {
  return {
      {"gemm", make_gemm_op, "matrix product by tiles, waves and parts of the inner dimension"},
      {"context_attention", make_context_attention_op,
       "fused causal attention of a prefill by blocks of rows, and the write to the KV cache"},
      {"generation_attention", make_generation_attention_op,
       "attention of one new token by the bytes of its KV cache, cut into parts"},
      {"moe", make_moe_op, "experts' two grouped products by the experts that get tokens"},
      {"gated_delta_net", make_gated_delta_net_op,
       "linear attention with a gated delta rule: its convolution and its recurrence"},
      {"conv3x3", make_conv3x3_op, "3x3 convolution as the product of its unfolded input"},
      {"elementwise", make_elementwise_op, "one pass over its operands"},
      {"softmax", make_softmax_op, "row by row, by the bytes that its algorithm moves"},
      {"pack", make_pack_op, "strided blocks into one buffer, by whole sectors of memory"},
  };
}

}  // namespace orrery
