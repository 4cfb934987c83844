#include "models/topology/builtin.hpp"

namespace orrery {

Registry<TopologyFactory> builtin_topologies() {
  return {{"crossbar", make_crossbar, "every endpoint on one switch that never blocks"},
          {"fat_tree", make_fat_tree,
           "leaf switches below an ideal spine, oversubscribed or rail-optimised on request"},
          {"full_mesh", make_full_mesh, "a link between every two endpoints"}};
}

}  // namespace orrery
