#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/base/units.hpp"

namespace orrery {

/// Quantities as people write them: a non-negative decimal number, optional space, a unit. Decimal
/// prefixes are powers of 1000 (kB, MB, GB), binary ones of 1024 (KiB, MiB, GiB); `bit/s` is not
/// `B/s`. Each returns nothing when the text is no such quantity or leaves the 64-bit range; the
/// value is rounded to the nearest integer count of the quantity's own unit.
std::optional<Duration> parse_duration(std::string_view text);  // ps ns us ms s min h
std::optional<Bytes> parse_bytes(std::string_view text);        // B kB KB MB GB TB KiB MiB GiB TiB
std::optional<Bandwidth> parse_bandwidth(std::string_view text);  // <bytes>/s, bit/s … Tbit/s
std::optional<FlopRate> parse_flop_rate(std::string_view text);  // FLOP/s … PFLOP/s, OP/s … POP/s
std::optional<Frequency> parse_frequency(std::string_view text);  // Hz kHz MHz GHz
std::optional<Power> parse_power(std::string_view text);          // mW W kW

/// For people: three significant digits and the fitting unit, "4.83 s", "12.5 GiB", "450 GB/s".
std::string to_text(Duration duration);
std::string to_text(Bytes bytes);
std::string to_text(Bandwidth bandwidth);
std::string to_text(FlopRate rate);

}  // namespace orrery
