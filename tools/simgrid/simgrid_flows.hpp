#pragma once

#include <memory>

#include "models/message_flows.hpp"

namespace orrery::simgrid_program {

/// Messages as communications of SimGrid: the engine "simgrid" of the section "fabric".
///
/// SimGrid's run loop is the one that runs; the engine's events hang in it as a timer at the time
/// of the next of them. A message is one communication over the links of its route, and over links
/// that stand for the memory and math it takes of devices.
///
/// With CM02 links have no latency, so that all messages weigh the same: the machine waits for it
/// after the last byte, as it does with the native engine, and the times are those of the native
/// engine but for rounding. With LV08 SimGrid has the latency of the route and makes of it what its
/// model says: it waits 13.01 times as long before the first byte, and weighs a message by the
/// inverse of the latency and of the bandwidth of its links. Links carry 0.97 of their bandwidth. A
/// message then arrives when it has left.
///
/// Refuses by UnmappableError what SimGrid has no counterpart for: several ways of one message,
/// priorities among messages, weights, capacities that change, and memory or math of a device that
/// is too short for the messages beside a kernel (see DeviceShares). SimGrid keeps one engine per
/// process, so this may be made once.
std::unique_ptr<MessageFlows> make_simgrid_flows(const FlowChoice& choice, const FlowSite& site);

}  // namespace orrery::simgrid_program
