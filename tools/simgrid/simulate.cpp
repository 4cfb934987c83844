#include "tools/simgrid/simulate.hpp"

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "sim/base/errors.hpp"
#include "tools/simgrid/settings.hpp"

namespace orrery::simgrid_program {
namespace {

namespace s4u = simgrid::s4u;

constexpr double kUnused = 1e9;  // speed of hosts that only send; nothing runs on them

/// The platform, and what still runs on it.
class Run {
 public:
  explicit Run(const Input& input)
      : input_(&input),
        zone_(s4u::create_full_zone("platform")),
        completion_s_(input.transfers.size() + input.computes.size(), -1.0) {
    build();
  }

  void start(std::size_t activity) {
    const std::size_t transfers = input_->transfers.size();
    if (activity < transfers) {
      start_transfer(activity);
    } else {
      start_compute(activity, input_->computes[activity - transfers]);
    }
  }

  double start_s(std::size_t activity) const {
    const std::size_t transfers = input_->transfers.size();
    return activity < transfers ? input_->transfers[activity].start_s
                                : input_->computes[activity - transfers].start_s;
  }

  void complete(const s4u::Activity& activity) {
    const auto found = running_.find(&activity);
    ORRERY_CHECK(found != running_.end(), "SimGrid ended an activity that was not started");
    completion_s_[found->second.index] = s4u::Engine::get_clock();
    ended_.push_back(std::move(found->second.handle));
    running_.erase(found);
  }

  const std::vector<double>& completion_s() const { return completion_s_; }

 private:
  struct Running {
    std::size_t index;
    s4u::ActivityPtr handle;  // lives at least as long as its callback runs
  };

  // Every transfer has two hosts of its own, so that its route is exactly the links it names.
  void build() {
    std::vector<s4u::LinkInRoute> links;
    for (const double bytes_per_s : input_->links_bytes_per_s) {
      const std::size_t index = links.size();
      const double latency_s = input_->links_latency_s.empty() ? 0 : input_->links_latency_s[index];
      links.emplace_back(add_link("link" + std::to_string(index), bytes_per_s, latency_s));
    }
    for (std::size_t i = 0; i < input_->hosts_flops_per_s.size(); ++i) {
      hosts_.push_back(
          zone_->create_host("host" + std::to_string(i), input_->hosts_flops_per_s[i])->seal());
    }
    for (std::size_t i = 0; i < input_->transfers.size(); ++i) {
      s4u::Host* const source = zone_->create_host("source" + std::to_string(i), kUnused)->seal();
      s4u::Host* const target = zone_->create_host("target" + std::to_string(i), kUnused)->seal();
      std::vector<s4u::LinkInRoute> route;
      for (const std::size_t link : input_->transfers[i].links) {
        route.push_back(links[link]);
      }
      // SimGrid 3.32 takes the rate of a host-to-host communication and forgets it. A link that
      // nobody else uses is the same cap.
      const double bound = input_->transfers[i].bound_bytes_per_s;
      if (std::isfinite(bound)) {
        route.emplace_back(add_link("bound" + std::to_string(i), bound, 0));
      }
      zone_->add_route(source->get_netpoint(), target->get_netpoint(), nullptr, nullptr, route,
                       false);
      sources_.push_back(source);
      targets_.push_back(target);
    }
    zone_->seal();
  }

  s4u::Link* add_link(const std::string& name, double bytes_per_s, double latency_s) {
    return zone_->create_link(name, bytes_per_s)
        ->set_latency(latency_s)
        ->set_sharing_policy(s4u::Link::SharingPolicy::SHARED)
        ->seal();
  }

  // Setting the second end of a communication starts it, so its size comes before.
  void start_transfer(std::size_t index) {
    const s4u::CommPtr comm = s4u::Comm::sendto_init();
    running_.emplace(comm.get(), Running{index, comm});
    comm->set_payload_size(input_->transfers[index].bytes);
    comm->set_source(sources_[index]);
    comm->set_destination(targets_[index]);
  }

  void start_compute(std::size_t index, const Compute& compute) {
    const s4u::ExecPtr exec = s4u::Exec::init();
    running_.emplace(exec.get(), Running{index, exec});
    exec->set_flops_amount(compute.flops);
    if (std::isfinite(compute.bound_flops_per_s)) {
      exec->set_bound(compute.bound_flops_per_s);
    }
    exec->set_host(hosts_[compute.host]);
    exec->start();
  }

  const Input* input_;
  s4u::NetZone* zone_;
  std::vector<s4u::Host*> hosts_;
  std::vector<s4u::Host*> sources_;
  std::vector<s4u::Host*> targets_;
  std::map<const s4u::Activity*, Running> running_;
  std::vector<s4u::ActivityPtr> ended_;
  std::vector<double> completion_s_;
};

}  // namespace

std::vector<double> simulate(const Input& input) {
  std::vector<std::string> words = command_line_for("CM02");
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  int count = static_cast<int>(words.size());
  s4u::Engine engine(&count, arguments.data());

  Run run(input);
  s4u::Activity::on_completion_cb(
      [&run](const s4u::Activity& activity) { run.complete(activity); });
  // An activity is made when it starts and not before: SimGrid 3.32 keeps all that exist in a list
  // and searches it whenever one ends.
  const std::size_t activities = input.transfers.size() + input.computes.size();
  for (std::size_t i = 0; i < activities; ++i) {
    simgrid::kernel::timer::Timer::set(run.start_s(i), [&run, i] { run.start(i); });
  }
  engine.run();

  for (const double end : run.completion_s()) {
    ORRERY_CHECK(end >= 0, "SimGrid left an activity without an end");
  }
  return run.completion_s();
}

}  // namespace orrery::simgrid_program
