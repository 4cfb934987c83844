#include "sim/graph/slots.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;
using Slots = std::vector<Slot>;

class SlotLayoutTest : public GraphFixture {
 protected:
  Slots on_rank(OpId op, Rank rank, Side side = Side::both) const {
    Slots found;
    layout.on_rank(op, rank, side, [&](Slot slot) { found.push_back(slot); });
    return found;
  }
  Slots on_all(OpId op, Side side = Side::both) const {
    Slots found;
    layout.on_all(op, side, [&](Slot slot) { found.push_back(slot); });
    return found;
  }

  //                    slots 0..2: one per rank, in the order of the list
  const OpId work = compute("compute", {4, 2, 0}, 1_ns);
  //                    slots 3..8: source, destination, source, …; a ring: 0 -> 1 -> 2 -> 0
  const OpId shift = transfer("send", "receive", {{0, 1, 2}, {1, 2, 0}}, 1_ns);
  //                    slots 9..12: two groups of two
  const OpId reduce = collective("compute", {0, 1, 2, 3}, 2, 1_ns);
  //                    slots 13, 14
  const OpId one_sided = put("send", {{1}, {5}}, 1_ns);
  const SlotLayout layout{graph};
};

TEST_F(SlotLayoutTest, NumbersParticipantsInOpOrder) {
  EXPECT_EQ(layout.begin_of(work), 0U);
  EXPECT_EQ(layout.end_of(work), 3U);
  EXPECT_EQ(layout.begin_of(shift), 3U);
  EXPECT_EQ(layout.end_of(shift), 9U);
  EXPECT_EQ(layout.begin_of(reduce), 9U);
  EXPECT_EQ(layout.end_of(reduce), 13U);
  EXPECT_EQ(layout.end_of(one_sided), 15U);
  EXPECT_EQ(layout.count(), 15U);
}

TEST_F(SlotLayoutTest, SlotAndParticipantAreInverse) {
  for (Slot slot = 0; slot < layout.count(); ++slot) {
    const SlotLayout::Participant who = layout.participant(slot);
    EXPECT_EQ(layout.slot_of(who.instance, who.position), slot);
    EXPECT_GE(slot, layout.begin_of(who.instance.op));
    EXPECT_LT(slot, layout.end_of(who.instance.op));
  }
}

TEST_F(SlotLayoutTest, ParticipantsOfEachKind) {
  const SlotLayout::Participant worker = layout.participant(layout.begin_of(work) + 1);
  EXPECT_EQ(worker.instance.instance, 1U);
  EXPECT_EQ(worker.position, 0U);
  EXPECT_EQ(worker.rank, 2);

  const SlotLayout::Participant sender = layout.participant(layout.slot_of({shift, 1}, 0));
  EXPECT_EQ(sender.rank, 1);
  EXPECT_EQ(sender.stream, graph.stream("send"));
  const SlotLayout::Participant receiver = layout.participant(layout.slot_of({shift, 1}, 1));
  EXPECT_EQ(receiver.rank, 2);
  EXPECT_EQ(receiver.stream, graph.stream("receive"));

  const SlotLayout::Participant member = layout.participant(layout.slot_of({reduce, 1}, 1));
  EXPECT_EQ(member.rank, 3);
  EXPECT_EQ(member.instance.instance, 1U);

  const SlotLayout::Participant target = layout.participant(layout.slot_of({one_sided, 0}, 1));
  EXPECT_EQ(target.rank, 5);
  EXPECT_FALSE(target.stream.valid());
}

TEST_F(SlotLayoutTest, FindsTheSlotsOfARankByItsSide) {
  EXPECT_EQ(on_rank(work, 4), Slots{layout.begin_of(work)});
  EXPECT_EQ(on_rank(work, 0), Slots{layout.begin_of(work) + 2});
  EXPECT_EQ(on_rank(work, 1), Slots{});
  EXPECT_EQ(on_rank(work, 4, Side::destination), Slots{layout.begin_of(work)});

  const Slot sends = layout.slot_of({shift, 0}, 0);     // 0 -> 1
  const Slot receives = layout.slot_of({shift, 2}, 1);  // 2 -> 0
  EXPECT_EQ(on_rank(shift, 0), (Slots{sends, receives}));
  EXPECT_EQ(on_rank(shift, 0, Side::source), Slots{sends});
  EXPECT_EQ(on_rank(shift, 0, Side::destination), Slots{receives});
  EXPECT_EQ(on_rank(shift, 3), Slots{});
  EXPECT_EQ(on_rank(one_sided, 5, Side::source), Slots{});
}

TEST_F(SlotLayoutTest, FindsAllSlotsByTheirSide) {
  EXPECT_EQ(on_all(shift), (Slots{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(on_all(shift, Side::source), (Slots{3, 5, 7}));
  EXPECT_EQ(on_all(shift, Side::destination), (Slots{4, 6, 8}));
  EXPECT_EQ(on_all(reduce, Side::source), (Slots{9, 10, 11, 12}));
}

TEST_F(SlotLayoutTest, OpsShareARankThroughSourcesOrDestinations) {
  const auto share = [this](OpId a, OpId b) {
    const bool forward = layout.share_a_rank(graph.op(a), graph.op(b));
    EXPECT_EQ(forward, layout.share_a_rank(graph.op(b), graph.op(a)));
    return forward;
  };
  EXPECT_TRUE(share(work, shift));
  EXPECT_TRUE(share(reduce, one_sided));  // 1 is a source
  EXPECT_FALSE(share(work, one_sided));   // {4, 2, 0} and {1 -> 5}
  EXPECT_TRUE(share(work, work));
}

TEST_F(SlotLayoutTest, DestinationsCountAsRanksOfAnOp) {
  const OpId at_destination = compute("compute", {5}, 1_ns);
  const OpId back = put("send", {{6}, {5}}, 1_ns);
  const SlotLayout extended(graph);
  EXPECT_FALSE(extended.share_a_rank(graph.op(one_sided), graph.op(at_destination), Side::source));
  EXPECT_TRUE(extended.share_a_rank(graph.op(one_sided), graph.op(at_destination)));
  EXPECT_TRUE(extended.share_a_rank(graph.op(one_sided), graph.op(back)));
}

TEST_F(SlotLayoutTest, NextInStreamFollowsOneStreamOfOneRank) {
  const Slots next = layout.next_in_stream();
  const Slot work_on_2 = layout.begin_of(work) + 1;
  const Slot work_on_4 = layout.begin_of(work);
  const Slot reduce_on_2 = layout.slot_of({reduce, 1}, 0);
  EXPECT_EQ(next[work_on_2], reduce_on_2);
  EXPECT_EQ(next[reduce_on_2], kNoSlot);
  EXPECT_EQ(next[work_on_4], kNoSlot);
  const Slot shift_from_1 = layout.slot_of({shift, 1}, 0);
  const Slot put_from_1 = layout.slot_of({one_sided, 0}, 0);
  EXPECT_EQ(next[shift_from_1], put_from_1);
  EXPECT_EQ(next[layout.slot_of({shift, 0}, 1)], kNoSlot);  // alone on its receive stream
}

}  // namespace
}  // namespace orrery
