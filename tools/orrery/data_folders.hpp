#pragma once

#include <string>

#include "hw/catalog.hpp"

namespace orrery {

/// Where the shipped data lies: beside the installed program, else in the tree it was built from.
struct DataFolders {
  std::string catalog;        // holds devices, links, nodes, clusters
  std::string networks;       // shapes of neural networks
  std::string metrics;        // the page that defines every figure of a result
  std::string reproductions;  // published results, a folder each
  std::string calibration;    // what was fitted to measurements
  std::string report;         // the page of `orrery report`, in parts
};

/// Throws IoError that names both places when neither has a catalogue.
DataFolders find_data_folders();

/// The catalogue with its five kinds: devices, links, nodes, clusters, networks.
Catalog open_catalog(const DataFolders& folders);

}  // namespace orrery
