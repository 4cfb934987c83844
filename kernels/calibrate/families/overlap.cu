// A GEMM whose finished tiles are added elsewhere while the others are made (T3's producer and
// consumer), beside the same two steps one after the other.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/gemm/tiled_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

using Tile = LargeGemmTile<bfloat16_t>;

/// A product, the sum that it is added to, and a second stream for the consumer.
struct Work {
  GemmShape shape;
  DeviceArray<bfloat16_t> a, b, c;
  DeviceArray<float> sum;
  DeviceArray<unsigned> done;
  cudaStream_t consumer = nullptr;
  cudaEvent_t fork = nullptr, join = nullptr;
  unsigned signal = 0;

  explicit Work(const GemmShape& s)
      : shape(s),
        a(random_array<bfloat16_t>(count(s.m, s.k), 1)),
        b(random_array<bfloat16_t>(count(s.n, s.k), 2)),
        c(count(s.m, s.n)),
        sum(count(s.m, s.n)),
        done(static_cast<std::size_t>(gemm_tiles<Tile>(s))) {
    require(cudaStreamCreateWithFlags(&consumer, cudaStreamNonBlocking), "cudaStreamCreate");
    require(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming), "cudaEventCreate");
    require(cudaEventCreateWithFlags(&join, cudaEventDisableTiming), "cudaEventCreate");
  }
  ~Work() {
    cudaEventDestroy(join);
    cudaEventDestroy(fork);
    cudaStreamDestroy(consumer);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  static std::size_t count(int rows, int columns) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  }
};

/// Both steps, on so many SMs each. Together: the producer is enqueued first and resident as a
/// whole, so that the consumer, which waits for it, cannot keep it out.
void enqueue(Work& work, int gemm_sms, int add_sms, bool together, cudaStream_t stream) {
  ++work.signal;  // tiles of the run before do not count
  cudaStream_t second = together ? work.consumer : stream;
  if (together) {
    require(cudaEventRecord(work.fork, stream), "cudaEventRecord");
    require(cudaStreamWaitEvent(second, work.fork, 0), "cudaStreamWaitEvent");
  }
  launch(gemm_launch<Tile>(work.shape, gemm_sms), stream, tiled_gemm_kernel<Tile>, work.shape,
         static_cast<const bfloat16_t*>(work.a.data()),
         static_cast<const bfloat16_t*>(work.b.data()), work.c.data(), work.done.data(),
         work.signal);
  Launch grid = gemm_launch<Tile>(work.shape, add_sms);
  grid.shared_bytes = 0;
  launch(grid, second, add_finished_tiles_kernel<Tile>, work.shape,
         static_cast<const bfloat16_t*>(work.c.data()),
         static_cast<const unsigned*>(work.done.data()), work.signal, work.sum.data());
  if (together) {
    require(cudaEventRecord(work.join, second), "cudaEventRecord");
    require(cudaStreamWaitEvent(stream, work.join, 0), "cudaStreamWaitEvent");
  }
}

void check(Session& session, const char* kernel, bool together) {
  const GemmShape shape{300, 264, 200};
  Work work(shape);
  enqueue(work, 5, 3, together, nullptr);
  const auto expected =
      reference::gemm(shape.m, shape.n, shape.k, widen(work.a.host()), widen(work.b.host()));
  session.check(kernel, {{"m", 300}, {"n", 264}, {"k", 200}},
                reference::largest_error(widen(work.sum.host()), expected), 0x1p-7);
}

void measure(Session& session, Work& work, int gemm_sms, int add_sms, bool together) {
  const double m = work.shape.m, n = work.shape.n, k = work.shape.k;
  session.measure({together ? "gemm_with_add" : "gemm_then_add",
                   {{"m", work.shape.m},
                    {"n", work.shape.n},
                    {"k", work.shape.k},
                    {"gemm_sms", gemm_sms},
                    {"add_sms", add_sms}},
                   "bf16",
                   2 * m * n * k + m * n,
                   2 * (m * k + n * k + 2 * m * n) + 8 * m * n},
                  [&](cudaStream_t stream) { enqueue(work, gemm_sms, add_sms, together, stream); });
}

}  // namespace

void run_overlap(Session& session) {
  check(session, "gemm_then_add", false);
  check(session, "gemm_with_add", true);
  if (session.checks_only()) return;
  const int sms = session.sms();
  constexpr GemmShape kShapes[] = {{8192, 8192, 1024}, {8192, 8192, 8192}, {4096, 4096, 4096}};
  for (const GemmShape& shape : kShapes) {
    Work work(shape);
    measure(session, work, sms, sms, false);
    for (const int add : {4, 8, 16, 32}) measure(session, work, sms - add, add, true);
  }
}

}  // namespace orrery::kernels
