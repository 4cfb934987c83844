#pragma once

#include <cstdint>
#include <vector>

#include "workloads/network.hpp"

namespace orrery {

/// Documents of given lengths, one behind the other and over again, cut into rows of equal length:
/// how text is packed for pretraining. A document that a row's end cuts goes on in the next row,
/// where it sees nothing of its first part.
class DocumentStream {
 public:
  /// Lengths >= 1, at least one of them.
  DocumentStream(const std::vector<std::int64_t>& lengths, std::int64_t row_length);

  /// Lengths of the documents' pieces in row 0, 1, …; they add up to the row's length.
  std::vector<std::int64_t> row(std::int64_t index) const;
  /// Twice the pairs that attention works on in so many rows (attended_pairs.hpp), when no token
  /// sees another document than its own (Llama 3, arXiv:2407.21783, §3.2).
  std::int64_t twice_causal_pairs(const NetworkShape& shape, std::int64_t first_row,
                                  std::int64_t rows) const;

 private:
  std::vector<std::int64_t> ends_;  // of each document, in tokens from the first
  std::int64_t row_length_;
};

}  // namespace orrery
