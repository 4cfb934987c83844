#include "models/topology/grid.hpp"

#include <algorithm>

namespace orrery {
namespace {

constexpr CountRange kPerRouter = {.minimum = 1, .maximum = 100'000};

/// How many pairs of n routers on one line of a grid are joined.
double pairs(double n, Join join) {
  if (join == Join::all) return n * (n - 1) / 2;
  return join == Join::ring && n > 2 ? n : n - 1;
}

std::string product_text(std::span<const std::int64_t> sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

/// The links between the routers of one line of the grid: those at first, first + stride, …
class LineJoiner {
 public:
  LineJoiner(GraphTopology& topology, const Routers& routers, const LinkSpec& link, double bundle)
      : topology_(&topology), routers_(&routers), link_(&link), bundle_(bundle) {}

  void join(std::int64_t first, std::int64_t stride, std::int64_t size, int dimension, Join how) {
    const auto add = [&](std::int64_t a, std::int64_t b) {
      topology_->add_both_ways((*routers_)[first + a * stride], (*routers_)[first + b * stride],
                               *link_, bundle_, dimension);
    };
    for (std::int64_t a = 0; a < size; ++a) {
      const std::int64_t last = how == Join::all ? size - 1 : std::min(a + 1, size - 1);
      for (std::int64_t b = a + 1; b <= last; ++b) add(a, b);
    }
    if (how == Join::ring && size > 2) add(size - 1, 0);
  }

 private:
  GraphTopology* topology_;
  const Routers* routers_;
  const LinkSpec* link_;
  double bundle_;
};

}  // namespace

Attachment read_attachment(JsonCursor& parameters, const TopologySite& site, const LinkSpec& link) {
  Attachment attachment;
  attachment.link = site.endpoint_link.value_or(link);
  if (site.endpoint_link) attachment.per_router = site.endpoints_per_node;
  if (JsonCursor count = parameters.find("endpoints_per_router"); count.present()) {
    attachment.per_router = count.as_count(kPerRouter);
  }
  return attachment;
}

Routers::Routers(GraphTopology& topology, const TopologySite& site, const Attachment& attachment,
                 std::int64_t count) {
  for (std::int64_t router = 0; router < count; ++router) {
    const bool is_endpoint = attachment.per_router == 0;
    vertices_.push_back(is_endpoint ? static_cast<int>(router) : topology.add_vertex());
    names_.push_back(is_endpoint ? endpoint_name(site, static_cast<int>(router))
                                 : "router " + std::to_string(router));
  }
  for (int endpoint = 0; attachment.per_router > 0 && endpoint < site.endpoints; ++endpoint) {
    const std::string name = endpoint_name(site, endpoint);
    topology.add_both_ways({endpoint, name}, (*this)[endpoint / attachment.per_router],
                           attachment.link, 1);
  }
}

bool allow_links(JsonCursor& parameters, double count) {
  if (count <= static_cast<double>(kMaximumTopologyLinks)) return true;
  parameters.error("a topology has at most " + std::to_string(kMaximumTopologyLinks) +
                   " links, this one would have more");
  return false;
}

std::vector<std::int64_t> read_dimensions(JsonCursor& parameters) {
  constexpr CountRange kSize = {.minimum = 1, .maximum = 100'000};
  constexpr std::size_t kMostDimensions = 16;
  JsonCursor dimensions = parameters.at("dimensions");
  std::vector<std::int64_t> sizes;
  for (JsonCursor& size : dimensions.items()) sizes.push_back(size.as_count(kSize));
  if (dimensions.present() && (sizes.empty() || sizes.size() > kMostDimensions)) {
    dimensions.expected("1 to " + std::to_string(kMostDimensions) + " sizes");
  }
  return sizes;
}

std::unique_ptr<Topology> make_grid(JsonCursor& parameters, const TopologySite& site,
                                    std::span<const std::int64_t> sizes, Join join) {
  constexpr CountRange kLinks = {.minimum = 1, .maximum = 1'000};
  const LinkSpec link = read_link(parameters.at("link"));
  const auto bundle = static_cast<double>(parameters.at("links_per_pair").as_count(kLinks));
  const Attachment attachment = read_attachment(parameters, site, link);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) return nullptr;

  const std::int64_t routers = attachment.routers_for(site.endpoints);
  double places = 1;
  double joined = 0;  // pairs of routers, for each router
  for (const std::int64_t size : sizes) {
    const auto n = static_cast<double>(size);
    places *= n;
    joined += pairs(n, join) / n;
  }
  if (places != static_cast<double>(routers)) {
    parameters.error("expected one router a place of the grid " + product_text(sizes) + ", got " +
                     std::to_string(routers) + " routers for " + std::to_string(site.endpoints) +
                     " endpoints");
    return nullptr;
  }
  if (!allow_links(parameters, 2 * joined * places + 2 * static_cast<double>(site.endpoints))) {
    return nullptr;
  }
  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  const Routers of(*topology, site, attachment, routers);
  LineJoiner joiner(*topology, of, link, bundle);
  std::int64_t stride = 1;
  for (std::size_t dimension = 0; dimension < sizes.size(); ++dimension) {
    const std::int64_t size = sizes[dimension];
    for (std::int64_t router = 0; router < routers; ++router) {
      if (router / stride % size == 0) {
        joiner.join(router, stride, size, static_cast<int>(dimension), join);
      }
    }
    stride *= size;
  }
  return topology;
}

}  // namespace orrery
