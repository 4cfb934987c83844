#include "models/collective/rounds.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "models/collective/parts.hpp"

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

/// What a block may take of a chunk that holds `widest` of them: at least a byte.
Bytes share_of(Bytes chunk, int widest) {
  return chunk == Bytes(0) ? chunk : std::max(Bytes(1), chunk / widest);
}

class InRounds final : public CollectiveProgram {
 public:
  InRounds(const CollectiveCall& call, const RoundShape& shape, RoundRule rule,
           const Channel& channel, int widest)
      : members_(call.members),
        shape_(shape),
        rule_(std::move(rule)),
        receives_(static_cast<std::size_t>(shape.rounds)),
        pieces_(call.size, shape.blocks, share_of(shape.chunk, widest), channel.index,
                channel.count),
        ahead_(shape.ahead > 0 ? std::min(shape.ahead, pieces_.per_part()) : pieces_.per_part()) {}

  int steps() const override { return (shape_.rounds - 1) * ahead_ + pieces_.per_part(); }
  int lag() const override { return ahead_; }
  int receives(int member, int step) const override {
    int messages = 0;
    for (int round = first_round(step); round <= last_round(step); ++round) {
      messages += received_in(round)[static_cast<std::size_t>(member)];
    }
    return messages;
  }
  int pattern(int step) const override {
    if (!pieces_.equal()) return step;
    const int first = first_round(step);
    const int from = first > 0 ? (first - 1) * ahead_ + pieces_.per_part() : 0;
    return std::max(from, last_round(step) * ahead_);
  }
  bool in_network() const override { return shape_.network_round >= 0; }
  int meeting(int step) const override {
    const int round = shape_.network_round;
    if (round < 0 || round < first_round(step) || round > last_round(step)) return 0;
    if (meeting_ == 0) {
      const std::vector<int>& received = received_in(round);
      meeting_ = std::accumulate(received.begin(), received.end(), 0);
    }
    return meeting_;
  }
  Load meeting_load() const override { return shape_.network_load; }
  void sends(int member, int step, std::vector<Send>& out) const override {
    std::vector<Exchange> exchanges;
    for (int round = first_round(step); round <= last_round(step); ++round) {
      exchanges.clear();
      rule_(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        const Bytes bytes = size_of(exchange, step - round * ahead_);
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
    for (int round = first_round(step); round <= last_round(step); ++round) {
      exchanges.clear();
      rule_(member, round, exchanges);
      for (const Exchange& exchange : exchanges) {
        messages += exchange.joined ? 0 : 1;
        for (int i = 0; i < exchange.count; ++i) {
          const int whose = shape_.personal ? (exchange.first + i) / shape_.blocks : 0;
          out.push_back(pieces_.payload_from(
              whose, messages - 1, (exchange.first + i) % shape_.blocks, step - round * ahead_));
        }
      }
    }
  }

 private:
  /// Of the rounds of which a piece goes in a step.
  int first_round(int step) const {
    const int over = step - pieces_.per_part();  // rounds before have sent all pieces
    return over < 0 ? 0 : over / ahead_ + 1;
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
  int last_round(int step) const { return std::min(shape_.rounds - 1, step / ahead_); }
  Bytes size_of(const Exchange& exchange, int piece) const {
    if (pieces_.equal()) return exchange.count * pieces_.size(0, 0);
    Bytes bytes;
    for (int i = 0; i < exchange.count; ++i) {
      bytes += pieces_.size((exchange.first + i) % shape_.blocks, piece);
    }
    return bytes;
  }

  int members_;
  RoundShape shape_;
  RoundRule rule_;
  mutable std::vector<std::vector<int>> receives_;  // by round and member
  mutable int meeting_ = 0;                         // messages of the round that the switches do
  Pieces pieces_;
  int ahead_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> in_rounds(const CollectiveCall& call, const RoundShape& shape,
                                             RoundRule rule, const Channel& channel) {
  const int widest = shape.chunk == Bytes(0) ? 1 : widest_message(call.members, shape.rounds, rule);
  return std::make_unique<InRounds>(call, shape, std::move(rule), channel, widest);
}

}  // namespace orrery
