#pragma once

#include <cstdint>

#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"
#include "sim/graph/op_kind.hpp"

namespace orrery {

using Rank = std::int32_t;
struct OpTag;
using OpId = Id<OpTag>;
struct RankSetTag;
using RankSetId = Id<RankSetTag>;
struct StreamTag;
using StreamId = Id<StreamTag, std::uint16_t>;
struct LabelTag;
using LabelId = Id<LabelTag>;
struct KernelTag;
using KernelId = Id<KernelTag>;
struct SizesTag;
using SizesId = Id<SizesTag>;

/// One thing that must happen, on each rank of a set. Every rank runs its own instance in its own
/// time; only transfers and collectives bring ranks together. See TaskGraph for what each kind
/// needs.
struct Op {
  OpKind kind : 4 = OpKind::delay;
  Movement movement : 4 = Movement::copy;  // transfer
  CollectiveKind collective : 4 = CollectiveKind::all_reduce;
  CopyKind copy : 4 = CopyKind::device_to_device;  // transfer
  StreamId stream;       // compute, delay, collective: every rank's; transfer: the source's
  StreamId peer_stream;  // transfer: the destination's; none: one-sided, occupies no stream there
  std::int16_t priority = 0;  // strict priority on shared resources
  RankSetId ranks;            // compute, delay: who runs it; transfer: sources; collective: members
  RankSetId peers;            // transfer: destinations, i-th of ranks sends to i-th of peers
  std::uint32_t group_size = 0;  // collective: ranks[0, g), ranks[g, 2g), … are one group each
  LabelId label;                 // what people read: "attention.qkv"
  LabelId category;              // what results are grouped by: "tensor_parallel", "pipeline", …
  KernelId kernel;               // compute
  SizesId sizes;                 // all_to_all_v: what each member of a group sends each other
  std::uint32_t root = 0;        // collective that has one: its position in each group
  Bytes bytes;                   // transfer: payload; collective: size as nccl-tests defines it
  Duration delay;                // delay
};

}  // namespace orrery
