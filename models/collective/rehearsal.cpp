#include "models/collective/rehearsal.hpp"

#include <map>
#include <memory>
#include <vector>

#include "models/collective/collective_runner.hpp"
#include "models/incast.hpp"
#include "models/pool.hpp"
#include "models/transports.hpp"
#include "models/usages.hpp"
#include "sim/engine/activity.hpp"

namespace orrery {
namespace {

class Rehearsal final : EventHandler, MessageCarrier {
 public:
  Rehearsal(RestingFabric& fabric, std::span<const Rank> group)
      : fabric_(&fabric),
        transports_(&fabric.fabric().transports()),
        group_(group),
        activities_(engine_),
        runner_(*this),
        incast_(transports_->watches_incast() ? static_cast<std::size_t>(transports_->nics()) : 0) {
  }

  double seconds(const CollectiveProgram& program) {
    const std::shared_ptr<const CollectiveProgram> borrowed(std::shared_ptr<void>(), &program);
    load_ = program.meeting_load();
    runner_.begin(0, borrowed, static_cast<int>(group_.size()));
    engine_.run();
    return to_seconds(engine_.now().since_start());
  }

 private:
  using Load = CollectiveProgram::Load;
  enum class Topic : std::uint64_t { begins, left, arrived };
  struct Message {
    int from = 0;
    int to = 0;
    int step = 0;
    bool meets = false;
    Bytes bytes;
    double bound = kUnbounded;
    Duration latency;
    Load load{};
  };

  static std::uint64_t token_of(Topic topic, std::uint32_t index) {
    return static_cast<std::uint64_t>(topic) << 32U | index;
  }
  Rank rank(int member) const { return group_[static_cast<std::size_t>(member)]; }

  void carry(std::uint32_t run, int from, int step, const Send& send) override;
  void member_finished(std::uint32_t, int) override {}
  void handle_event(std::uint64_t token) override;
  void begin(std::uint32_t index);
  void leave(std::uint32_t index);
  void arrive(std::uint32_t index);
  ResourceId resource(int link);
  void count_incast(const Message& message, bool begins);

  RestingFabric* fabric_;
  const Transports* transports_;
  std::span<const Rank> group_;
  Engine engine_;
  Activities activities_;
  CollectiveRunner runner_;
  IncastPorts incast_;
  std::map<int, ResourceId> resources_;  // by link, of those that carry something
  std::vector<Usage> usages_;
  Pool<Message> messages_;
  Load load_{};  // of messages that meet
};

void Rehearsal::carry(std::uint32_t, int from, int step, const Send& send) {
  const Fabric::Route route = fabric_->route(rank(from), rank(send.to));
  const TransportTerms terms = fabric_->terms(send.bytes, rank(from), rank(send.to), route);
  const std::uint32_t index = messages_.take({.from = from,
                                              .to = send.to,
                                              .step = step,
                                              .meets = send.meets,
                                              .bytes = send.bytes,
                                              .bound = terms.bound,
                                              .latency = route.latency,
                                              .load = send.meets ? load_ : Load{}});
  if (terms.head > Duration(0)) {
    engine_.schedule(engine_.now() + terms.head, Phase::issue, *this,
                     token_of(Topic::begins, index));
  } else {
    begin(index);
  }
}

void Rehearsal::handle_event(std::uint64_t token) {
  const auto index = static_cast<std::uint32_t>(token);
  switch (static_cast<Topic>(token >> 32U)) {
    case Topic::begins:
      return begin(index);
    case Topic::left:
      return leave(index);
    case Topic::arrived:
      return arrive(index);
  }
}

void Rehearsal::begin(std::uint32_t index) {
  const Message message = messages_[index];
  const Fabric::Route route = fabric_->route(rank(message.from), rank(message.to));
  usages_.clear();
  for (std::size_t hop = 0; hop < route.links.size(); ++hop) {
    add_usage(usages_, resource(route.links[hop]),  // a detour can have a link twice
              fabric_->taken(message.bytes, route, hop, message.load));
  }
  if (transports_->watches_incast()) count_incast(message, true);
  activities_.start(
      {.work = message.bytes.as_double(), .usages = usages_, .terms = {.bound = message.bound}},
      *this, token_of(Topic::left, index));
}

void Rehearsal::leave(std::uint32_t index) {
  const Message message = messages_[index];
  if (transports_->watches_incast()) count_incast(message, false);
  if (message.latency > Duration(0)) {
    engine_.schedule(engine_.now() + message.latency, Phase::complete, *this,
                     token_of(Topic::arrived, index));
  }
  runner_.message_sent(0, message.from);
  if (message.latency == Duration(0)) arrive(index);
}

void Rehearsal::arrive(std::uint32_t index) {
  const Message message = messages_[index];
  messages_.give_back(index);
  runner_.message_arrived(0, message.to, message.step, message.meets);
}

ResourceId Rehearsal::resource(int link) {
  const auto [known, is_new] = resources_.try_emplace(link);
  if (is_new) known->second = activities_.add_resource(fabric_->link(link).capacity);
  return known->second;
}

void Rehearsal::count_incast(const Message& message, bool begins) {
  const Fabric::Place from = fabric_->fabric().place(rank(message.from));
  const Fabric::Place to = fabric_->fabric().place(rank(message.to));
  if (from.node == to.node) return;
  const Transports::Receiving ports = transports_->receiving(from, to);
  for (int port = ports.first; port < ports.first + ports.count; ++port) {
    if (begins ? !incast_.begins(port, ports.source) : !incast_.ends(port, ports.source)) continue;
    const int link = static_cast<int>(transports_->parts().incast) + port;
    const double share = incast_share(transports_->incast_efficiency(), incast_.senders(port));
    activities_.set_capacity(resource(link), share * fabric_->link(link).capacity);
  }
}

}  // namespace

double rehearsed_seconds(RestingFabric& fabric, const CollectiveProgram& program,
                         std::span<const Rank> group) {
  return Rehearsal(fabric, group).seconds(program);
}

}  // namespace orrery
