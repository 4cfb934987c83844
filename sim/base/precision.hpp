#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "sim/base/units.hpp"

namespace orrery {

/// Number formats that a device has a peak rate for.
enum class Precision : unsigned char { fp32, tf32, bf16, fp16, fp8, int8, int4 };

inline constexpr std::array<Precision, 7> kPrecisions = {
    Precision::fp32, Precision::tf32, Precision::bf16, Precision::fp16,
    Precision::fp8,  Precision::int8, Precision::int4};

std::string_view to_string(Precision precision);
std::optional<Precision> precision_from(std::string_view name);

/// Storage of `elements` numbers, rounded up to whole bytes (tf32 is stored as fp32).
Bytes storage(Precision precision, std::int64_t elements);

}  // namespace orrery
