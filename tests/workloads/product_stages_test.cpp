// A product made in stages of workgroups: what its cache keeps from one stage to the next.
#include "workloads/product_stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace orrery {
namespace {

constexpr std::int64_t kTile = 64;
constexpr std::int64_t kElement = 2;  // bytes of fp16
constexpr std::int64_t kDepth = 8;    // of the inner dimension, in a line
constexpr Bytes kLine(kTile* kDepth* kElement);
constexpr ProductShape kShape{Precision::fp16, 32 * kTile, 24 * kTile, 64 * kDepth};
constexpr std::int64_t kWorkgroups = 60;  // two rows and a half

ProducerSettings producer(std::int64_t lines, std::int64_t ways, std::int64_t band = 0) {
  return {.tile = kTile,
          .workgroups = kWorkgroups,
          .band = band,
          .cache = kLine * lines,
          .cache_ways = ways};
}

/// The stages of a product row by row of each band, as the panels that each needs.
struct Stage {
  std::set<std::int64_t> rows, columns;
  std::int64_t first = 0, end = 0;  // tiles, in this order
};
std::vector<Stage> stages(std::int64_t rows, std::int64_t columns, std::int64_t band) {
  std::vector<Stage> all;
  std::int64_t tile = 0;
  for (std::int64_t first = 0; first < columns; first += band) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = first; column < std::min(first + band, columns); ++column) {
        if (tile % kWorkgroups == 0) all.emplace_back().first = tile;
        all.back().rows.insert(row);
        all.back().columns.insert(column);
        all.back().end = ++tile;
      }
    }
  }
  return all;
}

/// Lines in sets drawn at random, the least recently used of a set going first.
class Cache {
 public:
  Cache(std::int64_t sets, std::int64_t ways) : sets_(sets), ways_(ways) {}
  bool misses(std::int64_t line) {
    while (static_cast<std::int64_t>(set_of_.size()) <= line) {
      set_of_.push_back(random_() % static_cast<std::uint64_t>(sets_));
    }
    std::vector<std::int64_t>& set = lines_[set_of_[static_cast<std::size_t>(line)]];
    const auto found = std::find(set.begin(), set.end(), line);
    const bool missed = found == set.end();
    if (!missed) {
      set.erase(found);
    } else if (static_cast<std::int64_t>(set.size()) == ways_) {
      set.erase(set.begin());
    }
    set.push_back(line);
    return missed;
  }

 private:
  std::int64_t sets_, ways_;
  std::mt19937_64 random_{7};
  std::vector<std::size_t> set_of_;
  std::vector<std::vector<std::int64_t>> lines_ =
      std::vector<std::vector<std::int64_t>>(static_cast<std::size_t>(sets_));
};

/// Lines of operands read of memory: all tiles of a stage go through the inner dimension together,
/// then store their outputs.
std::int64_t lines_read(Cache cache, std::int64_t rows, std::int64_t columns, std::int64_t band,
                        bool bypass) {
  const std::int64_t slices = kShape.k / kDepth;
  const std::int64_t outputs = (rows + columns) * slices;  // their first line
  const std::int64_t per_tile = kTile / kDepth;
  std::int64_t read = 0;
  for (const Stage& stage : stages(rows, columns, band)) {
    for (std::int64_t slice = 0; slice < slices; ++slice) {
      for (const std::int64_t row : stage.rows) read += cache.misses(row * slices + slice);
      for (const std::int64_t column : stage.columns) {
        read += cache.misses((rows + column) * slices + slice);
      }
    }
    if (bypass) continue;
    for (std::int64_t line = stage.first * per_tile; line < stage.end * per_tile; ++line) {
      cache.misses(outputs + line);
    }
  }
  return read;
}

/// Lines of operands that all stages need.
double needed(std::int64_t rows, std::int64_t columns, std::int64_t band) {
  std::int64_t panels = 0;
  for (const Stage& stage : stages(rows, columns, band)) {
    panels += std::ssize(stage.rows) + std::ssize(stage.columns);
  }
  return static_cast<double>(panels * (kShape.k / kDepth));
}

double in_lines(Bytes bytes) {
  return bytes.as_double() / kLine.as_double();
}

TEST(ProductReads, AreThoseOfASimulatedCache) {
  const std::int64_t rows = kShape.m / kTile;
  const std::int64_t columns = kShape.n / kTile;
  const auto compare = [&](std::int64_t lines, std::int64_t ways, std::int64_t band, bool bypass) {
    double accesses = 0;
    const auto read = [&](std::int64_t along, std::int64_t across) {
      const std::int64_t width = band > 0 ? band : across;
      accesses = std::max(accesses, needed(along, across, width));
      return static_cast<double>(
          lines_read(Cache(lines / ways, ways), along, across, width, bypass));
    };
    const double simulated = std::min(read(rows, columns), read(columns, rows));
    const double ours = in_lines(product_reads(kShape, producer(lines, ways, band), bypass));
    EXPECT_NEAR(ours, simulated, (band == 0 ? 0.02 : 0.1) * accesses)
        << lines << " lines, " << ways << " ways, band " << band << ", bypass " << bypass;
    return ours;
  };
  for (const std::int64_t ways : {4, 16}) {
    double before = 1e18;
    for (const std::int64_t lines : {1024, 2048, 3072}) {
      for (const bool bypass : {false, true}) {
        const double ours = compare(lines, ways, 0, bypass);
        EXPECT_LE(ours, before) << "less where outputs bypass a cache, and where it is larger";
        before = ours;
      }
    }
  }
  // Bands of two or three stages, with which comes what the formula spreads evenly.
  for (const std::int64_t band : {4, 8}) {
    for (const std::int64_t lines : {1024, 2048, 6144}) compare(lines, 16, band, false);
  }
}

TEST(ProductReads, AreCompulsoryInALargeCacheAndEveryStagesPanelsInNone) {
  const std::int64_t rows = kShape.m / kTile;
  const std::int64_t columns = kShape.n / kTile;
  const std::int64_t slices = kShape.k / kDepth;
  EXPECT_EQ(in_lines(product_reads(kShape, producer(1 << 20, 16), false)),
            static_cast<double>((rows + columns) * slices));
  const double none = in_lines(product_reads(kShape, producer(0, 16), false));
  const double panels = std::min(needed(rows, columns, columns), needed(columns, rows, rows));
  EXPECT_NEAR(none / panels, 1, 0.02);
  ProducerSettings at_once = producer(0, 16);
  at_once.workgroups = rows * columns;
  EXPECT_EQ(in_lines(product_reads(kShape, at_once, false)),
            static_cast<double>((rows + columns) * slices));
}

// What is left of a line whose set got fewer than `ways` of `distance` lines: Hill and Smith's
// binomial. More ways make its step at the cache's size steeper.
TEST(HitShare, IsTheBinomialOfSetsThatAreDrawnAtRandom) {
  const std::int64_t sets = 4096;
  const std::int64_t ways = 8;
  const Bytes size = kLine * (sets * ways);
  for (const double filled : {0.5, 1.0, 1.5}) {
    const auto distance = static_cast<std::int64_t>(filled * static_cast<double>(sets * ways));
    double term = std::pow(1 - 1.0 / static_cast<double>(sets), static_cast<double>(distance));
    double binomial = 0;
    for (std::int64_t i = 0; i < ways; ++i) {
      binomial += term;
      term *= static_cast<double>(distance - i) / static_cast<double>((i + 1) * (sets - 1));
    }
    EXPECT_NEAR(hit_share(size, ways, filled * size.as_double()), binomial, 1e-3) << filled;
  }
  EXPECT_EQ(hit_share(size, ways, 0), 1);
  EXPECT_EQ(hit_share(Bytes(0), ways, 1), 0);
  EXPECT_NEAR(hit_share(size, 65536, 0.97 * size.as_double()), 1, 1e-6);
  EXPECT_NEAR(hit_share(size, 65536, 1.03 * size.as_double()), 0, 1e-6);
}

TEST(UnusedSlots, FillUpTheLastStageAndTheTilesAtTheEdges) {
  const ProductShape shape{Precision::fp16, 10 * kTile - 1, 3 * kTile - 5, 128};
  ProducerSettings whole = producer(1, 1);
  const std::int64_t workgroups = 7;  // 30 tiles: five stages, of which the last has two
  whole.workgroups = workgroups;
  EXPECT_EQ(unused_slots(shape, whole).edges, Flops(0));
  whole.main_loop = true;
  const UnusedSlots unused = unused_slots(shape, whole);
  const Flops tile = Flops(2) * kTile * kTile * shape.k;
  EXPECT_EQ(unused.last_stage, tile * (workgroups - 2));
  EXPECT_EQ(unused.edges + unused.last_stage + Flops(2) * shape.m * shape.n * shape.k,
            tile * workgroups * 5);
}

}  // namespace
}  // namespace orrery
