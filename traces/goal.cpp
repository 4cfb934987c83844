#include "traces/goal.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include "traces/atomic_file.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kPicosecondsPerNanosecond = 1000;
constexpr std::int64_t kMaximumRanks = 1 << 24;

class Reader {
 public:
  Reader(const std::string& text, const std::string& file) : text_(text), file_(&file) {}

  RankPrograms read() {
    compute_ = programs_.names.intern("compute");
    communication_ = programs_.names.intern("communication");
    for (std::string line; std::getline(text_, line);) {
      ++line_;
      line.erase(std::min(line.find("//"), line.size()));
      line.erase(std::min(line.find('#'), line.size()));
      std::replace(line.begin(), line.end(), ';', ' ');
      std::istringstream stream(line);
      words_.clear();
      for (std::string word; stream >> word;) words_.push_back(word);
      if (!words_.empty()) read_line();
    }
    if (rank_ >= 0) fail("the file ends within rank " + std::to_string(rank_));
    if (!sized_) fail("expected \"num_ranks N\" first");
    return std::move(programs_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw TraceError(*file_ + ": line " + std::to_string(line_) + ": " + what);
  }

  std::int64_t number(const std::string& word, std::int64_t maximum) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < 0 || value > maximum) {
      fail("expected a number from 0 to " + std::to_string(maximum) + ", got \"" + word + "\"");
    }
    return value;
  }
  std::int64_t number(const std::string& word) const {
    return number(word, std::numeric_limits<std::int64_t>::max());
  }

  void read_line() {
    if (!sized_) {
      if (words_.size() != 2 || words_[0] != "num_ranks") fail("expected \"num_ranks N\" first");
      sized_ = true;
      programs_.ranks.resize(static_cast<std::size_t>(number(words_[1], kMaximumRanks)));
    } else if (rank_ < 0) {
      if (words_.size() != 3 || words_[0] != "rank" || words_[2] != "{")
        fail("expected \"rank R {\"");
      rank_ = number(words_[1], static_cast<std::int64_t>(programs_.ranks.size()) - 1);
      labels_.clear();
      weak_.clear();
    } else if (words_[0] == "}") {
      resolve_weak();
      rank_ = -1;
    } else if (words_.size() == 3 && (words_[1] == "requires" || words_[1] == "irequires")) {
      const std::uint32_t op = labelled(words_[0]);
      const std::uint32_t on = labelled(words_[2]);
      if (words_[1] == "requires") {
        program()[op].after.push_back(on);
      } else {
        weak_.emplace_back(op, on);
      }
    } else {
      read_op();
    }
  }

  std::vector<RankOp>& program() { return programs_.ranks[static_cast<std::size_t>(rank_)]; }

  std::uint32_t labelled(const std::string& label) const {
    const auto found = labels_.find(label);
    if (found == labels_.end()) fail("no op before this has the label \"" + label + "\"");
    return found->second;
  }

  /// What an op that has only begun has waited for, which may again be what others waited for.
  void resolve_weak() {
    std::vector<std::uint32_t> unresolved(program().size());
    std::multimap<std::uint32_t, std::uint32_t> heirs;  // by op: those that wait for its begin
    for (const auto& [op, on] : weak_) {
      ++unresolved[op];
      heirs.emplace(on, op);
    }
    std::vector<std::uint32_t> known;
    for (std::uint32_t op = 0; op < unresolved.size(); ++op) {
      if (unresolved[op] == 0) known.push_back(op);
    }
    for (std::size_t next = 0; next < known.size(); ++next) {
      std::vector<std::uint32_t>& before = program()[known[next]].after;
      std::sort(before.begin(), before.end());
      before.erase(std::unique(before.begin(), before.end()), before.end());
      const auto [first, last] = heirs.equal_range(known[next]);
      for (auto heir = first; heir != last; ++heir) {
        auto& after = program()[heir->second].after;
        after.insert(after.end(), before.begin(), before.end());
        if (--unresolved[heir->second] == 0) known.push_back(heir->second);
      }
    }
    if (known.size() < unresolved.size()) fail("ops irequire each other in a circle");
  }

  void read_op() {
    std::size_t at = 0;
    RankOp op;
    std::string label = words_[0];
    if (label.ends_with(':')) {
      label.pop_back();
      if (!labels_.emplace(label, static_cast<std::uint32_t>(program().size())).second) {
        fail("a second op has the label \"" + label + "\"");
      }
      at = 1;
    }
    if (at + 1 >= words_.size()) fail("expected \"calc\", \"send\" or \"recv\" with an amount");
    const std::string& verb = words_[at];
    if (verb == "calc") {
      const std::int64_t most =
          std::numeric_limits<std::int64_t>::max() / kPicosecondsPerNanosecond;
      op.kind = RankOp::Kind::delay;
      op.took = number(words_[at + 1], most) * Duration(kPicosecondsPerNanosecond);
      op.category = compute_;
      at += 2;
    } else if (verb == "send" || verb == "recv") {
      op.kind = verb == "send" ? RankOp::Kind::send : RankOp::Kind::receive;
      op.category = communication_;
      at = read_message(op, at);
    } else {
      fail("expected \"calc\", \"send\" or \"recv\", got \"" + verb + "\"");
    }
    op.label = programs_.names.intern(verb);
    std::string cpu = "0";
    for (; at < words_.size(); at += 2) {
      if (at + 1 == words_.size()) fail("\"" + words_[at] + "\" is followed by nothing");
      if (words_[at] == "cpu") {
        cpu = words_[at + 1];
      } else if (words_[at] == "tag") {
        op.tag = static_cast<std::uint64_t>(number(words_[at + 1]));
      } else if (words_[at] != "nic") {
        fail("expected \"tag\", \"cpu\" or \"nic\", got \"" + words_[at] + "\"");
      }
    }
    if (verb == "calc") op.stream = processor(cpu);
    program().push_back(std::move(op));
  }

  std::uint32_t processor(const std::string& cpu) {
    const auto [place, is_new] = processors_.try_emplace(cpu, 0);
    if (is_new) {
      place->second = programs_.names.intern("cpu " + cpu);
      programs_.first_ready.push_back(place->second);
    }
    return place->second;
  }

  std::size_t read_message(RankOp& op, std::size_t at) const {
    const char* preposition = op.kind == RankOp::Kind::send ? "to" : "from";
    std::string size = words_[at + 1];
    if (size.ends_with('b')) size.pop_back();
    op.bytes = Bytes(number(size));
    if (at + 3 >= words_.size() || words_[at + 2] != preposition) {
      fail(std::string("expected \"") + preposition + " RANK\" behind the amount");
    }
    op.peer = static_cast<Rank>(
        number(words_[at + 3], static_cast<std::int64_t>(programs_.ranks.size()) - 1));
    return at + 4;
  }

  std::istringstream text_;
  const std::string* file_;
  RankPrograms programs_;
  std::size_t line_ = 0;
  std::vector<std::string> words_;
  bool sized_ = false;
  std::int64_t rank_ = -1;
  std::map<std::string, std::uint32_t> labels_;  // of the rank at hand
  std::vector<std::pair<std::uint32_t, std::uint32_t>> weak_;
  std::map<std::string, std::uint32_t> processors_;  // streams
  std::uint32_t compute_ = 0;
  std::uint32_t communication_ = 0;
};

std::string text_of(const RankOp& op, const std::string& name) {
  switch (op.kind) {
    case RankOp::Kind::compute:
    case RankOp::Kind::delay:
    case RankOp::Kind::copy: {
      if (!op.took) throw TraceError("GOAL needs the duration of \"" + name + "\"");
      const std::int64_t nanoseconds =
          (op.took->count() + kPicosecondsPerNanosecond / 2) / kPicosecondsPerNanosecond;
      return "calc " + std::to_string(nanoseconds);
    }
    case RankOp::Kind::send:
      return "send " + std::to_string(op.bytes.count()) + "b to " + std::to_string(op.peer) +
             " tag " + std::to_string(op.tag);
    case RankOp::Kind::receive:
      return "recv " + std::to_string(op.bytes.count()) + "b from " + std::to_string(op.peer) +
             " tag " + std::to_string(op.tag);
    case RankOp::Kind::collective:
      break;
  }
  throw TraceError("GOAL has no collectives, and \"" + name + "\" was not expanded into messages");
}

}  // namespace

RankPrograms read_goal(const std::string& text, const std::string& file) {
  return Reader(text, file).read();
}

void write_goal(const std::string& path, const RankPrograms& programs) {
  AtomicFile file(path);
  file.write("num_ranks " + std::to_string(programs.ranks.size()) + "\n");
  for (std::size_t rank = 0; rank < programs.ranks.size(); ++rank) {
    file.write("\nrank " + std::to_string(rank) + " {\n");
    std::map<std::uint32_t, std::size_t> processors;  // by stream
    std::string requirements;
    const auto label = [](std::uint32_t op) { return "l" + std::to_string(op + 1); };
    for (std::uint32_t i = 0; i < programs.ranks[rank].size(); ++i) {
      const RankOp& op = programs.ranks[rank][i];
      std::string line = label(i) + ": " + text_of(op, programs.names.text(op.label));
      const bool moves = op.kind == RankOp::Kind::send || op.kind == RankOp::Kind::receive;
      if (op.stream != RankOp::kNone || !moves) {
        const auto place = processors.try_emplace(op.stream, processors.size()).first;
        if (place->second > 0) line += " cpu " + std::to_string(place->second);
      }
      file.write(line + "\n");
      std::vector<std::uint32_t> after = op.after;
      std::sort(after.begin(), after.end());
      after.erase(std::unique(after.begin(), after.end()), after.end());
      for (const std::uint32_t before : after) {
        requirements += label(i) + " requires " + label(before) + "\n";
      }
    }
    file.write(requirements);
    file.write("}\n");
  }
  file.commit();
}

RecordedTrace read_goal_trace(const std::string& text, const std::string& file) {
  const RankPrograms programs = read_goal(text, file);
  RecordedTrace trace;
  trace.format = "GOAL schedule";
  trace.has_times = false;
  trace.names = programs.names;
  for (std::size_t rank = 0; rank < programs.ranks.size(); ++rank) {
    trace.tracks.push_back(
        {static_cast<std::int64_t>(rank), "rank " + std::to_string(rank), "schedule"});
    for (const RankOp& op : programs.ranks[rank]) {
      const bool moves = op.kind != RankOp::Kind::delay;
      trace.spans.push_back({.track = static_cast<std::uint32_t>(rank),
                             .name = op.label,
                             .category = op.category,
                             .work = moves ? Work::communication : Work::compute,
                             .duration = op.took.value_or(Duration(0)),
                             .bytes = moves ? op.bytes.count() : RecordedTrace::kNoBytes});
    }
  }
  return trace;
}

}  // namespace orrery
