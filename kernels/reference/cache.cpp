#include "kernels/reference/cache.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/reference/values.hpp"

namespace orrery::kernels::reference {

namespace {

/// Bits of an fp16 that stands for `value`, one of the multiples of 1/512 in (-1, 1), which it
/// holds exactly.
std::uint16_t half_bits(double value) {
  if (value == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(std::fabs(value), &exponent);  // in [0.5, 1)
  const auto fraction = static_cast<unsigned>(std::lrint((2 * mantissa - 1) * 1024));
  const auto biased = static_cast<unsigned>(exponent - 1 + 15);
  return static_cast<std::uint16_t>((value < 0 ? 0x8000u : 0u) | (biased << 10) | fraction);
}

CacheSide random_side(int bits, std::size_t rows, std::size_t d, const std::string& name) {
  CacheSide side;
  side.bytes.assign(rows * d * static_cast<std::size_t>(bits) / 8, 0);
  side.parameters.assign(2 * rows, 0);
  side.values.resize(rows * d);
  const auto codes = uniform(rows * d, name + " codes", 0, bits == 16 ? 1 : 1 << bits);
  const auto scales = uniform(rows, name + " scales", 1, 8);
  for (std::size_t row = 0; row < rows; ++row) {
    // Powers of two and their halves, so that fp16 holds them and every value exactly.
    const double scale = std::floor(scales[row]) / (bits == 4 ? 64 : 1024);
    const double offset = -scale * (1 << (bits == 4 ? 3 : 7));
    side.parameters[2 * row] = scale;
    side.parameters[2 * row + 1] = offset;
    for (std::size_t i = row * d; i < (row + 1) * d; ++i) {
      if (bits == 16) {
        side.values[i] = std::floor(codes[i] * 1023 - 511) / 512;
        const std::uint16_t word = half_bits(side.values[i]);
        std::memcpy(&side.bytes[2 * i], &word, 2);
      } else {
        const auto code = static_cast<unsigned>(codes[i]);
        side.values[i] = code * scale + offset;
        const std::size_t shift = bits == 4 ? i % 2 * 4 : 0;
        side.bytes[i * static_cast<std::size_t>(bits) / 8] |=
            static_cast<unsigned char>(code << shift);
      }
    }
  }
  return side;
}

}  // namespace

std::vector<double> CacheSide::of(const CacheImage& image, int sequence, int head) const {
  std::vector<double> rows;
  for (int token = 0; token < image.lengths[static_cast<std::size_t>(sequence)]; ++token) {
    const int place =
        image
            .page_table[static_cast<std::size_t>(sequence * image.most_pages + token / image.page)];
    const int row = (place * image.kv_heads + head) * image.page + token % image.page;
    const auto first = values.begin() + std::ptrdiff_t{row} * image.d;
    rows.insert(rows.end(), first, first + image.d);
  }
  return rows;
}

CacheImage CacheImage::random(int bits, int d, int page, int kv_heads,
                              const std::vector<int>& lengths, const std::string& name) {
  CacheImage image;
  image.d = d;
  image.page = page;
  image.kv_heads = kv_heads;
  image.lengths = lengths;
  const int longest = *std::max_element(lengths.begin(), lengths.end());
  image.most_pages = (longest + page - 1) / page;
  image.page_table.resize(static_cast<std::size_t>(image.pages()));
  std::iota(image.page_table.begin(), image.page_table.end(), 0);
  const auto keys = uniform(image.page_table.size(), name + " pages");
  std::sort(image.page_table.begin(), image.page_table.end(), [&](int a, int b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  const auto rows = static_cast<std::size_t>(image.pages() * kv_heads * page);
  image.k = random_side(bits, rows, static_cast<std::size_t>(d), name + " k");
  image.v = random_side(bits, rows, static_cast<std::size_t>(d), name + " v");
  return image;
}

std::vector<int> CacheImage::tokens_of_pages() const {
  std::vector<int> tokens(static_cast<std::size_t>(pages()), 1);
  for (int sequence = 0; sequence < sequences(); ++sequence) {
    const int length = lengths[static_cast<std::size_t>(sequence)];
    for (int number = 0; number * page < length; ++number) {
      const auto place = page_table[static_cast<std::size_t>(sequence * most_pages + number)];
      tokens[static_cast<std::size_t>(place)] = std::min(page, length - number * page);
    }
  }
  return tokens;
}

std::vector<double> CacheImage::page_bounds(int sequence, int head, int logical, int group,
                                            const double* queries) const {
  const auto keys = k.of(*this, sequence, head);
  const int length = lengths[static_cast<std::size_t>(sequence)];
  std::vector<double> bounds(static_cast<std::size_t>((length + page - 1) / page),
                             -std::numeric_limits<double>::infinity());
  for (int first = 0; first < length; first += logical) {
    for (int g = 0; g < group; ++g) {
      double score = 0;
      for (int c = 0; c < d; ++c) {
        const double query = queries[g * d + c];
        double most = -std::numeric_limits<double>::infinity();
        for (int token = first; token < std::min(length, first + logical); ++token) {
          most = std::max(most, query * keys[static_cast<std::size_t>(token * d + c)]);
        }
        score += most;
      }
      double& bound = bounds[static_cast<std::size_t>(first / page)];
      bound = std::max(bound, score);
    }
  }
  return bounds;
}

}  // namespace orrery::kernels::reference
