// The own GEMM by wgmma and TMA. Compiled for sm_90a alone, and run on compute capability 9.0
// alone.
#include <cuda.h>

#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/gemm/wgmma_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

template <class T>
constexpr const char* kName = std::is_same_v<T, half_t> ? "fp16" : "bf16";

using Encode = decltype(&cuTensorMapEncodeTiled);

/// The driver's function: the program is not linked with the driver, which may not be there.
Encode encode() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result{};
  require(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                           cudaEnableDefault, &result),
          "cudaGetDriverEntryPointByVersion(cuTensorMapEncodeTiled)");
  if (result != cudaDriverEntryPointSuccess || found == nullptr) {
    throw std::runtime_error("the driver has no cuTensorMapEncodeTiled");
  }
  return reinterpret_cast<Encode>(found);
}

/// Of (rows, k) row-major, by boxes of (box_rows, 64) swizzled by 128 bytes.
template <class T>
CUtensorMap map_of(const T* place, int rows, int k, int box_rows, int box_columns) {
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(k), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(k) * sizeof(T)};
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_columns),
                             static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t each[2] = {1, 1};
  CUtensorMap map{};
  const CUresult status =
      encode()(&map,
               std::is_same_v<T, half_t> ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                         : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
               2, const_cast<T*>(place), sizes, strides, box, each, CU_TENSOR_MAP_INTERLEAVE_NONE,
               CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
               CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) {
    throw std::runtime_error("cuTensorMapEncodeTiled: error " + std::to_string(status));
  }
  return map;
}

/// A product on the device, its maps and its signals.
template <class T>
struct Product {
  using Tile = WgmmaTile<T>;

  Product(const GemmShape& of, const T* a, const T* b)
      : shape(of),
        a_map(map_of(a, of.m, of.k, Tile::kM, Tile::kK)),
        b_map(map_of(b, of.n, of.k, Tile::kN, Tile::kK)),
        c(static_cast<std::size_t>(of.m) * static_cast<std::size_t>(of.n)),
        done(static_cast<std::size_t>(gemm_tiles<Tile>(of))) {}

  void run(int sms, cudaStream_t stream) const {
    launch(wgmma_launch<Tile>(shape, sms), stream, wgmma_gemm_kernel<Tile>, shape, a_map, b_map,
           c.data(), done.data(), 1u);
  }

  GemmShape shape;
  CUtensorMap a_map, b_map;
  DeviceArray<T> c;
  DeviceArray<unsigned> done;
};

/// Tiles cut on all sides, fewer steps than stages and more, fewer SMs than tiles.
template <class T>
void check(Session& session) {
  for (const GemmShape shape : {GemmShape{300, 264, 200}, GemmShape{520, 392, 1000}}) {
    const auto size = [](int rows, int columns) {
      return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
    };
    const auto a = narrow<T>(reference::uniform(size(shape.m, shape.k), "wgmma a"));
    const auto b = narrow<T>(reference::uniform(size(shape.n, shape.k), "wgmma b"));
    const DeviceArray<T> left(a), right(b);
    const Product<T> product(shape, left.data(), right.data());
    product.run(5, nullptr);
    const auto expected = reference::gemm(shape.m, shape.n, shape.k, widen(a), widen(b));
    double error = reference::largest_error(widen(product.c.host()), expected);
    for (const unsigned signal : product.done.host()) {
      if (signal != 1) error = 1;  // a tile was not signalled
    }
    session.check(std::string("wgmma_gemm_") + kName<T>,
                  {{"m", shape.m}, {"n", shape.n}, {"k", shape.k}}, error,
                  std::is_same_v<T, half_t> ? 0x1p-10 : 0x1p-7);
  }
}

template <class T>
void measure(Session& session, const GemmShape& shape, int sms) {
  const double m = shape.m, n = shape.n, k = shape.k;
  const auto a = random_array<T>(static_cast<std::size_t>(m * k), 1);
  const auto b = random_array<T>(static_cast<std::size_t>(n * k), 2);
  const Product<T> product(shape, a.data(), b.data());
  const Case what{std::string("wgmma_gemm_") + kName<T>, gemm_shape(shape.m, shape.n, shape.k, sms),
                  kName<T>, 2 * m * n * k, 2 * (m * k + n * k + m * n)};
  session.measure(what, [&](cudaStream_t stream) { product.run(sms, stream); });
}

}  // namespace

void run_gemm_sm90a(Session& session) {
  if (session.device().major != 9 || session.device().minor != 0) {
    std::fprintf(stderr, "  wgmma_gemm: not on this device\n");
    return;
  }
  check<half_t>(session);
  check<bfloat16_t>(session);
  if (session.checks_only()) return;
  const int sms = session.sms();
  for (const int size : {8192, 4096, 2048}) {
    for (const int less : {0, 8, 16, 32, 64}) {  // SMs kept for others
      if (less < sms) measure<bfloat16_t>(session, {size, size, size}, sms - less);
    }
  }
  for (const int m : {256, 512, 1024, 2048}) {
    measure<bfloat16_t>(session, {m, 8192, 8192}, sms);
    measure<half_t>(session, {m, 28672, 8192}, sms);
  }
}

}  // namespace orrery::kernels
