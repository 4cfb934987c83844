#include "tools/orrery/measured_deepep.hpp"

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "tools/orrery/op_table.hpp"

namespace orrery {
namespace {

constexpr const char* kHeader =
    "num_gpus,node_limit,hidden_size,num_token,num_topk,num_experts,sms,dispatch_us,combine_us";
constexpr std::size_t kCounts = 7;
constexpr double kMicro = 1e-6;
constexpr double kMost = 1e9;

struct Line {
  std::array<std::int64_t, kCounts> counts{};
  std::array<double, 2> micros{};
};

std::optional<Line> line_from(const std::string& text) {
  Line line;
  std::istringstream stream(text);
  const auto next = [&stream](auto& value, double least) {
    std::string field;
    std::getline(stream, field, ',');
    std::istringstream digits(field);
    return static_cast<bool>(digits >> value) && digits.eof() &&
           static_cast<double>(value) >= least && static_cast<double>(value) <= kMost;
  };
  for (std::size_t i = 0; i < kCounts; ++i) {
    if (!next(line.counts[i], i == kCounts - 1 ? 0 : 1)) return std::nullopt;
  }
  for (double& micros : line.micros) {
    if (!next(micros, 1e-3)) return std::nullopt;
  }
  if (!stream.eof() || line.counts[0] < 2 || line.counts[4] > line.counts[5]) return std::nullopt;
  return line;
}

MeasuredCollective row_from(const Line& line, std::size_t kernel, int devices_a_node) {
  const auto [gpus, limit, hidden, tokens, top_k, experts, sms] = line.counts;
  const bool low_latency = kernel >= 2;
  const bool combines = kernel % 2 == 1;
  MeasuredCollective row;
  row.kind = CollectiveKind::all_to_all;
  row.datatype = kDeepEpKernels[kernel];
  row.ranks = static_cast<int>(gpus);
  row.deepep = {
      .kernel = kernel,
      .token = Bytes(combines ? 2 * hidden : hidden + hidden / 128 * 4 + (low_latency ? 16 : 0)),
      .experts = static_cast<int>(experts),
      .top_k = static_cast<int>(top_k),
      .node_limit = static_cast<int>(limit),
      .cores = low_latency ? 0 : static_cast<int>(sms)};
  const int nodes = std::max(1, row.ranks / devices_a_node);
  const double copies = copies_of(row.deepep, row.ranks, nodes).copies;
  row.size =
      Bytes(std::llround(static_cast<double>(tokens) * copies * row.deepep.token.as_double()));
  row.measured_s = line.micros[combines ? 1 : 0] * kMicro;
  return row;
}

}  // namespace

void read_measured_deepep(JsonCursor cursor, const std::string& folder, MeasuredSystem& system) {
  namespace fs = std::filesystem;
  JsonCursor table = cursor.at("table");
  const fs::path path = fs::path(folder) / table.as_string();
  const std::int64_t every = cursor.find("fitted_every").as_count({.minimum = 2});
  const std::int64_t ranks = cursor.find("fitted_ranks").as_count({.minimum = 2});
  std::vector<std::size_t> kernels;
  const std::vector<std::string> names(kDeepEpKernels.begin(), kDeepEpKernels.end());
  for (JsonCursor& item : cursor.at("kernels").items()) {
    const std::string kernel = item.as_choice(names);
    kernels.push_back(static_cast<std::size_t>(std::find(names.begin(), names.end() - 1, kernel) -
                                               names.begin()));
  }
  cursor.reject_unknown_keys();
  std::ifstream file(path);
  std::string text;
  if (!file || !std::getline(file, text)) {
    throw IoError("cannot read the table " + path.string());
  }
  if (text != kHeader) {
    table.error("expected a table with the columns " + std::string(kHeader) + ", found " +
                json_string(text).describe());
    return;
  }
  const std::int64_t cores = system.cluster.node.device.cores;
  for (int number = 2; std::getline(file, text); ++number) {
    const auto line = line_from(text);
    if (!line || line->counts[0] > system.cluster.device_count() ||
        (cores > 0 && line->counts[kCounts - 1] > cores)) {
      table.error("line " + std::to_string(number) + " of the table: expected 2 to " +
                  std::to_string(system.cluster.device_count()) +
                  " ranks, five counts, cores that the device has and two times, found " +
                  json_string(text).describe());
      return;
    }
    const auto [gpus, limit, hidden, tokens, top_k, experts, sms] = line->counts;
    for (const std::size_t kernel : kernels) {
      MeasuredCollective row =
          row_from(*line, kernel, static_cast<int>(system.cluster.node.devices));
      std::ostringstream key;
      key << path.stem().string() << ',' << kDeepEpKernels[kernel] << ',' << gpus << ',' << hidden
          << ',' << tokens << ',' << top_k << ',' << experts << ',' << sms;
      row.draw = crc32_of(key.str());
      row.fitted = (every > 0 && row.draw % every == 0) || gpus == ranks;
      system.rows.push_back(row);
    }
  }
}

}  // namespace orrery
