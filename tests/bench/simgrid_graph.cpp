// The layered graph on SimGrid.
#include <string>
#include <utility>

#include "tests/bench/jobs.hpp"
#include "tests/bench/simgrid_jobs.hpp"

namespace orrery::jobs {
namespace {

namespace s4u = simgrid::s4u;
using layered::kHosts;

int token = 0;  // a mailbox carries a pointer, and nobody looks at where it leads

double flops(int layer, int host) {
  return static_cast<double>(layered::flops_of(layered::kernel_of(layer, host)));
}
std::uint64_t bytes(int layer, int host) {
  return static_cast<std::uint64_t>(layered::bytes_of(layer, host));
}
/// Targets are a permutation: who sends to another gets from another.
bool sends(int layer, int host) {
  return layered::target_of(layer, host) != host;
}

/// Makes an activity when it may start and not before: SimGrid 3.32 keeps all that exist in a list
/// and searches it whenever one ends.
class GraphOfCallbacks {
 public:
  GraphOfCallbacks(const Platform& platform, int layers)
      : platform_(&platform), layers_(layers), hosts_(kHosts) {
    s4u::Activity::on_completion_cb([this](const s4u::Activity& ended) { complete(ended); });
    for (int i = 0; i < kHosts; ++i) {
      Host& host = hosts_[static_cast<std::size_t>(i)];
      host.index = i;
      host.arrived.resize(static_cast<std::size_t>(layers));
    }
    for (Host& host : hosts_) compute_next(host);
  }
  std::uint64_t activities() const { return activities_; }

 private:
  struct Host;
  struct Slot {
    Host* host = nullptr;
    int layer = 0;  // of what runs, or would run next
    s4u::ActivityPtr running;
  };
  struct Host {
    int index = 0;
    Slot compute;
    Slot message;
    std::vector<bool> arrived;  // by layer
  };

  void compute_next(Host& host) {
    const int layer = host.compute.layer;
    if (host.compute.running || layer == layers_) return;
    if (layer > 0 && sends(layer - 1, host.index) &&
        !host.arrived[static_cast<std::size_t>(layer - 1)]) {
      return;
    }
    const s4u::ExecPtr exec = s4u::Exec::init();
    begin(host, host.compute, exec);
    exec->set_data(&host.compute);
    exec->set_flops_amount(flops(layer, host.index));
    exec->set_host(platform_->host(host.index));
    exec->start();
  }

  // Setting the second end of a communication starts it, so everything else comes before.
  void send_next(Host& host) {
    if (host.message.running) return;
    int& layer = host.message.layer;
    while (layer < host.compute.layer && !sends(layer, host.index)) ++layer;
    if (layer >= host.compute.layer) return;
    const s4u::CommPtr comm = s4u::Comm::sendto_init();
    begin(host, host.message, comm);
    comm->set_data(&host.message);
    comm->set_payload_size(bytes(layer, host.index));
    comm->set_source(platform_->host(host.index));
    comm->set_destination(platform_->host(layered::target_of(layer, host.index)));
  }

  void begin(Host& host, Slot& slot, s4u::ActivityPtr activity) {
    slot.host = &host;
    slot.running = std::move(activity);
    ++activities_;
  }

  // A handle has to live until its callback is left.
  void complete(const s4u::Activity& activity) {
    Slot& slot = *activity.get_data<Slot>();
    ended_ = std::move(slot.running);
    Host& host = *slot.host;
    const int layer = slot.layer++;
    if (&slot == &host.compute) {
      compute_next(host);
    } else {
      const int target = layered::target_of(layer, host.index);
      Host& receiver = hosts_[static_cast<std::size_t>(target)];
      receiver.arrived[static_cast<std::size_t>(layer)] = true;
      compute_next(receiver);
    }
    send_next(host);
  }

  const Platform* platform_;
  int layers_;
  std::vector<Host> hosts_;
  s4u::ActivityPtr ended_;
  std::uint64_t activities_ = 0;
};

/// Two actors for a host. A mailbox for each pair of hosts, since messages to one host may pass one
/// another; it has a permanent receiver, so that a message travels before it is asked for.
class GraphOfActors {
 public:
  GraphOfActors(const Platform& platform, int layers)
      : layers_(layers), sources_(static_cast<std::size_t>(layers) * kHosts) {
    for (int layer = 0; layer < layers; ++layer) {
      for (int host = 0; host < kHosts; ++host) {
        sources_[index(layer, layered::target_of(layer, host))] = static_cast<std::uint8_t>(host);
      }
    }
    for (int from = 0; from < kHosts; ++from) {
      for (int to = 0; to < kHosts; ++to) {
        mailboxes_.push_back(
            s4u::Mailbox::by_name(std::to_string(from) + " " + std::to_string(to)));
      }
      computed_.push_back(s4u::Semaphore::create(0));
    }
    for (int host = 0; host < kHosts; ++host) {
      const s4u::ActorPtr actor =
          s4u::Actor::create("compute", platform.host(host), [this, host] { compute(host); });
      for (int from = 0; from < kHosts; ++from) mailboxes_[index(from, host)]->set_receiver(actor);
      s4u::Actor::create("send", platform.host(host), [this, host] { send(host); });
    }
  }
  std::uint64_t activities() const { return activities_; }

 private:
  static std::size_t index(int row, int column) {
    return static_cast<std::size_t>(row) * kHosts + static_cast<std::size_t>(column);
  }

  void compute(int host) {
    for (int layer = 0; layer < layers_; ++layer) {
      if (layer > 0 && sends(layer - 1, host)) {
        mailboxes_[index(sources_[index(layer - 1, host)], host)]->get<int>();
      }
      ++activities_;
      s4u::this_actor::execute(flops(layer, host));
      computed_[static_cast<std::size_t>(host)]->release();
    }
  }

  void send(int host) {
    for (int layer = 0; layer < layers_; ++layer) {
      computed_[static_cast<std::size_t>(host)]->acquire();
      if (!sends(layer, host)) continue;
      ++activities_;
      mailboxes_[index(host, layered::target_of(layer, host))]->put(&token, bytes(layer, host));
    }
  }

  int layers_;
  std::vector<std::uint8_t> sources_;  // by layer and target
  std::vector<s4u::Mailbox*> mailboxes_;
  std::vector<s4u::SemaphorePtr> computed_;
  std::uint64_t activities_ = 0;
};

}  // namespace

Activities run_layered_graph(const Platform& platform, Api api, int layers) {
  if (api == Api::callbacks) {
    const GraphOfCallbacks graph(platform, layers);
    s4u::Engine::get_instance()->run();
    return {.count = graph.activities()};
  }
  const GraphOfActors graph(platform, layers);
  s4u::Engine::get_instance()->run();
  return {.count = graph.activities()};
}

}  // namespace orrery::jobs
