#include "tests/bench/leaf_spine.hpp"

#include "tests/bench/jobs.hpp"

namespace orrery::jobs {
namespace {

// Vertices: hosts, leaves, spines. Links: host -> leaf, leaf -> host for each host; then
// leaf -> spine, spine -> leaf for each leaf and spine.
class LeafSpine final : public Topology {
 public:
  explicit LeafSpine(int hosts)
      : hosts_(hosts),
        leaves_((hosts + leaf_spine::kHostsPerLeaf - 1) / leaf_spine::kHostsPerLeaf) {
    links_.reserve(2 * static_cast<std::size_t>(hosts + leaves_ * leaf_spine::kSpines));
    for (int host = 0; host < hosts; ++host) join(host, leaf_of(host));
    for (int leaf = 0; leaf < leaves_; ++leaf) {
      for (int s = 0; s < leaf_spine::kSpines; ++s) join(hosts + leaf, hosts + leaves_ + s);
    }
  }
  int endpoints() const override { return hosts_; }
  int vertices() const override { return hosts_ + leaves_ + leaf_spine::kSpines; }
  std::span<const TopologyLink> links() const override { return links_; }
  void append_route(int from, int to, std::uint64_t, std::vector<int>& route) const override {
    if (from == to) return;
    const int a = leaf_of(from) - hosts_;
    const int b = leaf_of(to) - hosts_;
    if (a == b) {
      route.insert(route.end(), {2 * from, 2 * to + 1});
    } else {
      const int spine = leaf_spine::spine_of(from, to);
      route.insert(route.end(), {2 * from, uplink(a, spine), uplink(b, spine) + 1, 2 * to + 1});
    }
  }

 private:
  int leaf_of(int host) const { return hosts_ + host / leaf_spine::kHostsPerLeaf; }
  int uplink(int leaf, int spine) const {
    return 2 * (hosts_ + leaf * leaf_spine::kSpines + spine);
  }
  void join(int a, int b) {
    const LinkSpec spec{"link", "wire", Bandwidth(kLinkBytesPerSecond), Duration(0), 1};
    const std::string name = std::to_string(a) + " - " + std::to_string(b);
    links_.push_back({a, b, spec, 1, name});
    links_.push_back({b, a, spec, 1, name});
  }

  int hosts_;
  int leaves_;
  std::vector<TopologyLink> links_;
};

}  // namespace

std::unique_ptr<Topology> make_leaf_spine(JsonCursor parameters, const TopologySite& site) {
  parameters.reject_unknown_keys();
  return std::make_unique<LeafSpine>(site.endpoints);
}

}  // namespace orrery::jobs
