// What a machine does with a message, from its start to its arrival.
#include "models/machine_impl.hpp"

namespace orrery {
namespace {

MachineResources::Course course_of(const LeavingMessage& leaving) {
  using Mover = MachineResources::Mover;
  const Message& message = leaving.message;
  return {.source = message.source,
          .destination = message.destination,
          .reduces = leaving.reduces,
          .mover = message.run == kNoRun && !is_by_cores(leaving.movement) ? Mover::engine
                                                                           : Mover::cores,
          .copy = leaving.copy,
          .movement = leaving.movement,
          .messages = message.alike,
          .bytes = message.bytes,
          .terms = leaving.terms,
          .load = leaving.load};
}

}  // namespace

void Machine::Impl::carry(std::uint32_t run, int from, int step, const Send& send) {
  RunningCollective& of = runs[run];
  LeavingMessage leaving{.message = {},
                         .reduces = send.reduces,
                         .priority = of.priority,
                         .terms = of.call->terms ? &*of.call->terms : nullptr};
  if (send.meets) leaving.load = of.program->meeting_load();
  Message& message = leaving.message;
  message.run = run;
  message.from = from;
  message.to = send.to;
  message.step = step;
  message.meets = send.meets;
  message.bytes = send.bytes;
  int source = from;
  int destination = send.to;
  if (of.folded != nullptr) {
    const FoldedProgram::Path& path = of.folded->path(send.path);
    source = path.from;
    destination = path.to;
    message.alike = path.messages;
  }
  const double bytes = message.bytes.as_double() * static_cast<double>(message.alike);
  of.moved += bytes;
  if (send.reduces) of.added += bytes;
  message.source = of.group[static_cast<std::size_t>(source)];
  message.destination = of.group[static_cast<std::size_t>(destination)];
  start_message(leaving);
}

/// Its transport may hold it back. What that says depends on its way, which there has to be.
void Machine::Impl::start_message(LeavingMessage& leaving) {
  if (resources->has_terms() && leaving.copy == CopyKind::device_to_device) {
    const MachineResources::Course course = course_of(leaving);
    if (traffic) traffic->require_way(course);
    const TransportTerms terms = resources->terms(course);
    leaving.message.bound = terms.bound;
    if (terms.head > Duration(0)) {
      engine->schedule(engine->now() + terms.head, Phase::issue, *this,
                       token_of(Topic::message_begins, held.take(leaving)));
      return;
    }
  }
  begin_message(leaving);
}

/// Its way is that of now, and so is the bound where ways change.
void Machine::Impl::begin_message(LeavingMessage& leaving) {
  const MachineResources::Course course = course_of(leaving);
  const bool copies = leaving.copy != CopyKind::device_to_device;
  if (traffic) {
    traffic->require_way(course);
    if (resources->has_terms() && !copies) leaving.message.bound = resources->bound(course);
  }
  if (resources->watches_incast() && !copies) {
    resources->message_begins(course.source, course.destination);
  }
  send(leaving, course);
}

void Machine::Impl::send(LeavingMessage& leaving, const MachineResources::Course& course) {
  const MachineResources::Way way = resources->way(course);
  Message& message = leaving.message;
  const double bytes = message.bytes.as_double();
  counters.messages += message.alike;
  counters.bytes_sent += bytes * static_cast<double>(message.alike);
  message.latency = flows->latency_after(way.latency);
  const std::uint32_t index = messages.take(message);
  const ShareTerms terms{.bound = message.bound, .priority = leaving.priority};
  const std::uint64_t token = token_of(Topic::message_left, index);
  const ShareId share = flows->start(MessageFlow{.bytes = bytes,
                                                 .usages = way.usages,
                                                 .terms = terms,
                                                 .latency = way.latency,
                                                 .source = course.source,
                                                 .destination = course.destination},
                                     *this, token);
  if (traffic) {
    traffic->enter(index, course, {share, terms, this, token, way.latency}, way.usages);
  }
}

void Machine::Impl::message_left(std::uint32_t index) {
  if (traffic) messages[index].latency = traffic->leave(index);
  const Message message = messages[index];
  if (resources->watches_incast()) resources->message_ends(message.source, message.destination);
  if (message.dma) triggers->leave_engine(message.source);
  const bool arrives_now = message.latency == Duration(0);
  if (!arrives_now) {
    const Time arrival = engine->now() + message.latency;
    engine->schedule(arrival, Phase::complete, *this, token_of(Topic::message_arrived, index));
  }
  if (message.run == kNoRun) {
    listener->sent(message.instance);
  } else {
    collectives.message_sent(message.run, message.from);
  }
  if (arrives_now) message_arrived(index);
}

void Machine::Impl::message_arrived(std::uint32_t index) {
  const Message message = messages[index];
  messages.give_back(index);
  counters.bytes_received += message.bytes.as_double() * static_cast<double>(message.alike);
  if (message.run == kNoRun) {
    listener->delivered(message.instance);
  } else {
    collectives.message_arrived(message.run, message.to, message.step, message.meets);
  }
}

}  // namespace orrery
