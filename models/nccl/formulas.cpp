#include "models/nccl/formulas.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

/// Channels for each of a graph between nodes (recalled from NCCL's src/graph/connect.cc).
constexpr int kDoubled = 2;

double ratio(double here, double there) {
  return here > 0 && there > 0 ? here / there : 1;
}

std::string in_lower_case(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

}  // namespace

NcclFormulas::NcclFormulas(const NcclFits& fits, const NcclPlace& place)
    : tuning_(&fits.tuning), place_(place) {
  const auto& [link, fit] = nccl_fit_of(fits, place.link);
  fit_ = &fit;
  fitted_link_ = &link;
  const NcclFit::Protocol& here = place.catalogue;
  const NcclFit::Protocol& there = fit.catalogue;
  scale_ = {.launch = ratio(to_seconds(here.launch), to_seconds(there.launch)),
            .step = ratio(to_seconds(here.step), to_seconds(there.step)),
            .efficiency = ratio(here.efficiency, there.efficiency)};
}

/// NCCL's own estimate (src/graph/tuning.cc): what it reckons with, not what it takes.
double NcclFormulas::estimate(std::size_t protocol, const NcclWork& work, Bytes size) const {
  const NcclGraph& graph = work.is_tree ? place_.graphs.tree : place_.graphs.ring;
  const double adapter = graph.bandwidth > 0 ? graph.bandwidth : place_.adapter;
  if (work.crossings > 0 && work.reckoned > 0 && tuning_->between_nodes) {
    const int channels = graph.channels > 0 ? graph.channels : work.adapters;
    return tuning_->between_nodes->seconds(protocol, work, size, channels * adapter);
  }
  const NcclTuning::Protocol& tuning = tuning_->protocols[protocol];
  const double port = fit_->tuning_port * place_.port;
  const double inside = protocol == 0   ? std::min(fit_->tuning_ll * place_.port, port / 2)
                        : protocol == 1 ? tuning_->ll128_share * port
                                        : port;
  const double out = adapter > 0 ? tuning.wire / adapter : 0;
  const double bytes = std::max(work.tuned / inside, work.tuned_adapter * out);
  const int inside_nodes = work.steps + work.steps_between - work.crossings;
  return to_seconds(tuning.launch) + inside_nodes * to_seconds(tuning.step) +
         work.crossings * to_seconds(tuning.between) + bytes;
}

std::size_t NcclFormulas::choose(const WorkOf& work_of, Bytes size, std::string& why) const {
  std::size_t best = 0;
  double least = 0;
  why = "NCCL's own estimates:";
  for (std::size_t p = 0; p < kNcclProtocols.size(); ++p) {
    const NcclWork work = work_of(tuning_->protocols[p].chunk);
    if (p == 1 && work.crossings > 0 && tuning_->between_nodes && !tuning_->between_nodes->ll128) {
      continue;
    }
    const double time = estimate(p, work, size);
    why += std::string(p == 0 ? " " : ", ") + kNcclProtocols[p] + " " +
           to_text(duration_from_seconds(time));
    if (p == 0 || time < least) {
      best = p;
      least = time;
    }
  }
  return best;
}

/// Fewer, and these with fewer threads, while a thread would have less to do than pays (recalled
/// from NCCL's src/enqueue.cc, where a ring's LL needs as much for each member).
int NcclFormulas::channels(Bytes size, int members, std::size_t protocol) const {
  double thread = tuning_->protocols[protocol].thread.as_double();
  if (protocol == 0) thread *= members;
  const double enough = size.as_double() / (thread * tuning_->threads);
  return std::clamp(static_cast<int>(enough), 1, tuning_->ring_channels);
}

/// What the transport adds to a message between nodes counts for each of those that an adapter
/// sends one after the other: its sender waits.
NcclPlan NcclFormulas::finish(NcclPlan plan, const NcclWork& work) const {
  plan.share = std::min(1.0, plan.share * scale_.efficiency);
  plan.between = tuning_->protocols[plan.protocol].wire;
  const int adapters = (work.is_tree ? place_.graphs.tree : place_.graphs.ring).adapters;
  if (adapters > 0 && work.reckoned > 0 && adapters < place_.bonded) {
    plan.between *= static_cast<double>(place_.bonded) / adapters;
  }
  const double port = plan.share * place_.port;
  plan.transfer = work.first_port / port;
  double stream = work.port / port;
  plan.seconds = plan.launch + work.steps * plan.step;
  if (place_.adapter > 0) {
    TransportTerms terms;
    if (place_.transport != nullptr) {
      terms = place_.transport->terms({.bytes = Bytes(std::llround(work.message * plan.between)),
                                       .round_trip = 2 * place_.between,
                                       .capacity = place_.adapter});
    }
    const double adapter = std::min(place_.adapter, terms.bound) / plan.between;
    plan.transfer += work.first_adapter / adapter;
    stream = std::max(stream, work.adapter / adapter);
    plan.held_back = work.messages_between * to_seconds(terms.head);
    plan.seconds += work.steps_between * (plan.step + to_seconds(place_.between)) + plan.held_back;
  }
  plan.transfer += stream;
  plan.seconds += plan.transfer;
  return plan;
}

/// Rings and trees have as many as that of both with fewer (recalled from NCCL's src/init.cc).
int NcclFormulas::graph_channels(const NcclWork& work) const {
  const auto of = [&](const NcclGraph& graph) {
    return graph.channels > 0 ? graph.channels : work.adapters;
  };
  return std::min(of(place_.graphs.ring), of(place_.graphs.tree));
}

/// What a channel that leaves nodes carries inside one, of a port.
double NcclFormulas::channel_share(std::size_t protocol, const NcclWork& work) const {
  const bool is_own = protocol == kNcclSimple && fit_->channel;
  return work.ways *
         (is_own ? *fit_->channel : fit_->protocols[protocol].efficiency / tuning_->ring_channels);
}

NcclPlan NcclFormulas::ring(const CollectiveCall& call, const WorkOf& work_of,
                            const std::string& protocol) const {
  NcclPlan plan;
  plan.protocol = choose(work_of, call.size, plan.why);
  for (std::size_t p = 0; p < kNcclProtocols.size(); ++p) {
    if (in_lower_case(kNcclProtocols[p]) != protocol) continue;
    plan.protocol = p;
    plan.why = "asked for";
  }
  const NcclFit::Protocol& fitted = fit_->protocols[plan.protocol];
  const bool is_chain =
      call.kind == CollectiveKind::broadcast || call.kind == CollectiveKind::reduce;
  if (is_chain) plan.chunk = tuning_->protocols[plan.protocol].chunk;
  const NcclWork work = work_of(tuning_->protocols[plan.protocol].chunk);
  const double ramped = std::min(1.0, call.size.as_double() / tuning_->ramp.as_double());
  plan.launch = scale_.launch * (to_seconds(fitted.launch) + to_seconds(fit_->ramp) * ramped);
  plan.launch += call.size.as_double() / call.members / (fit_->copy * place_.memory);
  if (plan.protocol == kNcclSimple) {
    plan.launch +=
        std::min(work.moved, fit_->fill.bytes.as_double()) / (fit_->fill.efficiency * place_.port);
  }
  plan.step = scale_.step * to_seconds(fitted.step);
  plan.share = fitted.efficiency;
  plan.channels = channels(call.size, call.members, plan.protocol);
  if (work.crossings > 0 && tuning_->between_nodes) {
    const int open = std::min(kDoubled * graph_channels(work), tuning_->ring_channels);
    plan.share = std::min(plan.share, open * channel_share(plan.protocol, work));
    plan.channels = std::min(plan.channels, open);
  }
  const std::size_t taken = plan.protocol;
  plan = finish(std::move(plan), work);
  if (work.crossings > 0) {
    plan.seconds = estimate(taken, work, call.size);
    if (!tuning_->between_nodes) plan.seconds += plan.held_back;
  }
  return plan;
}

NcclPlan NcclFormulas::point_to_point(const CollectiveCall& call, const NcclWork& work) const {
  const NcclFit::PointToPoint& p2p = fit_->p2p;
  const int others = call.members - 1;
  const double part = call.size.as_double() / call.members;
  NcclPlan plan;
  plan.launch = scale_.launch * others * to_seconds(p2p.peer);
  const bool keeps_part = call.kind == CollectiveKind::all_to_all;  // every member, for itself
  if (keeps_part) plan.launch += part / (p2p.copy * place_.memory);
  plan.channels = tuning_->point_to_point_channels;
  if (part <= tuning_->point_to_point_ll.as_double()) {
    plan.protocol = 0;
    plan.launch += scale_.launch * to_seconds(p2p.ll_launch);
    // Each peer's part goes at that rate, whatever the others do that come by the same link.
    const int beside = std::max(1, others / place_.links);
    plan.share =
        std::min(1.0, beside * p2p.ll_rate * place_.links / place_.port) / scale_.efficiency;
    plan.why = "at most " + to_text(tuning_->point_to_point_ll) + " to each other member";
  } else {
    const double fill = std::min(others * part, p2p.fill.bytes.as_double());
    plan.launch +=
        scale_.launch * to_seconds(p2p.launch) + fill / (p2p.fill.efficiency * place_.port);
    plan.share = p2p.efficiency;
    plan.why = "more than " + to_text(tuning_->point_to_point_ll) + " to each other member";
  }
  return finish(std::move(plan), work);
}

NcclPlan NcclFormulas::nvls(const CollectiveCall& call) const {
  NcclPlan plan;
  plan.launch = scale_.launch * to_seconds(fit_->nvls->launch);
  plan.share = fit_->nvls->efficiency;
  plan.channels = tuning_->nvls_channels;
  plan.why = "that of additions in the switch";
  const double bytes = call.size.as_double() * (call.members + 1) / call.members;
  return finish(std::move(plan), {.steps = 1, .moved = bytes, .port = bytes});
}

}  // namespace orrery
