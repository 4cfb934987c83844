#include "kernels/calibrate/report.hpp"

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kernels/calibrate/cuda.hpp"
#include "kernels/calibrate/statistics.hpp"

namespace orrery::kernels {

namespace {

using Json = nlohmann::ordered_json;

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string kernel_driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  return std::getline(file, line) ? line : "unknown";
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  char words[32] = {};
  std::tm calendar{};
  gmtime_r(&time, &calendar);
  std::strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &calendar);
  return words;
}

double attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  require(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}

Json device_json(const Session& session, const Provenance& provenance) {
  const cudaDeviceProp& device = session.device();
  int driver = 0;
  int runtime = 0;
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  return {{"name", device.name},
          {"compute_capability", std::to_string(device.major) + "." + std::to_string(device.minor)},
          {"sms", device.multiProcessorCount},
          {"l2_bytes", device.l2CacheSize},
          {"memory_bytes", device.totalGlobalMem},
          {"sm_clock_most_Hz", attribute(cudaDevAttrClockRate, provenance.device) * 1e3},
          {"memory_clock_most_Hz", attribute(cudaDevAttrMemoryClockRate, provenance.device) * 1e3},
          {"sm_clock_before_Hz", provenance.sm_clock_before_Hz},
          {"sm_clock_after_Hz", provenance.sm_clock_after_Hz},
          {"driver", kernel_driver()},
          {"driver_supports_cuda", version_text(driver)},
          {"cuda_runtime", version_text(runtime)}};
}

Json row_json(const Row& row) {
  Json shape = Json::object();
  for (const auto& [name, value] : row.what.shape) {
    shape[name] = value;
  }
  Json json{{"kernel", row.what.kernel}, {"dtype", row.what.dtype}, {"shape", shape}};
  if (!row.part.empty()) {
    json["part"] = row.part;
  }
  json["flops"] = row.what.flops;
  json["bytes"] = row.what.bytes;
  json["median_s"] = quantile(row.ascending_s, 0.5);
  json["p10_s"] = quantile(row.ascending_s, 0.1);
  json["p90_s"] = quantile(row.ascending_s, 0.9);
  json["samples"] = row.ascending_s.size();
  json["stable"] = row.stable;
  return json;
}

}  // namespace

void write_report(const std::filesystem::path& directory, const Family& family,
                  const Session& session, const Provenance& provenance) {
  Json report{{"orrery_kernels", 1},
              {"family", family.name},
              {"about", family.about},
              {"measured_at", now()},
              {"git_hash", provenance.revision},
              {"device", device_json(session, provenance)},
              {"cases_left_out_for_time", session.left_out()},
              {"rows", Json::array()}};
  for (const Row& row : session.rows()) {
    report["rows"].push_back(row_json(row));
  }
  std::filesystem::create_directories(directory);
  const auto path = directory / (family.name + ".json");
  auto temporary = path;
  temporary += ".tmp";
  std::ofstream file(temporary);
  file << report.dump(1) << "\n";
  file.close();
  if (!file) {
    throw std::runtime_error(temporary.string() + ": cannot be written");
  }
  std::filesystem::rename(temporary, path);
}

}  // namespace orrery::kernels
