// The own GEMM by shapes and by SMs that take part. cuBLASLt's are in cublaslt.cu.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/gemm/tiled_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

template <class T>
constexpr const char* kName = std::is_same_v<T, half_t> ? "fp16" : "bf16";

/// Both formats share the kernel's name: the dtype tells them apart in the rows.
template <class T>
void check(Session& session) {
  using Tile = LargeGemmTile<T>;
  const GemmShape shape{300, 264, 200};
  const auto a = narrow<T>(reference::uniform(300 * 200, "gemm a"));
  const auto b = narrow<T>(reference::uniform(264 * 200, "gemm b"));
  const DeviceArray<T> left(a), right(b), c(300 * 264);
  const DeviceArray<unsigned> done(static_cast<std::size_t>(gemm_tiles<Tile>(shape)));
  launch(gemm_launch<Tile>(shape, 5), nullptr, tiled_gemm_kernel<Tile>, shape, left.data(),
         right.data(), c.data(), done.data(), 1u);
  const auto expected = reference::gemm(shape.m, shape.n, shape.k, widen(a), widen(b));
  double error = reference::largest_error(widen(c.host()), expected);
  for (const unsigned signal : done.host()) {
    if (signal != 1) error = 1;  // a tile was not signalled
  }
  session.check(std::string("tiled_gemm_") + kName<T>, {{"m", 300}, {"n", 264}, {"k", 200}}, error,
                std::is_same_v<T, half_t> ? 0x1p-10 : 0x1p-7);
}

template <class T>
void measure(Session& session, const GemmShape& shape, int sms) {
  using Tile = LargeGemmTile<T>;
  const double m = shape.m, n = shape.n, k = shape.k;
  const auto a = random_array<T>(static_cast<std::size_t>(m * k), 1);
  const auto b = random_array<T>(static_cast<std::size_t>(n * k), 2);
  const DeviceArray<T> c(static_cast<std::size_t>(m * n));
  const DeviceArray<unsigned> done(static_cast<std::size_t>(gemm_tiles<Tile>(shape)));
  const Case what{std::string("tiled_gemm_") + kName<T>, gemm_shape(shape.m, shape.n, shape.k, sms),
                  kName<T>, 2 * m * n * k, 2 * (m * k + n * k + m * n)};
  session.measure(what, [&](cudaStream_t stream) {
    launch(gemm_launch<Tile>(shape, sms), stream, tiled_gemm_kernel<Tile>, shape, a.data(),
           b.data(), c.data(), done.data(), 1u);
  });
}

}  // namespace

void run_gemm(Session& session) {
  check<half_t>(session);
  check<bfloat16_t>(session);
  if (session.checks_only()) return;
  const int sms = session.sms();
  for (const int size : {8192, 4096, 2048, 1024}) {
    for (const int less : {0, 4, 8, 16, 32, 64, 96}) {  // SMs kept for others
      if (less < sms) measure<bfloat16_t>(session, {size, size, size}, sms - less);
    }
  }
  for (const int m : {1, 16, 64, 128, 256, 512, 1024, 2048}) {
    measure<bfloat16_t>(session, {m, 8192, 8192}, sms);
    measure<half_t>(session, {m, 28672, 8192}, sms);
  }
}

}  // namespace orrery::kernels
