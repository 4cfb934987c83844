// Ring all-reduce and all-to-all on SimGrid.
#include <memory>
#include <string>
#include <utility>

#include "tests/bench/jobs.hpp"
#include "tests/bench/simgrid_jobs.hpp"

namespace orrery::jobs {
namespace {

namespace s4u = simgrid::s4u;

int token = 0;  // a mailbox carries a pointer, and nobody looks at where it leads

s4u::Mailbox* mailbox(std::size_t index) {
  return s4u::Mailbox::by_name(std::to_string(index));
}

/// A rank's next message starts when the one to it has come: 2(n-1) rounds.
class RingOfCallbacks {
 public:
  explicit RingOfCallbacks(const Platform& platform)
      : platform_(&platform), slots_(static_cast<std::size_t>(platform.ranks)) {
    s4u::Activity::on_completion_cb([this](const s4u::Activity& message) { arrived(message); });
    for (int rank = 0; rank < platform.ranks; ++rank) {
      slots_[static_cast<std::size_t>(rank)].rank = rank;
      send(slots_[static_cast<std::size_t>(rank)]);
    }
  }

 private:
  struct Slot {
    int rank = 0;
    int sent = 0;
    int received = 0;
    s4u::CommPtr message;
  };

  // Setting the second end of a communication starts it, so everything else comes before.
  void send(Slot& slot) {
    slot.message = s4u::Comm::sendto_init();
    slot.message->set_data(&slot);
    slot.message->set_payload_size(static_cast<std::uint64_t>(kBlock));
    slot.message->set_source(platform_->host(slot.rank));
    slot.message->set_destination(platform_->host((slot.rank + 1) % platform_->ranks));
    ++slot.sent;
  }

  // The message of a rank and the one that comes to it may end in either order. A handle has to
  // live until its callback is left.
  void arrived(const s4u::Activity& message) {
    Slot& from = *message.get_data<Slot>();
    ended_ = std::move(from.message);
    Slot& to = slots_[static_cast<std::size_t>((from.rank + 1) % platform_->ranks)];
    ++to.received;
    send_next(to);
    send_next(from);
  }
  void send_next(Slot& slot) {
    const int rounds = 2 * (platform_->ranks - 1);
    if (!slot.message && slot.sent <= slot.received && slot.sent < rounds) send(slot);
  }

  const Platform* platform_;
  std::vector<Slot> slots_;
  s4u::CommPtr ended_;
};

void ring_member(const Platform& platform, int rank) {
  s4u::Mailbox* const in = mailbox(static_cast<std::size_t>(rank));
  s4u::Mailbox* const out = mailbox(static_cast<std::size_t>((rank + 1) % platform.ranks));
  for (int round = 0; round < 2 * (platform.ranks - 1); ++round) {
    const s4u::CommPtr sent = out->put_async(&token, static_cast<std::uint64_t>(kBlock));
    in->get<int>();
    sent->wait();
  }
}

void all_to_all_sendto(const Platform& platform, const Sizes& bytes, int from,
                       std::vector<s4u::CommPtr>& messages) {
  for (int shift = 1; shift < platform.ranks; ++shift) {
    const int to = (from + shift) % platform.ranks;
    const int way = platform.way(from, to);
    messages.push_back(
        s4u::Comm::sendto_async(platform.host(from, way), platform.host(to, way), bytes(from, to)));
  }
}

// What SimGrid 3.32 spends most on here is walking to the end of a list of activities whenever one
// of them ends. Detached puts, like host-to-host communications, are all in one list; others are in
// that of their actor. So nothing is detached, and several actors share the messages of a rank: one
// for each way, or as many as was fastest.
int shares_of(const Platform& platform) {
  return platform.ways == 1 ? 16 : 1;
}

struct Share {
  int rank = 0;
  int way = 0;
  int first_shift = 1;
};

// The gets come first, so that a put finds one and starts at once.
void all_to_all_member(const Platform& platform, const std::vector<s4u::Mailbox*>& mailboxes,
                       const Sizes& bytes, const Share& share) {
  const auto [rank, way, first_shift] = share;
  const int shares = shares_of(platform);
  const auto mailbox_of = [&, way = way](int owner) {
    return mailboxes[static_cast<std::size_t>(owner * platform.ways + way)];
  };
  std::vector<s4u::CommPtr> messages;
  int* received = nullptr;  // lives until all have come
  for (int shift = first_shift; shift < platform.ranks; shift += shares) {
    const int from = (rank + shift) % platform.ranks;
    if (platform.way(from, rank) != way) continue;
    messages.push_back(mailbox_of(rank)->get_async<int>(&received));
  }
  s4u::this_actor::yield();
  for (int shift = first_shift; shift < platform.ranks; shift += shares) {
    const int to = (rank + shift) % platform.ranks;
    if (platform.way(rank, to) != way) continue;
    messages.push_back(mailbox_of(to)->put_async(&token, bytes(rank, to)));
  }
  s4u::Comm::wait_all(messages);
}

}  // namespace

Activities run_ring(const Platform& platform, Api api) {
  std::unique_ptr<RingOfCallbacks> callbacks;
  if (api == Api::callbacks) {
    callbacks = std::make_unique<RingOfCallbacks>(platform);
  } else {
    for (int rank = 0; rank < platform.ranks; ++rank) {
      s4u::Actor::create("rank", platform.host(rank),
                         [&platform, rank] { ring_member(platform, rank); });
    }
  }
  s4u::Engine::get_instance()->run();
  const auto ranks = static_cast<std::uint64_t>(platform.ranks);
  return {.count = ranks * 2 * (ranks - 1)};
}

Activities run_all_to_all(const Platform& platform, Api api, const Sizes& bytes) {
  std::vector<s4u::CommPtr> messages;
  std::vector<s4u::Mailbox*> mailboxes;
  while (mailboxes.size() < platform.hosts.size()) mailboxes.push_back(mailbox(mailboxes.size()));
  for (int rank = 0; rank < platform.ranks; ++rank) {
    if (api == Api::callbacks) {
      all_to_all_sendto(platform, bytes, rank, messages);
    } else if (api == Api::sendto) {
      s4u::Actor::create("rank", platform.host(rank), [&platform, &bytes, rank] {
        std::vector<s4u::CommPtr> own;
        all_to_all_sendto(platform, bytes, rank, own);
        s4u::Comm::wait_all(own);
      });
    } else {
      for (int way = 0; way < platform.ways; ++way) {
        for (int shift = 1; shift <= shares_of(platform); ++shift) {
          const Share share{rank, way, shift};
          s4u::Actor::create("share", platform.host(rank, way),
                             [&, share] { all_to_all_member(platform, mailboxes, bytes, share); });
        }
      }
    }
  }
  s4u::Engine::get_instance()->run();
  const auto ranks = static_cast<std::uint64_t>(platform.ranks);
  return {.count = ranks * (ranks - 1)};
}

}  // namespace orrery::jobs
