#include "models/traffic.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

bool is_host_copy(const Traffic::Course& course) {
  return course.copy != CopyKind::device_to_device;
}

}  // namespace

Traffic::Traffic(Engine& engine, Fabric& fabric, Activities& activities,
                 MachineResources& resources, std::span<const Fault> faults)
    : engine_(&engine), fabric_(&fabric), activities_(&activities), resources_(&resources) {
  on_.resize(activities.sharing().resource_count());
  down_.resize(fabric.links().size());
  loads_ = [this](int link) {
    const ResourceId id = resources_->link(link);
    return (on_[id.index()] + 1) / activities_->sharing().capacity(id);
  };
  fabric.set_loads(&loads_);
  for (const Fault& fault : faults) records_.push_back({&fault});
  while (next_ < records_.size() && records_[next_].fault->at == engine.now()) {
    happen(records_[next_++]);
  }
  schedule_next();
}

Traffic::~Traffic() {
  for (std::size_t link = 0; link < down_.size(); ++link) {
    if (down_[link]) fabric_->set_up(static_cast<int>(link), true);
  }
  fabric_->set_loads(nullptr);
}

void Traffic::schedule_next() {
  if (next_ == records_.size()) return;
  engine_->schedule(records_[next_].fault->at, Phase::complete, *this, 0);
}

void Traffic::handle_event(std::uint64_t) {
  happen(records_[next_++]);
  schedule_next();
}

void Traffic::happen(FaultRecord& record) {
  const Fault& fault = *record.fault;
  record.happened = true;
  if (fault.kind == Fault::Kind::capacity) {
    for (const int link : fault.links) {
      if (!resources_->has_link(link)) continue;  // of a host that nothing is copied to
      const double nominal = fabric_->links()[static_cast<std::size_t>(link)].capacity;
      activities_->set_capacity(resources_->link(link), nominal * fault.capacity);
      share_both_ways(link);
    }
    return;
  }
  const bool up = fault.kind == Fault::Kind::up;
  if (!up) last_down_ = &fault;
  for (const int link : fault.links) {
    down_[static_cast<std::size_t>(link)] = !up;
    fabric_->set_up(link, up);
  }
  if (!up) record.rerouted = reroute(fault.links);
}

/// What both directions of a link share carries its part of what they carry now.
void Traffic::share_both_ways(int link) {
  const auto both = fabric_->both_directions(link);
  if (!both || !resources_->has_link(both->part)) return;
  const auto nominal = [this](int of) {
    return fabric_->links()[static_cast<std::size_t>(of)].capacity;
  };
  const auto now = [this](int of) { return activities_->sharing().capacity(resources_->link(of)); };
  const double left = (now(link) + now(both->other)) / (nominal(link) + nominal(both->other));
  activities_->set_capacity(resources_->link(both->part), nominal(both->part) * left);
}

/// The messages on some links, in the order in which they started.
std::uint64_t Traffic::reroute(const std::vector<int>& links) {
  std::vector<bool> hit(on_.size(), false);
  for (const int link : links) {
    if (resources_->has_link(link)) hit[resources_->link(link).index()] = true;
  }
  std::vector<Message*> affected;
  for (Message& message : messages_) {
    const bool is_hit = message.live && std::any_of(message.links.begin(), message.links.end(),
                                                    [&](ResourceId id) { return hit[id.index()]; });
    if (is_hit) affected.push_back(&message);
  }
  std::sort(affected.begin(), affected.end(),
            [](const Message* a, const Message* b) { return a->order < b->order; });
  for (Message* message : affected) reroute(*message);
  return affected.size();
}

void Traffic::reroute(Message& message) {
  require_way(message.course);
  const double left = activities_->cancel(message.flow.share);
  release(message);
  const bool asks = resources_->has_terms() && !is_host_copy(message.course);
  if (asks) message.flow.terms.bound = resources_->bound(message.course);
  const MachineResources::Way now = resources_->way_on(message.course);
  message.flow.latency = now.latency;
  message.flow.share = activities_->start(Activity{left, now.usages, message.flow.terms},
                                          *message.flow.handler, message.flow.token);
  occupy(message, now.usages);
}

void Traffic::require_way(const Course& course) const {
  if (last_down_ == nullptr) return;
  if (!is_host_copy(course)) {
    const bool stays = course.source == course.destination;
    if (!stays && !fabric_->joins(course.source, course.destination)) no_way(course);
    return;
  }
  for (const int link : course.copy == CopyKind::device_to_host
                            ? fabric_->to_host(course.source)
                            : fabric_->from_host(course.source)) {
    if (down_[static_cast<std::size_t>(link)]) no_way(course);
  }
}

void Traffic::no_way(const Course& course) const {
  std::string text = "at " + to_text(engine_->now().since_start()) + " ";
  if (is_host_copy(course)) {
    text += "no way is left between device " + std::to_string(course.source) +
            " and the memory of its host";
  } else {
    text += cut_text(*fabric_, course.source, course.destination, down_);
  }
  throw ScenarioError({{last_down_->file, last_down_->pointer, text}});
}

void Traffic::enter(std::uint32_t number, const Course& course, const Flow& flow,
                    std::span<const Usage> usages) {
  if (number >= messages_.size()) messages_.resize(number + std::size_t{1});
  Message& message = messages_[number];
  message.live = true;
  message.order = started_++;
  message.course = course;
  message.flow = flow;
  occupy(message, usages);
}

Duration Traffic::leave(std::uint32_t number) {
  Message& message = messages_[number];
  message.live = false;
  release(message);
  return message.flow.latency;
}

void Traffic::occupy(Message& message, std::span<const Usage> usages) {
  message.links.clear();
  for (const Usage& usage : usages) {
    message.links.push_back(usage.resource);
    ++on_[usage.resource.index()];
  }
}

void Traffic::release(const Message& message) {
  for (const ResourceId id : message.links) --on_[id.index()];
}

}  // namespace orrery
