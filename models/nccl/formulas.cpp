#include "models/nccl/formulas.hpp"

#include <algorithm>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

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
std::size_t NcclFormulas::choose(const NcclWork& work, std::string& why) const {
  const double port = fit_->tuning_port * place_.port;
  std::size_t best = 0;
  double least = 0;
  why = "NCCL's own estimates:";
  for (std::size_t p = 0; p < kNcclProtocols.size(); ++p) {
    const NcclTuning::Protocol& tuning = tuning_->protocols[p];
    const double inside = p == 0   ? std::min(fit_->tuning_ll * place_.port, port / 2)
                          : p == 1 ? tuning_->ll128_share * port
                                   : port;
    const double bytes = std::max(
        work.port / inside, place_.adapter > 0 ? work.adapter * tuning.wire / place_.adapter : 0.0);
    const double time = to_seconds(tuning.launch) + work.steps * to_seconds(tuning.step) +
                        work.steps_between * to_seconds(tuning.between) + bytes;
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

NcclPlan NcclFormulas::finish(NcclPlan plan, const NcclWork& work) const {
  plan.share = std::min(1.0, plan.share * scale_.efficiency);
  plan.between = tuning_->protocols[plan.protocol].wire;
  plan.transfer = work.port / (plan.share * place_.port);
  if (place_.adapter > 0) {
    plan.transfer = std::max(plan.transfer, work.adapter * plan.between / place_.adapter);
  }
  plan.seconds = plan.launch + work.steps * plan.step +
                 work.steps_between * (plan.step + to_seconds(place_.between)) + plan.transfer;
  return plan;
}

NcclPlan NcclFormulas::ring(const CollectiveCall& call, const NcclWork& work,
                            const std::string& protocol) const {
  NcclPlan plan;
  plan.protocol = choose(work, plan.why);
  for (std::size_t p = 0; p < kNcclProtocols.size(); ++p) {
    if (in_lower_case(kNcclProtocols[p]) != protocol) continue;
    plan.protocol = p;
    plan.why = "asked for";
  }
  const NcclFit::Protocol& fitted = fit_->protocols[plan.protocol];
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
  return finish(std::move(plan), work);
}

NcclPlan NcclFormulas::point_to_point(const CollectiveCall& call, const NcclWork& work) const {
  const NcclFit::PointToPoint& p2p = fit_->p2p;
  const int others = call.members - 1;
  const double part = call.size.as_double() / call.members;
  NcclPlan plan;
  plan.launch = scale_.launch * others * to_seconds(p2p.peer) + part / (p2p.copy * place_.memory);
  plan.channels = tuning_->point_to_point_channels;
  if (part <= tuning_->point_to_point_ll.as_double()) {
    plan.protocol = 0;
    plan.launch += scale_.launch * to_seconds(p2p.ll_launch);
    // Each peer's part goes at that rate, whatever the others do.
    plan.share = others * p2p.ll_efficiency;
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
