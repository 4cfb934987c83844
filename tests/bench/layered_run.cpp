#include "tests/bench/layered_run.hpp"

#include <array>
#include <vector>

#include "tests/bench/jobs.hpp"

namespace orrery::jobs {
namespace {

using layered::kHosts;

class Run final : public EventHandler {
 public:
  explicit Run(int layers) : layers_(layers), activities_(engine_), hosts_(kHosts) {
    targets_.reserve(static_cast<std::size_t>(layers) * kHosts);
    for (int layer = 0; layer < layers; ++layer) {
      for (int host = 0; host < kHosts; ++host) {
        targets_.push_back(static_cast<std::uint8_t>(layered::target_of(layer, host)));
      }
    }
    for (Host& host : hosts_) {
      host.math = activities_.add_resource(kHostFlopsPerSecond);
      host.up = activities_.add_resource(static_cast<double>(kLinkBytesPerSecond));
      host.down = activities_.add_resource(static_cast<double>(kLinkBytesPerSecond));
      host.arrived.resize(static_cast<std::size_t>(layers));
    }
  }

  LayeredRun run() {
    for (int host = 0; host < kHosts; ++host) compute_next(host);
    engine_.run();
    return {engine_.now(), activities_.started(), engine_.events_run()};
  }

 private:
  struct Host {
    ResourceId math;
    ResourceId up;
    ResourceId down;
    bool computing = false;
    bool sending = false;
    int computed = 0;  // layers
    int sent = 0;
    std::vector<bool> arrived;  // by layer
  };

  int target_of(int layer, int host) const {
    return targets_[static_cast<std::size_t>(layer) * kHosts + static_cast<std::size_t>(host)];
  }
  bool sends(int layer, int host) const { return target_of(layer, host) != host; }
  Host& at(int host) { return hosts_[static_cast<std::size_t>(host)]; }

  void handle_event(std::uint64_t token) override {
    const auto host = static_cast<int>(token / 2);
    if (token % 2 == 0) {
      at(host).computing = false;
      ++at(host).computed;
      compute_next(host);
    } else {
      at(host).sending = false;
      const int layer = at(host).sent++;
      const int target = target_of(layer, host);
      at(target).arrived[static_cast<std::size_t>(layer)] = true;
      compute_next(target);
    }
    send_next(host);
  }

  void compute_next(int index) {
    Host& host = at(index);
    const int layer = host.computed;
    if (host.computing || layer == layers_) return;
    if (layer > 0 && sends(layer - 1, index) &&
        !host.arrived[static_cast<std::size_t>(layer - 1)]) {
      return;
    }
    host.computing = true;
    const std::array<Usage, 1> usages = {Usage{host.math}};
    const auto flops = static_cast<double>(layered::flops_of(layered::kernel_of(layer, index)));
    activities_.start(Activity{flops, usages, {}}, *this, 2 * static_cast<std::uint64_t>(index));
  }

  void send_next(int index) {
    Host& host = at(index);
    if (host.sending) return;
    while (host.sent < host.computed && !sends(host.sent, index)) ++host.sent;
    if (host.sent == host.computed) return;
    host.sending = true;
    const std::array<Usage, 2> usages = {Usage{host.up},
                                         Usage{at(target_of(host.sent, index)).down}};
    const auto bytes = static_cast<double>(layered::bytes_of(host.sent, index));
    activities_.start(Activity{bytes, usages, {}}, *this,
                      2 * static_cast<std::uint64_t>(index) + 1);
  }

  int layers_;
  Engine engine_;
  Activities activities_;
  std::vector<Host> hosts_;
  std::vector<std::uint8_t> targets_;  // (layers, hosts)
};

}  // namespace

LayeredRun run_layered(int layers) {
  return Run(layers).run();
}

}  // namespace orrery::jobs
