#pragma once

#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "models/cost/calibration.hpp"

namespace orrery {

/// Every calibration of cost models in the folder, by name of the file: those with "ops". Throws
/// IoError and ScenarioError.
std::vector<Calibration> load_calibrations(const std::string& folder,
                                           const Registry<OpModelFactory>& models);
/// The same files, as sources of a result.
std::vector<Catalog::SourceFile> calibration_sources(const std::string& folder);

/// A device of the catalogue, by name or file. Throws ScenarioError; `where` is named as its place.
DeviceSpec device_named(const std::string& name, const std::string& where, const Catalog& catalog);

}  // namespace orrery
