#include "tools/simgrid/settings.hpp"

namespace orrery::simgrid_program {

std::vector<std::string> settings_for(const std::string& model) {
  std::vector<std::string> settings = {"network/model:" + model, "network/TCP-gamma:0",
                                       "network/crosstraffic:0", "surf/precision:1e-12",
                                       "network/optim:Full"};
  if (model == "CM02") {
    settings.insert(settings.end(), {"maxmin/precision:1e-9", "network/weight-S:0",
                                     "network/latency-factor:1", "network/bandwidth-factor:1"});
  }
  return settings;
}

std::vector<std::string> command_line_for(const std::string& model) {
  std::vector<std::string> words = {"orrery-simgrid", "--log=root.threshold:warning"};
  for (const std::string& setting : settings_for(model)) words.push_back("--cfg=" + setting);
  return words;
}

}  // namespace orrery::simgrid_program
