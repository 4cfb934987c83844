#include "workloads/product_stages.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace orrery {
namespace {

std::int64_t quotient_up(std::int64_t dividend, std::int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

/// Tiles row by row, in bands.
struct Order {
  double stages = 1;
  double bands = 1;
  double panels = 0;  // bytes of operands that a stage needs
  double a = 0;       // bytes
  double b = 0;
};

/// A stage begins anywhere in a band's row of tiles, at multiples of what divides both.
Order order_of(const ProductShape& shape, const ProducerSettings& producer, std::int64_t along,
               std::int64_t across) {
  const std::int64_t rows = quotient_up(along, producer.tile);
  const std::int64_t columns = quotient_up(across, producer.tile);
  const std::int64_t asked = producer.band > 0 ? producer.band : columns;
  const std::int64_t width =
      std::min(columns, std::max(asked, quotient_up(producer.workgroups, rows)));
  const std::int64_t per = std::max(width, producer.workgroups);
  const double stages =
      static_cast<double>(rows) * static_cast<double>(columns) / static_cast<double>(per);
  const double a = storage(shape.precision, along * shape.k).as_double();
  const double b = storage(shape.precision, across * shape.k).as_double();
  if (stages <= 1) return {.panels = a + b, .a = a, .b = b};
  const double bands = std::ceil(static_cast<double>(columns) / static_cast<double>(width));
  const std::int64_t common = std::gcd(per, width);
  const double touched = static_cast<double>(per - common) / static_cast<double>(width) + 1;
  return {.stages = stages,
          .bands = bands,
          .panels = b / bands + a / static_cast<double>(rows) * touched,
          .a = a,
          .b = b};
}

}  // namespace

double tiles_of(const ProductShape& shape, const ProducerSettings& producer) {
  return static_cast<double>(quotient_up(shape.m, producer.tile)) *
         static_cast<double>(quotient_up(shape.n, producer.tile));
}

double hit_share(Bytes size, std::int64_t ways, double distance) {
  if (distance <= 0) return 1;
  if (size <= Bytes(0)) return 0;
  const double mean = static_cast<double>(ways) * distance / size.as_double();
  double logarithm = -mean;  // of the probability of i
  double sum = 0;
  for (std::int64_t i = 0; i < ways; ++i) {
    if (i > 0) logarithm += std::log(mean / static_cast<double>(i));
    sum += std::exp(logarithm);
  }
  return std::min(1.0, sum);
}

Bytes product_reads(const ProductShape& shape, const ProducerSettings& producer, bool bypass) {
  const double c = bypass ? 0 : storage(shape.precision, shape.m * shape.n).as_double();
  const auto missed = [&](double distance) {
    return 1 - hit_share(producer.cache, producer.cache_ways, distance);
  };
  double least = INFINITY;
  for (const auto& [along, across] :
       {std::pair(shape.m, shape.n), std::pair(shape.n, shape.m)}) {  // rows of tiles, then columns
    const auto [stages, bands, panels, a, b] = order_of(shape, producer, along, across);
    const double next_stage = std::max(0.0, stages * panels - bands * a - b);
    const double next_band = (bands - 1) * a;
    least = std::min(least, a + b + next_stage * missed(panels + c / stages) +
                                next_band * missed(a + (2 * b + c) / bands));
  }
  return Bytes(std::llround(least));
}

UnusedSlots unused_slots(const ProductShape& shape, const ProducerSettings& producer) {
  if (!producer.main_loop) return {};
  const std::int64_t tile = producer.tile;
  const std::int64_t tiles = quotient_up(shape.m, tile) * quotient_up(shape.n, tile);
  const std::int64_t stages = (tiles + producer.workgroups - 1) / producer.workgroups;
  const Flops of_a_tile = Flops(2) * tile * tile * shape.k;
  return {.edges = of_a_tile * tiles - Flops(2) * shape.m * shape.n * shape.k,
          .last_stage = of_a_tile * (stages * producer.workgroups - tiles)};
}

}  // namespace orrery
