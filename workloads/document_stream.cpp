#include "workloads/document_stream.hpp"

#include <algorithm>
#include <numeric>

#include "workloads/attended_pairs.hpp"

namespace orrery {

DocumentStream::DocumentStream(const std::vector<std::int64_t>& lengths, std::int64_t row_length)
    : ends_(lengths.size()), row_length_(row_length) {
  std::partial_sum(lengths.begin(), lengths.end(), ends_.begin());
}

std::vector<std::int64_t> DocumentStream::row(std::int64_t index) const {
  const std::int64_t period = ends_.back();
  // index * row_length modulo the period, without leaving 64 bits
  std::int64_t at = (index % period) * (row_length_ % period) % period;
  std::vector<std::int64_t> pieces;
  auto end = std::upper_bound(ends_.begin(), ends_.end(), at);
  for (std::int64_t left = row_length_; left > 0;) {
    const std::int64_t piece = std::min(left, *end - at);
    pieces.push_back(piece);
    left -= piece;
    at += piece;
    if (at == *end && ++end == ends_.end()) {
      at = 0;
      end = ends_.begin();
    }
  }
  return pieces;
}

std::int64_t DocumentStream::twice_causal_pairs(const NetworkShape& shape, std::int64_t first_row,
                                                std::int64_t rows) const {
  std::int64_t pairs = 0;
  for (std::int64_t index = first_row; index < first_row + rows; ++index) {
    for (const std::int64_t piece : row(index)) pairs += orrery::twice_causal_pairs(shape, piece);
  }
  return pairs;
}

}  // namespace orrery
