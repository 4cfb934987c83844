#include "models/collective/rounds.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "models/collective/parts.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// The most blocks that any message holds.
int widest_message(int members, int rounds, const RoundRule& rule) {
  int widest = 1;
  std::vector<Exchange> exchanges;
  for (int round = 0; round < rounds; ++round) {
    for (int member = 0; member < members; ++member) {
      exchanges.clear();
      rule(member, round, exchanges);
      int blocks = 0;
      for (const Exchange& exchange : exchanges) {
        blocks = exchange.joined ? blocks + exchange.count : exchange.count;
        widest = std::max(widest, blocks);
      }
    }
  }
  return widest;
}

/// By round the first of those in a row, up to it, in which every member sends the same blocks, as
/// many as others, to the same.
std::vector<int> kinds_of(int members, int rounds, const RoundRule& rule) {
  struct Message {
    int from = 0;
    int to = 0;
    int blocks = 0;
    bool reduces = false;
    bool operator==(const Message&) const = default;
  };
  std::vector<int> kinds;
  std::vector<Exchange> exchanges;
  std::vector<Message> before;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Message> messages;
    for (int member = 0; member < members; ++member) {
      exchanges.clear();
      rule(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        if (exchange.joined) {
          messages.back().blocks += exchange.count;
        } else {
          messages.push_back({member, exchange.to, exchange.count, exchange.reduces});
        }
      }
    }
    kinds.push_back(round > 0 && messages == before ? kinds.back() : round);
    before = std::move(messages);
  }
  return kinds;
}

class InRounds final : public CollectiveProgram {
 public:
  InRounds(const CollectiveCall& call, const RoundShape& shape, RoundRule rule,
           const Channel& channel, Bytes piece)
      : members_(call.members),
        shape_(shape),
        rule_(std::move(rule)),
        receives_(static_cast<std::size_t>(shape.rounds)),
        pieces_(call.size, shape.blocks, piece, channel.index, channel.count),
        ahead_(shape.ahead > 0 ? std::min(shape.ahead, pieces_.per_part()) : pieces_.per_part()),
        apart_(std::min(shape.apart, shape.rounds)) {
    ORRERY_CHECK(apart_ == 1 || ahead_ == 1, "pieces apart follow each other round by round");
  }

  int steps() const override {
    return (shape_.rounds - 1) * ahead_ + (pieces_.per_part() - 1) * apart_ + 1;
  }
  int lag() const override { return ahead_; }
  int receives(int member, int step) const override {
    int messages = 0;
    for (int round = first_round(step); round <= last_round(step); round += apart_) {
      messages += received_in(round)[static_cast<std::size_t>(member)];
    }
    return messages;
  }
  int pattern(int step) const override {
    if (!pieces_.equal()) return step;
    if (shape_.rounds < kFewRounds || in_network()) return first_with_rounds_of(step);
    for (int next = static_cast<int>(patterns_.size()); next <= step; ++next) {
      const int like = first_with_rounds_of(next);
      patterns_.push_back(like < next ? patterns_[static_cast<std::size_t>(like)]
                                      : like_.try_emplace(kinds_in(next), next).first->second);
    }
    return patterns_[static_cast<std::size_t>(step)];
  }
  bool in_network() const override { return shape_.network_round >= 0; }
  int meeting(int step) const override {
    const int round = shape_.network_round;
    if (round < 0 || !has_round(step, round)) return 0;
    if (meeting_ == 0) {
      const std::vector<int>& received = received_in(round);
      meeting_ = std::accumulate(received.begin(), received.end(), 0);
    }
    return meeting_;
  }
  Load meeting_load() const override { return shape_.network_load; }
  void sends(int member, int step, std::vector<Send>& out) const override {
    std::vector<Exchange> exchanges;
    for (int round = first_round(step); round <= last_round(step); round += apart_) {
      exchanges.clear();
      rule_(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        const Bytes bytes = size_of(exchange, piece_of(round, step));
        if (exchange.joined) {
          out.back().bytes += bytes;
        } else {
          out.push_back(Send{exchange.to, bytes, exchange.reduces, round == shape_.network_round});
        }
      }
    }
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    std::vector<Exchange> exchanges;
    std::size_t messages = 0;
    for (int round = first_round(step); round <= last_round(step); round += apart_) {
      exchanges.clear();
      rule_(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        messages += exchange.joined ? 0 : 1;
        for (int i = 0; i < exchange.count; ++i) {
          const int whose = shape_.personal ? (exchange.first + i) / shape_.blocks : 0;
          out.push_back(pieces_.payload_from(
              whose, messages - 1, (exchange.first + i) % shape_.blocks, piece_of(round, step)));
        }
      }
    }
  }

 private:
  static constexpr int kFewRounds = 4;  // of which none are alike

  /// Of the rounds of which a piece goes in a step, which are `apart_` apart.
  int first_round(int step) const {
    if (apart_ > 1) {
      const int least = step - (pieces_.per_part() - 1) * apart_;
      return least > 0 ? least : step % apart_;
    }
    const int over = step - pieces_.per_part();  // rounds before have sent all pieces
    return over < 0 ? 0 : over / ahead_ + 1;
  }
  int last_round(int step) const {
    const int last = std::min(shape_.rounds - 1, step / ahead_);
    return last - (apart_ - (step - last) % apart_) % apart_;
  }
  bool has_round(int step, int round) const {
    return round >= first_round(step) && round <= last_round(step) && (step - round) % apart_ == 0;
  }
  int piece_of(int round, int step) const { return (step - round * ahead_) / apart_; }
  /// The first step in which pieces of the same rounds go.
  int first_with_rounds_of(int step) const {
    const int before = first_round(step) - apart_;  // the last round that has sent all pieces
    const int from = before < 0 ? 0 : before * ahead_ + pieces_.per_part() * apart_;
    return std::max(from, last_round(step) * ahead_);
  }
  std::vector<int> kinds_in(int step) const {
    if (kinds_.empty()) kinds_ = kinds_of(members_, shape_.rounds, rule_);
    std::vector<int> kinds;
    for (int round = first_round(step); round <= last_round(step); round += apart_) {
      kinds.push_back(kinds_[static_cast<std::size_t>(round)]);
    }
    return kinds;
  }
  /// Messages that each member receives, counted when first asked for.
  const std::vector<int>& received_in(int round) const {
    std::vector<int>& received = receives_[static_cast<std::size_t>(round)];
    if (!received.empty()) return received;
    received.resize(static_cast<std::size_t>(members_), 0);
    std::vector<Exchange> exchanges;
    for (int member = 0; member < members_; ++member) {
      exchanges.clear();
      rule_(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        if (!exchange.joined) ++received[static_cast<std::size_t>(exchange.to)];
      }
    }
    return received;
  }
  Bytes size_of(const Exchange& exchange, int piece) const {
    return pieces_.size_of_row(exchange.first % shape_.blocks, exchange.count, piece);
  }

  int members_;
  RoundShape shape_;
  RoundRule rule_;
  mutable std::vector<std::vector<int>> receives_;  // by round and member
  mutable int meeting_ = 0;                         // messages of the round that the switches do
  mutable std::vector<int> kinds_;                  // by round
  mutable std::vector<int> patterns_;               // by step, as far as they were asked for
  mutable std::map<std::vector<int>, int> like_;    // first step with rounds of these kinds
  Pieces pieces_;
  int ahead_;
  int apart_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> in_rounds(const CollectiveCall& call, const RoundShape& shape,
                                             RoundRule rule, const Channel& channel) {
  Bytes piece = shape.piece;
  if (shape.chunk > Bytes(0)) {  // at least a byte of each block
    piece = std::max(Bytes(1), shape.chunk / widest_message(call.members, shape.rounds, rule));
  }
  return std::make_unique<InRounds>(call, shape, std::move(rule), channel, piece);
}

}  // namespace orrery
