// A GEMM and a copy at once, on two streams: SMs divided k : N - k, and both at full size. The copy
// goes on for as long as the GEMM runs, so that each is slowed by the whole of the other.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/contention/copy_until.cuh"
#include "kernels/gemm/tiled_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

using Tile = LargeGemmTile<bfloat16_t>;
constexpr int kUnroll = 4;
constexpr std::int64_t kCopyBytes = std::int64_t{512} << 20;
constexpr int kMostRounds = 400;  // about 100 ms: longer than any GEMM here

/// Streams and events of the two, and the copy's buffers.
struct Pair {
  cudaStream_t gemm = nullptr, copy = nullptr;
  cudaEvent_t flushed = nullptr, gemm_start = nullptr, gemm_stop = nullptr, copy_start = nullptr,
              copy_stop = nullptr;
  DeviceArray<uint4> from{kCopyBytes / 16}, to{kCopyBytes / 16};
  DeviceArray<unsigned> stop{1};
  DeviceArray<unsigned long long> copied{1};

  Pair() {
    for (cudaStream_t* stream : {&gemm, &copy}) {
      require(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreate");
    }
    for (cudaEvent_t* event : {&flushed, &gemm_start, &gemm_stop, &copy_start, &copy_stop}) {
      require(cudaEventCreate(event), "cudaEventCreate");
    }
  }
  ~Pair() {
    for (cudaEvent_t event : {flushed, gemm_start, gemm_stop, copy_start, copy_stop}) {
      cudaEventDestroy(event);
    }
    cudaStreamDestroy(copy);
    cudaStreamDestroy(gemm);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
};

/// Blocks of each; 0: it stays away. Exclusive: so much shared memory that no SM has two blocks.
struct Division {
  int gemm_blocks, copy_blocks;
  bool exclusive;
};

float milliseconds(cudaEvent_t start, cudaEvent_t stop) {
  float value = 0;
  require(cudaEventElapsedTime(&value, start, stop), "cudaEventElapsedTime");
  return value;
}

void start_copy(Session& session, Pair& pair, const Division& division) {
  require(cudaMemsetAsync(pair.stop.data(), 0, 4, pair.copy), "cudaMemsetAsync");
  require(cudaMemsetAsync(pair.copied.data(), 0, 8, pair.copy), "cudaMemsetAsync");
  session.flush_l2(pair.copy);
  require(cudaEventRecord(pair.flushed, pair.copy), "cudaEventRecord");
  require(cudaStreamWaitEvent(pair.gemm, pair.flushed, 0), "cudaStreamWaitEvent");
  require(cudaEventRecord(pair.copy_start, pair.copy), "cudaEventRecord");
  if (division.copy_blocks > 0) {
    const Launch shape{
        .grid = {static_cast<unsigned>(division.copy_blocks), 1, 1},
        .block = {kCompanyThreads, 1, 1},
        .shared_bytes = division.exclusive ? session.device().sharedMemPerBlockOptin : 0};
    const int rounds = division.gemm_blocks > 0 ? kMostRounds : 2;
    launch(shape, pair.copy, copy_until_kernel<kUnroll>,
           static_cast<const uint4*>(pair.from.data()), pair.to.data(), kCopyBytes / 16,
           static_cast<const unsigned*>(pair.stop.data()), rounds, pair.copied.data());
  }
  require(cudaEventRecord(pair.copy_stop, pair.copy), "cudaEventRecord");
}

/// Times one GEMM and the copy beside it; the copy's time is that of kCopyBytes.
void measure(Session& session, Pair& pair, const GemmShape& shape, const Division& division) {
  const double m = shape.m, n = shape.n, k = shape.k;
  const auto a = random_array<bfloat16_t>(static_cast<std::size_t>(m * k), 1);
  const auto b = random_array<bfloat16_t>(static_cast<std::size_t>(n * k), 2);
  const DeviceArray<bfloat16_t> c(static_cast<std::size_t>(m * n));
  const bool with_gemm = division.gemm_blocks > 0, with_copy = division.copy_blocks > 0;
  std::vector<std::string> parts;
  if (with_gemm) parts.push_back("gemm");
  if (with_copy) parts.push_back("copy");
  const Case what{"gemm_beside_copy",
                  {{"m", shape.m},
                   {"n", shape.n},
                   {"k", shape.k},
                   {"gemm_blocks", division.gemm_blocks},
                   {"copy_blocks", division.copy_blocks},
                   {"exclusive", division.exclusive ? 1 : 0},
                   {"copy_bytes", kCopyBytes}},
                  "bf16",
                  with_gemm ? 2 * m * n * k : 0,
                  with_gemm ? 2 * (m * k + n * k + m * n) : 0};
  session.measure_parts(what, parts, [&] {
    start_copy(session, pair, division);
    if (with_gemm) {
      Launch grid = gemm_launch<Tile>(shape, division.gemm_blocks);
      if (division.exclusive) grid.shared_bytes = session.device().sharedMemPerBlockOptin;
      require(cudaEventRecord(pair.gemm_start, pair.gemm), "cudaEventRecord");
      launch(grid, pair.gemm, tiled_gemm_kernel<Tile>, shape, a.data(), b.data(), c.data(), nullptr,
             0u);
      require(cudaEventRecord(pair.gemm_stop, pair.gemm), "cudaEventRecord");
      require(cudaMemsetAsync(pair.stop.data(), 1, 4, pair.gemm), "cudaMemsetAsync");
    }
    require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    std::vector<double> seconds;
    if (with_gemm) seconds.push_back(milliseconds(pair.gemm_start, pair.gemm_stop) / 1e3);
    if (with_copy) {
      const double bytes = 16.0 * static_cast<double>(pair.copied.host()[0]);
      seconds.push_back(milliseconds(pair.copy_start, pair.copy_stop) / 1e3 * kCopyBytes / bytes);
    }
    return seconds;
  });
}

/// Both kernels, one after the other, against their references.
void check(Session& session, Pair& pair) {
  const GemmShape shape{256, 256, 256};
  const auto a = narrow<bfloat16_t>(reference::uniform(256 * 256, "contention a"));
  const auto b = narrow<bfloat16_t>(reference::uniform(256 * 256, "contention b"));
  const DeviceArray<bfloat16_t> left(a), right(b), c(256 * 256);
  launch(gemm_launch<Tile>(shape, 3), nullptr, tiled_gemm_kernel<Tile>, shape, left.data(),
         right.data(), c.data(), nullptr, 0u);
  const auto expected = reference::gemm(256, 256, 256, widen(a), widen(b));
  double error = reference::largest_error(widen(c.host()), expected);
  start_copy(session, pair, {.gemm_blocks = 0, .copy_blocks = 7, .exclusive = true});
  if (pair.copied.host()[0] != 2 * kCopyBytes / 16) error = 1;
  session.check("gemm_beside_copy", {{"m", 256}, {"n", 256}, {"k", 256}}, error, 0x1p-7);
}

}  // namespace

void run_contention(Session& session) {
  Pair pair;
  check(session, pair);
  if (session.checks_only()) return;
  const int sms = session.sms();
  constexpr GemmShape kShapes[] = {{4096, 8192, 8192}, {256, 16384, 8192}, {8192, 8192, 1024}};
  for (const GemmShape& shape : kShapes) {
    for (const int copy : {4, 8, 16, 32, 64}) {
      if (copy >= sms) continue;
      measure(session, pair, shape, {sms - copy, 0, true});
      measure(session, pair, shape, {0, copy, true});
      measure(session, pair, shape, {sms - copy, copy, true});
    }
    measure(session, pair, shape, {sms, 0, false});
    for (const int copy : {8, 16, 32, sms, 2 * sms}) {  // on SMs that the GEMM uses as well
      measure(session, pair, shape, {0, copy, false});
      measure(session, pair, shape, {sms, copy, false});
    }
  }
}

}  // namespace orrery::kernels
