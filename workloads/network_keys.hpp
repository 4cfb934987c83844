#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/base/json_cursor.hpp"

namespace orrery {

// What sizes a network may have. Far beyond what exists, and small enough that no parameter count
// leaves 64 bits: 2^14 layers * 2^18 hidden * 2^20 wide * 7 matrices < 2^55.
inline constexpr CountRange kLayers = {1, 10'000};
inline constexpr CountRange kHidden = {1, 1 << 18};
inline constexpr CountRange kWide = {1, 1 << 20};
inline constexpr CountRange kVocabulary = {1, 1 << 24};
inline constexpr CountRange kPositions = {1, 1 << 30};

/// A key that may be absent or null, as in config.json files.
std::optional<std::int64_t> optional_count(JsonCursor& cursor, std::string_view key,
                                           CountRange range);
bool optional_boolean(JsonCursor& cursor, std::string_view key, bool otherwise);

}  // namespace orrery
