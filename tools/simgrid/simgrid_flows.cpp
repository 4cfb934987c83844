#include "tools/simgrid/simgrid_flows.hpp"

#include <simgrid/kernel/Timer.hpp>

#include <simgrid/version.h>  // not before it: Boost does not compile then

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <unordered_map>
#include <utility>

#include "models/pool.hpp"
#include "tools/simgrid/cap_links.hpp"
#include "tools/simgrid/device_shares.hpp"
#include "tools/simgrid/link_zone.hpp"
#include "tools/simgrid/settings.hpp"

namespace orrery::simgrid_program {
namespace {

namespace s4u = simgrid::s4u;
using simgrid::kernel::timer::Timer;

/// Before the first byte of a message with LV08.
Duration delay_of(Duration latency) {
  constexpr double kLatencyFactor = 13.01;
  return duration_from_seconds(kLatencyFactor * to_seconds(latency));
}

std::unique_ptr<s4u::Engine> make_engine(const std::string& model) {
  static bool made = false;  // SimGrid's own state is as global, and its signals cannot be unset
  if (std::exchange(made, true)) throw UnmappableError("SimGrid simulates once in a process");
  std::vector<std::string> words = command_line_for(model);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int count = static_cast<int>(words.size());
  return std::make_unique<s4u::Engine>(&count, arguments.data());
}

class SimgridFlows final : public MessageFlows, private TimeKeeper, private EventHandler {
 public:
  SimgridFlows(const FlowChoice& choice, const FlowSite& site)
      : model_(choice.model),
        engine_(&site.engine),
        activities_(&site.activities),
        resources_(&site.resources),
        simgrid_(make_engine(choice.model)),
        zone_(&LinkZone::create()),
        devices_(site.activities, site.resources, [this](std::size_t resource) {
          return zone_->link(resource).get_usage() * resources_->unit(ResourceId(resource));
        }) {
    const std::size_t count = activities_->sharing().resource_count();
    for (std::size_t r = 0; r < count; ++r) {
      const ResourceId id(r);
      capacity_.push_back(activities_->sharing().capacity(id));
      zone_->add_link(capacity_.back() / resources_->unit(id), LinkZone::Policy::SHARED);
    }
    caps_.emplace(*zone_);
    zone_->seal();
    s4u::Activity::on_completion_cb([this](const s4u::Activity& ended) { completed(ended); });
    engine_->set_time_keeper(*this);
  }
  SimgridFlows(const SimgridFlows&) = delete;
  SimgridFlows& operator=(const SimgridFlows&) = delete;
  /// After a failure communications may be under way, which SimGrid does not take in silence.
  ~SimgridFlows() override {
    failure_ = std::make_exception_ptr(UnmappableError("over"));
    for (auto& [comm, index] : index_of_) running_[index].comm->cancel();
  }

  ShareId start(const MessageFlow& message, EventHandler& on_left, std::uint64_t token) override;
  Duration latency_after(Duration latency) const override {
    return is_plain() ? latency : Duration(0);
  }
  void kernel_begins(std::uint32_t kernel, const KernelLoad& load) override {
    devices_.kernel_begins(kernel, load);
    settle();
  }
  void kernel_ends(std::uint32_t kernel) override { devices_.kernel_ends(kernel); }
  std::uint64_t started() const override { return started_; }
  std::vector<std::pair<std::string, std::string>> configuration() const override;

 private:
  struct Running {
    s4u::CommPtr comm;  // lives at least as long as its callback runs
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
    double cap = kUnbounded;
  };

  bool is_plain() const { return model_ == "CM02"; }
  /// The picosecond that SimGrid's clock is in.
  Time present_time() const {
    return std::max(Time(duration_from_seconds(s4u::Engine::get_clock())), engine_->now());
  }
  void run(Engine& engine) override;
  void handle_event(std::uint64_t token) override;
  void arm();
  void events_are_due();
  void completed(const s4u::Activity& ended);
  void settle();
  void find_route(const MessageFlow& message, Running& running);
  void put(const Usage& usage, const MessageFlow& message);
  [[noreturn]] void refuse(const MessageFlow& message, const std::string& why) const;
  template <class Work>
  void guarded(Work work);

  std::string model_;
  Engine* engine_;
  Activities* activities_;
  const MachineResources* resources_;
  std::unique_ptr<s4u::Engine> simgrid_;
  LinkZone* zone_;
  DeviceShares devices_;
  std::vector<double> capacity_;  // by resource, when this was made
  std::optional<CapLinks> caps_;  // behind the links of resources, which have the same numbers
  Pool<Running> running_;
  std::unordered_map<const s4u::Activity*, std::uint32_t> index_of_;  // only looked up
  std::vector<std::size_t> route_;
  int priority_ = 0;  // of all that run
  std::uint64_t started_ = 0;
  Timer* timer_ = nullptr;
  Time armed_;
  bool settles_ = false;        // a timer for it is set
  std::exception_ptr failure_;  // kept until SimGrid is left
};

ShareId SimgridFlows::start(const MessageFlow& message, EventHandler& on_left,
                            std::uint64_t token) {
  ++started_;
  for (const Usage& usage : message.activity.usages) {
    activities_->count(usage.resource, message.activity.work * usage.coefficient);
  }
  if (message.activity.work <= 0) {
    // SimGrid is not asked, which would wait for the latency all the same.
    const Duration delay = is_plain() ? Duration(0) : delay_of(message.latency);
    engine_->schedule(engine_->now() + delay, Phase::complete, on_left, token);
    return {};
  }
  if (index_of_.empty()) priority_ = message.activity.terms.priority;
  if (message.activity.terms.priority != priority_) refuse(message, "its priority among others");
  if (message.activity.terms.weight != 1) refuse(message, "its weight");
  Running running;
  running.handler = &on_left;
  running.token = token;
  find_route(message, running);
  zone_->set_route(route_, is_plain() ? 0 : to_seconds(message.latency));
  running.comm = zone_->start(static_cast<std::uint64_t>(std::llround(message.activity.work)));
  const s4u::Activity* const key = running.comm.get();
  const std::uint32_t index = running_.take(std::move(running));
  index_of_.emplace(key, index);
  devices_.message_begins(index, message);
  settle();
  if (!is_plain()) {  // it begins later, a picosecond past that, and nobody says so
    const Duration delay = delay_of(message.latency) + Duration(1);
    engine_->schedule(engine_->now() + delay, Phase::complete, *this, 0);
  }
  return {};
}

void SimgridFlows::find_route(const MessageFlow& message, Running& running) {
  route_.clear();
  double reach = kUnbounded;
  for (const Usage& usage : message.activity.usages) {
    if (usage.coefficient <= 0) continue;
    put(usage, message);
    reach = std::min(reach, capacity_[usage.resource.index()] / usage.coefficient);
  }
  if (message.activity.terms.bound < reach) {
    const auto link = caps_->take(message.activity.terms.bound);
    if (!link) refuse(message, "so many different bounds of messages at once");
    running.cap = message.activity.terms.bound;
    route_.push_back(*link);
  }
}

/// A link stands for as many units as its resource has; see MachineResources::unit.
void SimgridFlows::put(const Usage& usage, const MessageFlow& message) {
  constexpr double kLargest = 16;  // no message touches a memory as often
  const std::size_t resource = usage.resource.index();
  const double times = usage.coefficient / resources_->unit(usage.resource);
  if (times > kLargest || std::abs(times - std::round(times)) > 1e-12) {
    refuse(
        message,
        "several ways of one message, nor for parts of it that switches spare a link, nor for what "
        "a library's protocols take of links (\"collectives\": {\"library\": \"plain\"})");
  }
  const bool is_link = resources_->is_link(usage.resource);
  if (is_link && activities_->sharing().capacity(usage.resource) != capacity_[resource]) {
    refuse(message, "a link whose capacity changes while the simulation runs");
  }
  route_.insert(route_.end(), static_cast<std::size_t>(std::llround(times)), resource);
}

void SimgridFlows::completed(const s4u::Activity& ended) {
  guarded([&] {
    const auto found = index_of_.find(&ended);
    ORRERY_CHECK(found != index_of_.end(), "SimGrid ended a message that was not started");
    const std::uint32_t index = found->second;
    index_of_.erase(found);
    const Running done = std::move(running_[index]);
    running_.give_back(index);
    devices_.message_ends(index);
    settle();
    if (done.cap < kUnbounded) caps_->give_back(done.cap);
    engine_->schedule(present_time(), Phase::complete, *done.handler, done.token);
    arm();
  });
}

/// A timer at the next event's time; SimGrid's clock may be there already, or a rounding past it.
void SimgridFlows::arm() {
  if (engine_->is_idle()) return;
  const Time next = engine_->next_time();
  if (timer_ != nullptr) {
    if (next == armed_) return;
    timer_->remove();
  }
  armed_ = next;
  timer_ = Timer::set(std::max(to_seconds(next), s4u::Engine::get_clock()),
                      [this] { events_are_due(); });
}

void SimgridFlows::events_are_due() {
  timer_ = nullptr;
  guarded([this] {
    engine_->run_until(armed_);
    arm();
  });
}

/// Rates are known once SimGrid goes on, be it by the least that its clock can. Before that the
/// engine is to come to the present, where a completion may wait for the next picosecond.
void SimgridFlows::settle() {
  if (settles_ || !devices_.has_kernels()) return;
  settles_ = true;
  const double present = std::max(s4u::Engine::get_clock(), to_seconds(present_time()));
  Timer::set(std::nextafter(present, HUGE_VAL), [this] {
    settles_ = false;
    guarded([this] {
      devices_.settle();
      engine_->run_until(engine_->now());
      arm();
    });
  });
}

void SimgridFlows::handle_event(std::uint64_t) {
  settle();
}

/// SimGrid's run loop is no place for exceptions.
template <class Work>
void SimgridFlows::guarded(Work work) {
  if (failure_) return;
  try {
    work();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void SimgridFlows::run(Engine&) {
  arm();
  simgrid_->run();
  if (failure_) std::rethrow_exception(failure_);
  ORRERY_CHECK(engine_->is_idle() && index_of_.empty(), "SimGrid ended before the simulation");
}

void SimgridFlows::refuse(const MessageFlow& message, const std::string& why) const {
  throw UnmappableError("simgrid has nothing for " + why + " (of the message from rank " +
                        std::to_string(message.source) + " to rank " +
                        std::to_string(message.destination) + "); engine \"native\" has");
}

std::vector<std::pair<std::string, std::string>> SimgridFlows::configuration() const {
  std::string settings;
  for (const std::string& setting : settings_for(model_)) {
    settings += (settings.empty() ? "" : " ") + setting;
  }
  return {{"version",
           std::to_string(SIMGRID_VERSION_MAJOR) + "." + std::to_string(SIMGRID_VERSION_MINOR)},
          {"model", model_},
          {"settings", settings}};
}

}  // namespace

std::unique_ptr<MessageFlows> make_simgrid_flows(const FlowChoice& choice, const FlowSite& site) {
  return std::make_unique<SimgridFlows>(choice, site);
}

}  // namespace orrery::simgrid_program
