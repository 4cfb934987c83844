#include "tools/orrery/data_folders.hpp"

#include <filesystem>
#include <system_error>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

DataFolders find_data_folders() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = (program.parent_path() / ORRERY_DATA_RELATIVE).lexically_normal();
  if (!error && is_folder(installed / "catalog")) {
    return {(installed / "catalog").string(),     (installed / "networks").string(),
            (installed / "METRICS.md").string(),  (installed / "experiments/reproduce").string(),
            (installed / "calibration").string(), (installed / "report").string()};
  }
  const fs::path source = ORRERY_SOURCE_DATA;
  if (is_folder(source / "hw/catalog")) {
    return {(source / "hw/catalog").string(),
            (source / "workloads/networks").string(),
            (source / "tools/orrery/METRICS.md").string(),
            (source / "experiments/reproduce").string(),
            (source / "hw/calibration").string(),
            (source / "tools/orrery/report").string()};
  }
  throw IoError("no catalogue: neither " + (installed / "catalog").string() + " nor " +
                (source / "hw/catalog").string() + " is there");
}

Catalog open_catalog(const DataFolders& folders) {
  std::vector<std::pair<std::string, std::string>> kinds;
  for (const char* kind : {"devices", "links", "nodes", "clusters"}) {
    kinds.emplace_back(kind, folders.catalog + "/" + kind);
  }
  kinds.emplace_back("networks", folders.networks);
  return Catalog(std::move(kinds));
}

}  // namespace orrery
