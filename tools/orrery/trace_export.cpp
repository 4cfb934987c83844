#include "tools/orrery/trace_export.hpp"

#include <map>
#include <utility>

#include "traces/trace_error.hpp"

namespace orrery {
namespace {

/// One collective as it runs on one group.
class Expansion {
 public:
  Expansion(RankPrograms& programs, std::span<const Rank> group, const CollectiveProgram& program,
            std::map<std::pair<Rank, Rank>, std::uint64_t>& tags)
      : programs_(&programs), group_(group), program_(&program), tags_(&tags) {
    members_.resize(group.size());
  }

  /// `ops`: by member, the place of the collective in its rank's program.
  void expand(std::span<const std::uint32_t> ops) {
    for (std::size_t m = 0; m < group_.size(); ++m) begin(m, ops[m]);
    for (int step = 0; step < program_->steps(); ++step) {
      if (program_->meeting(step) > 0) {
        throw TraceError(
            "\"" + label_ +
            "\" adds in switches, which messages alone cannot say: "
            "`--set /collectives/library=plain` takes algorithms that hosts alone run");
      }
      for (std::size_t m = 0; m < group_.size(); ++m) send(m, step);
    }
    for (std::size_t m = 0; m < group_.size(); ++m) end(m, ops[m]);
  }

 private:
  struct Member {
    std::vector<std::uint32_t> pending;                // what its next step waits for
    std::vector<std::vector<std::uint32_t>> received;  // by step
    std::size_t counted = 0;                           // steps whose receipts are in `pending`
    std::uint32_t begin = 0;
    RankOp model;  // of the ops to make
  };

  std::vector<RankOp>& program_of(std::size_t member) {
    return programs_->ranks[static_cast<std::size_t>(group_[member])];
  }

  std::uint32_t add(std::size_t member, RankOp op) {
    program_of(member).push_back(std::move(op));
    return static_cast<std::uint32_t>(program_of(member).size() - 1);
  }

  void begin(std::size_t m, std::uint32_t op) {
    RankOp& collective = program_of(m)[op];
    label_ = programs_->names.text(collective.label);
    Member& member = members_[m];
    member.model.label = collective.label;
    member.model.category = collective.category;
    member.model.stream = collective.stream;
    member.received.resize(static_cast<std::size_t>(program_->steps()));
    RankOp first = member.model;
    first.kind = RankOp::Kind::delay;
    first.took = Duration(0);
    first.after = std::move(collective.after);
    collective.after.clear();
    collective.kind = RankOp::Kind::delay;
    collective.took = Duration(0);
    member.begin = add(m, std::move(first));
    member.pending = {member.begin};
  }

  /// A member begins a step when its sends before have left and receipts up to `lag` steps ago have
  /// come (CollectiveProgram).
  void send(std::size_t m, int step) {
    Member& member = members_[m];
    for (; static_cast<int>(member.counted) <= step - program_->lag(); ++member.counted) {
      const auto& received = member.received[member.counted];
      member.pending.insert(member.pending.end(), received.begin(), received.end());
    }
    sends_.clear();
    program_->sends(static_cast<int>(m), step, sends_);
    std::vector<std::uint32_t> sent;
    for (const Send& each : sends_) sent.push_back(message(m, each, step));
    if (!sent.empty()) member.pending = std::move(sent);
  }

  std::uint32_t message(std::size_t from, const Send& send, int step) {
    const auto to = static_cast<std::size_t>(send.to);
    std::uint64_t& next = (*tags_)[{group_[from], group_[to]}];
    RankOp op = members_[from].model;
    op.bytes = send.bytes;
    op.tag = next++;
    op.kind = RankOp::Kind::receive;
    op.peer = group_[from];
    op.after = {members_[to].begin};
    members_[to].received[static_cast<std::size_t>(step)].push_back(add(to, op));
    op.kind = RankOp::Kind::send;
    op.peer = group_[to];
    op.after = members_[from].pending;
    return add(from, std::move(op));
  }

  void end(std::size_t m, std::uint32_t op) {
    Member& member = members_[m];
    for (; member.counted < member.received.size(); ++member.counted) {
      const auto& received = member.received[member.counted];
      member.pending.insert(member.pending.end(), received.begin(), received.end());
    }
    program_of(m)[op].after = std::move(member.pending);
  }

  RankPrograms* programs_;
  std::span<const Rank> group_;
  const CollectiveProgram* program_;
  std::map<std::pair<Rank, Rank>, std::uint64_t>* tags_;
  std::vector<Member> members_;
  std::vector<Send> sends_;
  std::string label_;
};

std::map<std::pair<Rank, Rank>, std::uint64_t> next_tags(const RankPrograms& programs) {
  std::map<std::pair<Rank, Rank>, std::uint64_t> next;
  for (std::size_t rank = 0; rank < programs.ranks.size(); ++rank) {
    for (const RankOp& op : programs.ranks[rank]) {
      if (op.kind != RankOp::Kind::send) continue;
      std::uint64_t& tag = next[{static_cast<Rank>(rank), op.peer}];
      tag = std::max(tag, op.tag + 1);
    }
  }
  return next;
}

}  // namespace

void expand_collectives(RankPrograms& programs, const TaskGraph& graph, CollectiveCalls& calls) {
  order_streams(programs);
  auto tags = next_tags(programs);
  // split() puts an op at the end of each of its ranks' programs: so does this, in its order.
  std::vector<std::uint32_t> next(programs.ranks.size());
  for (const Op& op : graph.ops()) {
    const std::span<const Rank> ranks = graph.ranks(op.ranks);
    if (op.kind != OpKind::collective) {
      for (const Rank rank : ranks) ++next[static_cast<std::size_t>(rank)];
      if (op.kind == OpKind::transfer && op.copy == CopyKind::device_to_device) {
        for (const Rank rank : graph.ranks(op.peers)) ++next[static_cast<std::size_t>(rank)];
      }
      continue;
    }
    for (std::size_t first = 0; first < ranks.size(); first += op.group_size) {
      const std::span<const Rank> group = ranks.subspan(first, op.group_size);
      std::vector<std::uint32_t> ops;
      for (const Rank rank : group) ops.push_back(next[static_cast<std::size_t>(rank)]++);
      if (group.size() > 1) {
        Expansion(programs, group, calls.program_for(graph, op, group), tags).expand(ops);
        continue;
      }
      RankOp& alone = programs.ranks[static_cast<std::size_t>(group[0])][ops[0]];
      alone.kind = RankOp::Kind::delay;
      alone.took = Duration(0);
    }
  }
}

}  // namespace orrery
