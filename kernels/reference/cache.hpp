#pragma once

#include <string>
#include <vector>

namespace orrery::kernels::reference {

struct CacheImage;

/// Keys or values of a paged cache: as bytes for a kernel and as the values that these stand for.
struct CacheSide {
  std::vector<unsigned char> bytes;  // (pages, kv_heads, tokens, D) elements
  std::vector<double> parameters;  // (pages, kv_heads, tokens, 2): scale and offset, exact in fp16
  std::vector<double> values;      // (pages, kv_heads, tokens, D)

  /// Of one sequence and head: (length, D).
  std::vector<double> of(const CacheImage& image, int sequence, int head) const;
};

/// A cache of random contents whose pages lie in no order; see kernels/attention/paged_cache.cuh.
struct CacheImage {
  int d = 0, page = 0, kv_heads = 0, most_pages = 0;
  std::vector<int> page_table;  // (sequences, most_pages)
  std::vector<int> lengths;
  CacheSide k, v;

  static CacheImage random(int bits, int d, int page, int kv_heads, const std::vector<int>& lengths,
                           const std::string& name);
  int sequences() const { return static_cast<int>(lengths.size()); }
  int pages() const { return sequences() * most_pages; }
  /// Of each page of the cache: how many tokens it holds; 1 for one that no sequence has.
  std::vector<int> tokens_of_pages() const;
  /// Of each page of a sequence: the largest, over its logical pages and the queries (group, D), of
  /// sum_d max(q_d min_d, q_d max_d).
  std::vector<double> page_bounds(int sequence, int head, int logical, int group,
                                  const double* queries) const;
};

}  // namespace orrery::kernels::reference
