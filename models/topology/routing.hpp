#pragma once

#include <memory>
#include <string>

#include "models/topology/topology.hpp"

namespace orrery {

/// How traffic finds its way through a topology: the keys "routing" and "routes" of any fabric.
///
///   ecmp             fewest hops; every switch chooses by the flow's hash (RFC 2992). The default,
///                    as far as a topology has no rule of its own
///   minimal          fewest hops; every switch chooses by a hash of the destination alone, as
///                    forwarding tables with one entry a destination do
///   spray            fewest hops; every switch deals a flow out over all of them in equal parts,
///   as
///                    spraying of packets does (Dixit et al., INFOCOM 2013). Reordering is free
///   dimension_order  in grids: all of the first dimension, then of the second, … (Dally and Seitz,
///                    IEEE Trans. Computers C-36(5), 1987); between the two ways round a ring of
///                    equal length, and between parallel links, by the flow's hash
///   up_down          towards the top of a tree, then away from it, and never up again (Schroeder
///   et
///                    al., Autonet, IEEE JSAC 9(8), 1991); the fewest hops of these
///   valiant          fewest hops to the switch of an endpoint drawn by the flow's hash, and from
///                    there to the destination (Valiant, SIAM J. Comput. 11(2), 1982)
///   adaptive         fewest hops; of these ways the one whose most loaded link is least loaded
///                    when the message starts (then of the least sum of loads, then by the flow's
///                    hash): minimal adaptive routing (Dally and Towles, Principles and Practices
///                    of Interconnection Networks, 2004, §10.1) by what a fluid message can know.
///                    A message keeps its way. Links that no way avoids do not count
///   ugal             the minimal way above, or that of valiant, whichever has the smaller product
///                    of load and hops; ties to the minimal one. Load is that of the most loaded
///                    link which the other way does not take (Kim, Dally, Scott and Abts, ISCA
///                    2008, §4.2, with the load of whole ways as in UGAL-G)
///
/// The load of a link: messages on it, the one that asks among them, by the bytes/s it carries.
/// Left out: deadlocks of buffers, which dimension order and up-down are for, and that real
/// switches decide packet by packet.
///
/// "routes": [{"from": 0, "to": 5, "through": ["node 0, NIC 0 -> leaf 0", …]}] says the way of a
/// pair of endpoints link by link, whatever the routing.
struct RoutingChoice {
  std::string kind;    // "" when the section says none
  JsonCursor section;  // where `kind` stands
  JsonCursor routes;
};
/// Asks for its keys, so that the topology does not take them for unknown ones.
RoutingChoice read_routing(JsonCursor& fabric);

/// The topology with that routing, or itself when nothing is chosen. Mistakes (no grid, a route
/// through unknown links) go to the diagnostics of the choice; the result may be null then.
std::unique_ptr<Topology> route_by(std::unique_ptr<Topology> topology, RoutingChoice choice);

}  // namespace orrery
