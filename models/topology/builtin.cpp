#include "models/topology/builtin.hpp"

namespace orrery {

// In alphabetical order, each with the picture that `orrery list topologies` shows.
Registry<TopologyFactory> builtin_topologies() {
  return {{"crossbar", make_crossbar, "every endpoint on one switch that never blocks",
           R"(
    e0  e1  e2  e3
     \   \  /  /
      [ switch ]
)"},
          {"dragonfly", make_dragonfly, "groups of routers, each joined to every other group",
           R"(
    r0-r1        r4-r5
    | X |  ====  | X |  ==== to every other group
    r2-r3        r6-r7
)"},
          {"dragonfly_plus", make_dragonfly_plus,
           "groups of leaves and spines, the spines joined to every other group",
           R"(
   [spine]  [spine]  ==== spines of every other group
      |   \/   |
      |   /\   |
   [leaf]    [leaf]
)"},
          {"fat_tree", make_fat_tree,
           "leaf switches below an ideal spine, oversubscribed or rail-optimised on request; or "
           "with real spines, in two or three levels",
           R"(
      [core]   [core]      with "cores"
       |   \   /   |
      [spine] [spine]      "spines" of them, or an ideal one
       |   \   /   |
      [leaf]   [leaf]
       e  e     e  e
)"},
          {"full_mesh", make_full_mesh, "a link between every two endpoints",
           R"(
    e0---e1
    | \ / |
    | / \ |
    e2---e3
)"},
          {"graph", make_graph, "any graph, link by link or from a GraphML file",
           R"(
    e0---[a]---[b]---e1
           \   /
            [c]---e2
)"},
          {"hybrid_cube_mesh", make_hybrid_cube_mesh, "NVLinks of a DGX-1 with V100",
           R"(
    0---1 ===== 5---4      0=4, 1=5, 2-6, 3-7 from board to board
    |\\/|       |\//|
    |//\|       |/\\|      in a board every two devices; = two links
    2===3 ----- 7===6
)"},
          {"hypercube", make_hypercube, "2^n routers, joined where one bit differs",
           R"(
      6-----7
     /|    /|
    2-----3 |
    | 4---|-5
    |/    |/
    0-----1
)"},
          {"hyperx", make_hyperx, "a grid of routers, all joined along each dimension",
           R"(
     .------.
    r0--r1--r2      and the columns likewise
    |   |   |
    r3--r4--r5
     '------'
)"},
          {"levels", make_levels, "networks of networks: nodes in racks, racks in pods, …",
           R"(
        (   hall   )        each ( ) is a topology of any kind
         |   |   |          its uplinks are the endpoints above
    (rack 0) (rack 1) (rack 2)
      n  n     n  n     n  n
)"},
          {"pcie_tree", make_pcie_tree, "devices below PCIe switches and host bridges",
           R"(
    [bridge 0]=====[bridge 1]
      /    \         /    \
    [sw]  [sw]     [sw]  [sw]
    d d   d d      d d   d d
)"},
          {"ring", make_ring, "each router joined to its two neighbours",
           R"(
    r0--r1--r2
    |       |
    r5--r4--r3
)"},
          {"supernode", make_supernode, "boards of devices in planes of switches, two levels",
           R"(
    [up] [up]  plane 0    [up] [up]  plane 1
      |  X  |               |  X  |
    [board 0] [board 1]   [board 0] [board 1]
       every device is joined to its board's switch of each plane
)"},
          {"torus", make_torus, "a grid of routers in any dimensions, the ends joined; or a mesh",
           R"(
     |   |   |
    -r0--r1--r2-
     |   |   |
    -r3--r4--r5-
     |   |   |
)"}};
}

}  // namespace orrery
