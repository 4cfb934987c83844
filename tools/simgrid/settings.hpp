#pragma once

#include <string>
#include <vector>

namespace orrery::simgrid_program {

/// What SimGrid is configured with to share links by a network model, "CM02" or "LV08".
///
/// CM02 is plain max–min sharing here, as orrery's engine does it. By itself it would scale
/// latency and bandwidth by factors, and weight flows by the bandwidth of their links (weight-S).
/// It weighs them by the inverse of their latency too; routes without latency have equal weights.
/// LV08 keeps its factors: 13.01 of the latency, 0.97 of the bandwidth, weight-S 20537.
///
/// In both a flow is not capped by a TCP window (TCP-gamma) and acknowledgements take nothing of
/// the way back (crosstraffic): the networks of accelerators have neither. By default dates closer
/// than 1e-9 s are one date (surf/precision) and shares are solved to 1e-5 (maxmin/precision), both
/// too coarse for picoseconds; the latter stays with LV08, whose weights of some 1e6 are compared
/// with it absolutely, and the solver crashes where it is below their rounding.
///
/// Shares are solved as a whole each time (optim:Full). The default solves only what has changed,
/// and misses some changes where flows wait for a latency: two of a hundred random cases end off by
/// percents then (tests/oracle/share_policy_oracle_test.cpp).
///
/// Source: SimGrid 3.32 documentation, "Configuring SimGrid", "Configuring the Network Models";
/// Velho and Legrand 2009, "Accuracy Study and Improvement of Network Simulation in the SimGrid
/// Framework", SIMUTools, for LV08's factors.
std::vector<std::string> settings_for(const std::string& model);

/// The words of a command line that sets them and keeps SimGrid from talking.
std::vector<std::string> command_line_for(const std::string& model);

}  // namespace orrery::simgrid_program
