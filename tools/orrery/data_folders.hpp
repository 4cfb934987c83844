#pragma once

#include <string>

#include "hw/catalog.hpp"
#include "models/nccl/fits.hpp"

namespace orrery {

/// Where the shipped data lies: beside the installed program, else in the tree it was built from.
struct DataFolders {
  std::string catalog;        // holds devices, links, nodes, clusters
  std::string networks;       // shapes of neural networks
  std::string metrics;        // the page that defines every figure of a result
  std::string reproductions;  // published results, a folder each
  std::string calibration;    // what was fitted to measurements
};

/// Throws IoError that names both places when neither has a catalogue.
DataFolders find_data_folders();

/// The catalogue with its five kinds: devices, links, nodes, clusters, networks.
Catalog open_catalog(const DataFolders& folders);

/// What NCCL was measured to do. Throws IoError, or ScenarioError for mistakes in the file.
NcclFits load_nccl_fits(const DataFolders& folders);
/// That file, as a result names it.
Catalog::SourceFile nccl_source(const DataFolders& folders);

}  // namespace orrery
