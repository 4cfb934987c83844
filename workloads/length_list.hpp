#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/json_cursor.hpp"

namespace orrery {

/// Lengths of sequences in tokens, one behind the other, and where they are from.
struct LengthList {
  std::vector<std::int64_t> tokens;
  std::string digest;  // of the file that they were read from; "" where there was none
};

/// Reads lengths, from 1 to 2^24 tokens, in one of these forms:
///   [368, 99, …]                                            as they stand there
///   {"kind": "list", "file": "lengths.txt"}                 a file with a length a line
///   {"kind": "histogram", "file": "histogram.csv", "count": 1000}   so many drawn, each length as
///       often as the file says: lines "tokens,sequences", below a line that names them or not;
///       or "rows": [[tokens, sequences], …] in place of the file
///   {"kind": "log_normal", "median": 350, "sigma": 1.46, "count": 1000}   so many drawn:
///       median * exp(sigma * z), z standard normal, rounded; "maximum" (2^24) cuts it off
/// A file is looked for beside the one where its name stands; "digest", where it is given, must be
/// that of the file. What is drawn comes from the seed, by the random stream "sequence lengths".
/// Mistakes go to the diagnostics; then the list may be empty.
LengthList read_length_list(JsonCursor& place, std::uint64_t seed);

}  // namespace orrery
