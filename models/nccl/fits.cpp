#include "models/nccl/fits.hpp"

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr double kMostOfPort = 1000;  // a fill may go many times as fast as the port
constexpr RatioRange kWire = {1, 16};
constexpr CountRange kChannels = {1, 1024};
constexpr std::array<const char*, 3> kKeys = {"ll", "ll128", "simple"};

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
  p2p.ll_rate = cursor.at("ll_rate").as_bandwidth().as_double();
  p2p.efficiency = cursor.at("efficiency").as_ratio();
  p2p.copy = cursor.at("copy").as_ratio();
  p2p.fill = read_fill(cursor.at("fill"));
  cursor.reject_unknown_keys();
  return p2p;
}

NcclFit read_fit(JsonCursor cursor) {
  NcclFit fit;
  cursor.at("source").as_string();
  fit.device = cursor.find("device").as_string();
  fit.catalogue = read_protocol(cursor.at("catalogue"));
  JsonCursor tuning = cursor.at("tuning");
  tuning.at("source").as_string();
  fit.tuning_port = tuning.at("port").as_ratio();
  fit.tuning_ll = tuning.at("ll").as_ratio();
  tuning.reject_unknown_keys();
  for (std::size_t p = 0; p < kKeys.size(); ++p) {
    fit.protocols[p] = read_protocol(cursor.at(kKeys[p]));
  }
  if (JsonCursor channel = cursor.find("channel"); channel.present()) {
    fit.channel = channel.as_ratio();
  }
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

int channels_at(JsonCursor& cursor, const char* key) {
  return static_cast<int>(cursor.at(key).as_count(kChannels));
}

NcclTuning read_tuning(JsonCursor cursor) {
  NcclTuning tuning;
  cursor.at("source").as_string();
  for (std::size_t p = 0; p < kKeys.size(); ++p) {
    JsonCursor from = cursor.at(kKeys[p]);
    tuning.protocols[p] = {.launch = from.at("launch").as_duration(),
                           .step = from.at("step").as_duration(),
                           .between = from.at("between").as_duration(),
                           .wire = from.at("wire").as_ratio(kWire),
                           .thread = from.at("thread").as_bytes(),
                           .chunk = from.at("chunk").as_bytes()};
    from.reject_unknown_keys();
  }
  tuning.ll128_share = cursor.at("ll128_share").as_ratio();
  tuning.point_to_point_ll = cursor.at("point_to_point_ll").as_bytes();
  tuning.ramp = cursor.at("ramp").as_bytes();
  JsonCursor channels = cursor.at("channels");
  tuning.threads = channels_at(channels, "threads");
  tuning.ring_channels = channels_at(channels, "ring");
  tuning.nvls_channels = channels_at(channels, "nvls");
  tuning.point_to_point_channels = channels_at(channels, "point_to_point");
  channels.reject_unknown_keys();
  if (JsonCursor between = cursor.find("between_nodes"); between.present()) {
    tuning.between_nodes = read_nccl_reckoning(between);
  }
  cursor.reject_unknown_keys();
  return tuning;
}

bool is_nvlink(const std::string& link) {
  return link.starts_with("nvlink");
}

}  // namespace

NcclFits read_nccl_fits(JsonCursor cursor) {
  NcclFits fits;
  fits.tuning = read_tuning(cursor.at("tuning"));
  JsonCursor links = cursor.at("links");
  for (const std::string& link : links.keys()) fits.links[link] = read_fit(links.at(link));
  for (const char* needed : {"nvlink3", "nvlink4", "pcie"}) links.at(needed);
  cursor.reject_unknown_keys();
  return fits;
}

const std::pair<const std::string, NcclFit>& nccl_fit_of(const NcclFits& fits,
                                                         const std::string& link) {
  const std::string relative = !is_nvlink(link) ? "pcie" : link > "nvlink4" ? "nvlink4" : "nvlink3";
  const auto own = fits.links.find(link);
  const auto fit = own != fits.links.end() ? own : fits.links.find(relative);
  ORRERY_CHECK(fit != fits.links.end(), "fits without those that others borrow");
  return *fit;
}

bool nccl_is_calibrated(const std::string& link) {
  return is_nvlink(link);
}

}  // namespace orrery
