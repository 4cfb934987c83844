#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/graph/op_kind.hpp"

/// Numbers of the fields of Chakra's messages. Source: mlcommons/chakra, et_def.proto, 0.0.4.
namespace orrery::chakra {

inline constexpr std::uint32_t kMetadataVersion = 1;
inline constexpr std::uint32_t kMetadataAttributes = 2;
inline constexpr std::uint32_t kNodeId = 1;
inline constexpr std::uint32_t kNodeName = 2;
inline constexpr std::uint32_t kNodeType = 3;
inline constexpr std::uint32_t kNodeControl = 4;
inline constexpr std::uint32_t kNodeData = 5;
inline constexpr std::uint32_t kNodeStart = 6;     // us
inline constexpr std::uint32_t kNodeDuration = 7;  // us
inline constexpr std::uint32_t kNodeInputs = 8;
inline constexpr std::uint32_t kNodeAttributes = 10;
inline constexpr std::uint32_t kInputValues = 1;
inline constexpr std::uint32_t kAttributeName = 1;
// A scalar has an odd number, the list of its type the next.
inline constexpr std::uint32_t kDouble = 3;
inline constexpr std::uint32_t kFloat = 5;
inline constexpr std::uint32_t kInt64 = 9;
inline constexpr std::uint32_t kUint64 = 13;
inline constexpr std::uint32_t kSint32 = 15;
inline constexpr std::uint32_t kSint64 = 17;
inline constexpr std::uint32_t kSfixed32 = 23;
inline constexpr std::uint32_t kSfixed64 = 25;
inline constexpr std::uint32_t kBool = 27;
inline constexpr std::uint32_t kString = 29;
inline constexpr std::uint32_t kBytes = 31;
inline constexpr std::uint32_t kLast = 32;
inline constexpr std::uint32_t kListValues = 1;

/// By CollectiveCommType.
inline constexpr std::array<CollectiveKind, 10> kCollectives = {
    CollectiveKind::all_reduce, CollectiveKind::reduce,         CollectiveKind::all_gather,
    CollectiveKind::gather,     CollectiveKind::scatter,        CollectiveKind::broadcast,
    CollectiveKind::all_to_all, CollectiveKind::reduce_scatter, CollectiveKind::reduce_scatter,
    CollectiveKind::barrier};
inline constexpr std::array<std::string_view, 10> kCollectiveNames = {
    "ALL_REDUCE", "REDUCE",         "ALL_GATHER",           "GATHER", "SCATTER", "BROADCAST",
    "ALL_TO_ALL", "REDUCE_SCATTER", "REDUCE_SCATTER_BLOCK", "BARRIER"};

}  // namespace orrery::chakra
