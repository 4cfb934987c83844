#include "models/nccl.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr std::array<const char*, 3> kNames = {"LL", "LL128", "Simple"};
constexpr std::size_t kSimple = 2;
constexpr double kMostOfPort = 1000;   // a fill may go many times as fast as the port
constexpr double kRampBytes = 32'768;  // assumed: where measured times stop growing (see NcclFit)
// NCCL_P2P_LL_THRESHOLD (assumed: recalled from NVIDIA's NCCL user guide and src/enqueue.cc).
constexpr double kPointToPointLl = 16'384;

/// What NCCL reckons with when it chooses a protocol for a ring inside a node (assumed: recalled
/// from NCCL's src/graph/tuning.cc, baseLat and hwLat of NVLink, and that LL carries half of a
/// line and LL128 120 of 128 bytes, of which it takes 0.92).
struct Tuning {
  double launch;
  double step;
};
constexpr std::array<Tuning, 3> kTuning = {{{6.6e-6, 0.6e-6}, {14e-6, 1.9e-6}, {8.4e-6, 3.4e-6}}};
constexpr double kTuningLl128 = 0.92;

NcclFit::Protocol read_protocol(JsonCursor cursor) {
  NcclFit::Protocol protocol;
  protocol.launch = cursor.at("launch").as_duration();
  protocol.step = cursor.at("step").as_duration();
  protocol.efficiency = cursor.at("efficiency").as_ratio();
  cursor.reject_unknown_keys();
  return protocol;
}

NcclFit::Fill read_fill(JsonCursor cursor) {
  NcclFit::Fill fill;
  fill.bytes = cursor.at("bytes").as_bytes();
  fill.efficiency = cursor.at("efficiency").as_ratio({.minimum = 0, .maximum = kMostOfPort});
  cursor.reject_unknown_keys();
  return fill;
}

NcclFit::PointToPoint read_point_to_point(JsonCursor cursor) {
  NcclFit::PointToPoint p2p;
  p2p.ll_launch = cursor.at("ll_launch").as_duration();
  p2p.launch = cursor.at("launch").as_duration();
  p2p.peer = cursor.at("peer").as_duration();
  p2p.ll_efficiency = cursor.at("ll_efficiency").as_ratio();
  p2p.efficiency = cursor.at("efficiency").as_ratio();
  p2p.copy = cursor.at("copy").as_ratio();
  p2p.fill = read_fill(cursor.at("fill"));
  cursor.reject_unknown_keys();
  return p2p;
}

NcclFit read_fit(JsonCursor cursor) {
  NcclFit fit;
  cursor.at("source").as_string();
  fit.device = cursor.at("device").as_string();
  fit.catalogue = read_protocol(cursor.at("catalogue"));
  JsonCursor tuning = cursor.at("tuning");
  tuning.at("source").as_string();
  fit.tuning_port = tuning.at("port").as_ratio();
  fit.tuning_ll = tuning.at("ll").as_ratio();
  tuning.reject_unknown_keys();
  fit.protocols = {read_protocol(cursor.at("ll")), read_protocol(cursor.at("ll128")),
                   read_protocol(cursor.at("simple"))};
  fit.ramp = cursor.at("ramp").as_duration();
  fit.copy = cursor.at("copy").as_ratio();
  fit.fill = read_fill(cursor.at("fill"));
  fit.p2p = read_point_to_point(cursor.at("p2p"));
  if (JsonCursor nvls = cursor.find("nvls"); nvls.present()) {
    fit.nvls = {.launch = nvls.at("launch").as_duration(),
                .efficiency = nvls.at("efficiency").as_ratio()};
    nvls.reject_unknown_keys();
  }
  cursor.reject_unknown_keys();
  return fit;
}

/// How much longer, or better, than where the fit was measured.
struct Scale {
  double launch = 1;
  double step = 1;
  double efficiency = 1;
};
Scale scale_of(const NcclFit& fit, const NcclPlace& place) {
  const auto ratio = [](double here, double there) { return there > 0 ? here / there : 1; };
  return {.launch = ratio(to_seconds(place.catalogue.launch), to_seconds(fit.catalogue.launch)),
          .step = ratio(to_seconds(place.catalogue.step), to_seconds(fit.catalogue.step)),
          .efficiency = ratio(place.catalogue.efficiency, fit.catalogue.efficiency)};
}

double share(double value) {
  return std::min(1.0, value);
}

std::size_t choose(const NcclFit& fit, const NcclPlace& place, int steps, double moved) {
  const double port = fit.tuning_port * place.port;
  const std::array<double, 3> rates = {std::min(fit.tuning_ll * place.port, port / 2),
                                       kTuningLl128 * port, port};
  std::size_t best = 0;
  double least = 0;
  for (std::size_t p = 0; p < kNames.size(); ++p) {
    const double time = kTuning[p].launch + steps * kTuning[p].step + moved / rates[p];
    if (p == 0 || time < least) {
      best = p;
      least = time;
    }
  }
  return best;
}

NcclPlan point_to_point_plan(const NcclFit& fit, const NcclPlace& place,
                             const CollectiveCall& call) {
  const NcclFit::PointToPoint& p2p = fit.p2p;
  const Scale scale = scale_of(fit, place);
  const int others = call.members - 1;
  const double part = call.size.as_double() / call.members;
  const double extra = others * to_seconds(p2p.peer) + part / (p2p.copy * place.memory);
  NcclPlan plan;
  if (part <= kPointToPointLl) {
    plan.protocol = kNames[0];
    plan.launch = duration_from_seconds(scale.launch * to_seconds(p2p.ll_launch) + extra);
    // Each peer's part goes at that rate, whatever the others do.
    plan.efficiency = share(others * p2p.ll_efficiency * scale.efficiency);
    plan.reason = "at most 16 KiB to each other member";
    return plan;
  }
  const double fill = std::min(others * part, p2p.fill.bytes.as_double());
  plan.protocol = kNames[kSimple];
  plan.launch = duration_from_seconds(scale.launch * to_seconds(p2p.launch) + extra +
                                      fill / (p2p.fill.efficiency * place.port));
  plan.efficiency = share(p2p.efficiency * scale.efficiency);
  plan.reason = "more than 16 KiB to each other member";
  return plan;
}

}  // namespace

NcclFits read_nccl_fits(JsonCursor cursor) {
  NcclFits fits;
  for (const std::string& link : cursor.keys()) fits[link] = read_fit(cursor.at(link));
  for (const char* needed : {"nvlink3", "nvlink4"}) cursor.at(needed);
  return fits;
}

const NcclFits::value_type& nccl_fit_of(const NcclFits& fits, const std::string& link) {
  const auto own = fits.find(link);
  const auto fit = own != fits.end() ? own : fits.find(link == "nvlink5" ? "nvlink4" : "nvlink3");
  ORRERY_CHECK(fit != fits.end(), "fits without those that others borrow");
  return *fit;
}

NcclPlan nccl_plan(const NcclFit& fit, const NcclPlace& place, const CollectiveCall& call,
                   int steps, const std::string& protocol) {
  switch (call.kind) {
    case CollectiveKind::all_to_all:
    case CollectiveKind::gather:
    case CollectiveKind::scatter:
      return point_to_point_plan(fit, place, call);
    case CollectiveKind::send_recv: {  // one other, everything
      CollectiveCall pair = call;
      pair.members = 2;
      pair.size = 2 * call.size;
      return point_to_point_plan(fit, place, pair);
    }
    default:
      break;
  }
  const double size = call.size.as_double();
  const double part = size / call.members;
  const double moved = call.kind == CollectiveKind::all_reduce ? 2 * (call.members - 1) * part
                       : has_root(call.kind)                   ? size
                                                               : (call.members - 1) * part;
  NcclPlan plan;
  std::size_t chosen = choose(fit, place, steps, moved);
  plan.reason = "least of NCCL's own estimates for " + std::to_string(steps) + " steps and " +
                to_text(call.size);
  for (std::size_t p = 0; p < kNames.size(); ++p) {
    std::string name = kNames[p];
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (name != protocol) continue;
    chosen = p;
    plan.reason = "asked for";
  }
  const NcclFit::Protocol& fitted = fit.protocols[chosen];
  const Scale scale = scale_of(fit, place);
  double launch = scale.launch * (to_seconds(fitted.launch) +
                                  to_seconds(fit.ramp) * std::min(size, kRampBytes) / kRampBytes);
  launch += part / (fit.copy * place.memory);
  if (chosen == kSimple) {
    launch += std::min(moved, fit.fill.bytes.as_double()) / (fit.fill.efficiency * place.port);
  }
  plan.protocol = kNames[chosen];
  plan.launch = duration_from_seconds(launch);
  plan.step = duration_from_seconds(scale.step * to_seconds(fitted.step));
  plan.efficiency = share(scale.efficiency * fitted.efficiency);
  return plan;
}

NcclPlan nvls_plan(const NcclFit& fit, const NcclPlace& place, const CollectiveCall&) {
  const Scale scale = scale_of(fit, place);
  return {.protocol = "NVLS",
          .launch = duration_from_seconds(scale.launch * to_seconds(fit.nvls->launch)),
          .step = Duration(0),
          .efficiency = share(scale.efficiency * fit.nvls->efficiency),
          .reason = "the switch adds, and that is sooner than a ring"};
}

}  // namespace orrery
