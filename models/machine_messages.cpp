// What a machine does with a message, from its start to its arrival.
#include "models/machine_impl.hpp"

namespace orrery {

void Machine::start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) {
  using Mover = MachineResources::Mover;
  LeavingMessage leaving{
      .message = {.instance = instance},
      .course = {.source = source,
                 .destination = op.copy == CopyKind::device_to_device ? destination : source,
                 .mover = is_by_cores(op.movement) ? Mover::cores : Mover::engine,
                 .copy = op.copy,
                 .movement = op.movement,
                 .messages = impl_->resources->alike(source),
                 .bytes = op.bytes},
      .priority = op.priority};
  const double bytes = op.bytes.as_double() * static_cast<double>(leaving.course.messages);
  const int reads = op.copy == CopyKind::host_to_device ? 0 : reads_at_source(op.movement);
  impl_->memory_traffic->add(op, bytes * reads, op.copy == CopyKind::device_to_host ? 0 : bytes);
  if (op.movement == Movement::update && impl_->triggers) {
    leaving.message.dma = true;
    const std::uint32_t index = impl_->held.take(leaving);
    if (impl_->triggers->take_engine(source, index)) impl_->dma_goes_on(index);
    return;
  }
  impl_->start_message(leaving);
}

void Machine::Impl::carry(std::uint32_t run, int from, int step, const Send& send) {
  RunningCollective& of = runs[run];
  LeavingMessage leaving = of.like;
  Message& message = leaving.message;
  message.from = from;
  message.to = send.to;
  message.step = step;
  message.meets = send.meets;
  MachineResources::Course& course = leaving.course;
  course.reduces = send.reduces;
  course.bytes = send.bytes;
  if (send.meets) course.load = of.program->meeting_load();
  int source = from;
  int destination = send.to;
  if (of.folded != nullptr) {
    const FoldedProgram::Path& path = of.folded->path(send.path);
    source = path.from;
    destination = path.to;
    course.messages = path.messages;
  }
  course.source = of.group[static_cast<std::size_t>(source)];
  course.destination = of.group[static_cast<std::size_t>(destination)];
  const double bytes = send.bytes.as_double() * static_cast<double>(course.messages);
  of.moved += bytes;
  if (send.reduces) of.added += bytes;
  start_message(leaving);
}

/// Its transport may hold it back. What that says depends on its way, which there has to be.
void Machine::Impl::start_message(LeavingMessage& leaving) {
  if (resources->has_terms() && leaving.course.copy == CopyKind::device_to_device) {
    if (traffic) traffic->require_way(leaving.course);
    const TransportTerms terms = resources->terms(leaving.course);
    leaving.bound = terms.bound;
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
  const MachineResources::Course& course = leaving.course;
  const bool copies = course.copy != CopyKind::device_to_device;
  if (traffic) {
    traffic->require_way(course);
    if (resources->has_terms() && !copies) leaving.bound = resources->bound(course);
  }
  if (resources->watches_incast() && !copies) {
    resources->message_begins(course.source, course.destination);
  }
  send(leaving);
}

void Machine::Impl::send(LeavingMessage& leaving) {
  const MachineResources::Course& course = leaving.course;
  const MachineResources::Way way = resources->way(course);
  Message& message = leaving.message;
  const double bytes = course.bytes.as_double();
  message.source = course.source;
  message.destination = course.destination;
  message.bytes = bytes * static_cast<double>(course.messages);
  message.latency = flows->latency_after(way.latency);
  counters.messages += course.messages;
  counters.bytes_sent += message.bytes;
  const std::uint32_t index = messages.take(message);
  const MessageFlow flow{
      .activity = {bytes, way.usages, {.bound = leaving.bound, .priority = leaving.priority}},
      .latency = way.latency,
      .source = course.source,
      .destination = course.destination};
  const std::uint64_t token = token_of(Topic::message_left, index);
  const ShareId share = flows->start(flow, *this, token);
  if (traffic) {
    traffic->enter(index, course, {share, flow.activity.terms, this, token, way.latency},
                   way.usages);
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
  const Message& message = messages[index];
  messages.give_back(index);  // nobody takes it before what follows has read it
  counters.bytes_received += message.bytes;
  if (message.run == kNoRun) {
    listener->delivered(message.instance);
  } else {
    collectives.message_arrived(message.run, message.to, message.step, message.meets);
  }
}

}  // namespace orrery
