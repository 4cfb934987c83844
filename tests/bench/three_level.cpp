#include "tests/bench/three_level.hpp"

#include "tests/bench/jobs.hpp"

namespace orrery::jobs {
namespace {

// Vertices: hosts, leaves, aggregation switches, cores; links as three_level numbers them.
class ThreeLevel final : public Topology {
 public:
  ThreeLevel() {
    using namespace three_level;
    const int leaf = kHosts;
    const int aggregation = leaf + kHosts / kWidth;
    const int core = aggregation + kHosts / kWidth;
    links_.resize(static_cast<std::size_t>(kLinks));
    for (int host = 0; host < kHosts; ++host) {
      // The i-th host link, leaf link and aggregation link all begin at switch i / kWidth.
      const int sixteenth = host / kWidth;
      const int pod = sixteenth / kWidth;
      const int which = sixteenth % kWidth;
      const int port = host % kWidth;
      join(host, leaf + sixteenth, host);
      join(leaf + sixteenth, aggregation + pod * kWidth + port, kHosts + host);
      join(aggregation + sixteenth, core + which * kWidth + port, 2 * kHosts + host);
    }
  }
  int endpoints() const override { return three_level::kHosts; }
  int vertices() const override {
    using namespace three_level;
    return kHosts + 2 * kHosts / kWidth + kWidth * kWidth;
  }
  std::span<const TopologyLink> links() const override { return links_; }
  void append_route(int from, int to, std::uint64_t, std::vector<int>& route) const override {
    if (from == to) return;
    three_level::Route way = three_level::route(from, to);
    route.insert(route.end(), way.links.begin(), way.links.begin() + way.count);
  }

 private:
  void join(int below, int above, int index) {
    const LinkSpec spec{"link", "wire", Bandwidth(kLinkBytesPerSecond), Duration(0), 1};
    links_[static_cast<std::size_t>(2 * index)] = {below, above, spec, 1,
                                                   std::to_string(2 * index)};
    links_[static_cast<std::size_t>(2 * index + 1)] = {above, below, spec, 1,
                                                       std::to_string(2 * index + 1)};
  }

  std::vector<TopologyLink> links_;
};

}  // namespace

std::unique_ptr<Topology> make_three_level(JsonCursor parameters, const TopologySite& site) {
  parameters.reject_unknown_keys();
  ORRERY_CHECK(site.endpoints == three_level::kHosts,
               "the permutation job has its number of hosts");
  return std::make_unique<ThreeLevel>();
}

}  // namespace orrery::jobs
