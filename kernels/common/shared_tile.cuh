#pragma once

// Tiles of 16-bit matrices in shared memory, in 16-byte chunks that are permuted so that eight rows
// of one column of chunks lie in eight different groups of banks: ldmatrix then has no conflicts.

#include "kernels/common/async_copy.cuh"
#include "kernels/common/portable.cuh"

namespace orrery::kernels {

template <class T, int kRows, int kColumns>
struct alignas(128) SharedTile {
  static_assert(sizeof(T) == 2, "a chunk holds eight elements");
  static_assert(kColumns == 16 || kColumns == 32 || kColumns % 64 == 0,
                "a row is a fraction or a multiple of the 128 bytes in which banks repeat");
  static constexpr int kChunks = kColumns / 8;
  static constexpr int kPeriod = kChunks < 8 ? kChunks : 8;  // chunks among which is permuted

  T elements[kRows * kColumns];  // (rows, columns)

  /// The eight elements of chunk `chunk` of a row.
  __device__ __forceinline__ T* chunk(int row, int chunk) {
    const int moved = chunk ^ (row / (8 / kPeriod) % kPeriod);
    return elements + row * kColumns + moved * 8;
  }

  /// Begins to fill the tile with a part of a row-major matrix; what lies outside of it becomes
  /// zero.
  ///   matrix   first element of the tile's first row
  ///   stride   elements from row to row; a multiple of 8, as is the place of `matrix`
  ///   rows, columns  how many exist from there on; columns is a multiple of 8
  template <int kThreads>
  __device__ __forceinline__ void load(const T* matrix, std::int64_t stride, int rows,
                                       int columns) {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kThreads) {
      const int row = i / kChunks;
      const int column = i % kChunks * 8;
      const bool valid = row < rows && column < columns;
      copy_async_16(chunk(row, i % kChunks), valid ? matrix + row * stride + column : matrix,
                    valid);
    }
  }
};

}  // namespace orrery::kernels
