#pragma once

#include <cstdint>

#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// How a matrix product is written for its device: tiles, as many workgroups at once, and a
/// last-level cache that keeps operands.
struct ProducerSettings {
  std::int64_t tile = 128;      // rows and columns of the output that a workgroup makes
  std::int64_t workgroups = 1;  // at once: a stage
  std::int64_t band = 0;        // tiles of a row before the next row follows; 0: all of a row
  Bytes cache;                  // what one stage read may still be there in the next
  std::int64_t cache_ways = 16;
  double exposed_reads = 0;  // share of the operands' reads that arithmetic does not hide
  /// The device's efficiency is that of a product's main loop: arithmetic takes whole stages of
  /// whole tiles, and stores follow it. Else it is that of whole products, with all of this in it.
  bool main_loop = false;
};

/// C(m, n) = A(m, k) B(k, n).
struct ProductShape {
  Precision precision = Precision::fp16;
  std::int64_t m = 1;
  std::int64_t n = 1;
  std::int64_t k = 1;
};

/// Tiles of the output.
double tiles_of(const ProductShape& shape, const ProducerSettings& producer);

/// The share of lines that are still in a cache when `distance` bytes of others have come since:
/// those in whose set fewer than `ways` of them fell, sets being drawn at random and the least
/// recently used line going first. Fell there Poisson many, with mean ways * distance / size.
///   1 for no distance, 0 for no cache; a step at the size for ways without end.
/// Source: Smith, "A Comparative Study of Set Associative Memory Mapping Algorithms and Their Use
/// for Cache and Main Memory", IEEE TSE 4(2), 1978, and Hill and Smith, "Evaluating Associativity
/// in CPU Caches", IEEE TC 38(12), 1989 (recalled), whose binomial this is for many sets.
double hit_share(Bytes size, std::int64_t ways, double distance);

/// What the product reads of device memory. Stages are `workgroups` tiles, row by row of a band of
/// columns (or column by column of a band of rows, whichever reads less), and all tiles of a stage
/// go through the inner dimension together: it needs each of its panels, rows of A and columns of
/// B, once. Between a panel's use in two stages come the other panels and, unless outputs `bypass`
/// the cache, a stage's part of those; between A's in two bands all of A, both bands of B, and a
/// band's outputs. With S stages of P bytes of panels in b bands, and missed(x) = 1 - hit_share(x),
///   A + B + (S P - b A - B) missed(P + C / S) + (b - 1) A missed(A + (2 B + C) / b):
/// compulsory reads with a large cache, all panels of all stages with none. Where a row of a band
/// is longer than a stage, it counts as one, as what it needs again comes a row later.
/// Source: T3 (Pati et al., ASPLOS 2024), section 4.3 and Figure 18, says that outputs evict
/// operands and that T3's, which are uncached, do not; the formula is ours. Leaves out: the last
/// stage being smaller, workgroups that run ahead of others, lines that only part of a stage uses.
Bytes product_reads(const ProductShape& shape, const ProducerSettings& producer, bool bypass);

/// What workgroups without a tile in the last stage, and tiles beyond the output's edges, would
/// have computed: they take as long as if they had. Nothing unless `main_loop`.
struct UnusedSlots {
  Flops edges;       // of all stages
  Flops last_stage;  // of the last one
};
UnusedSlots unused_slots(const ProductShape& shape, const ProducerSettings& producer);

}  // namespace orrery
