// Products of few bits: W4A8, tiles of W4A8 and W4A4, codebooks, bit planes.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/quantised/check.hpp"

namespace orrery::kernels {

namespace {

void measure_w4a8(Session& session, int m, int n, int k) {
  const std::int64_t weights = std::int64_t{n} * k;
  const auto activation = arbitrary<std::int8_t>(std::int64_t{m} * k);
  const auto weight = arbitrary<std::uint32_t>(weights / 8);
  const DeviceArray<std::uint8_t> scale(
      std::vector<std::uint8_t>(static_cast<std::size_t>(weights / kWeightGroup), 9));
  const DeviceArray<float> rows(static_cast<std::size_t>(m));
  const DeviceArray<float> columns(static_cast<std::size_t>(n));
  const DeviceArray<bfloat16_t> output(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
  const W4A8Gemm args{.m = m,
                      .n = n,
                      .k = k,
                      .activation = activation.data(),
                      .activation_scale = rows.data(),
                      .weight = weight.data(),
                      .group_scale = scale.data(),
                      .group_offset = scale.data(),
                      .channel_scale = columns.data(),
                      .output = output.data()};
  const double size = static_cast<double>(weights);
  const Case what{"w4a8_gemm",
                  {{"m", m}, {"n", n}, {"k", k}},
                  "int8",
                  2 * size * m,
                  size / 2 + double{1} * m * k + 2.0 * m * n + 2 * size / kWeightGroup};
  session.measure(what, [&](cudaStream_t stream) {
    m <= 32 ? launch(w4a8_gemm_launch<32, 64>(args), stream, w4a8_gemm<32, 64>, args)
            : launch(w4a8_gemm_launch<64, 128>(args), stream, w4a8_gemm<64, 128>, args);
  });
}

void measure_mixed(Session& session, int m, int n, int k, int eighths) {
  const int k8 = k / 8 * eighths;
  const int k4 = k - k8;
  const auto a8 = arbitrary<std::int8_t>(std::int64_t{m} * k8 + 4);
  const auto a4 = arbitrary<std::uint32_t>(std::int64_t{m} * k4 / 8 + 1);
  const auto b8 = arbitrary<std::uint32_t>(std::int64_t{n} * k8 / 8 + 1);
  const auto b4 = arbitrary<std::uint32_t>(std::int64_t{n} * k4 / 8 + 1);
  const DeviceArray<float> rows(static_cast<std::size_t>(m));
  const DeviceArray<float> columns(static_cast<std::size_t>(n));
  const DeviceArray<float> output(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
  const DeviceArray<unsigned> next(1);
  const MixedGemm args{.m = m,
                       .n = n,
                       .k8 = k8,
                       .k4 = k4,
                       .activation8 = a8.data(),
                       .activation4 = a4.data(),
                       .scale8 = rows.data(),
                       .scale4 = rows.data(),
                       .weight8 = b8.data(),
                       .weight4 = b4.data(),
                       .weight_scale = columns.data(),
                       .next_tile = next.data(),
                       .output = output.data()};
  const double bytes = n * (k / 2.0) + m * (k8 + k4 / 2.0) + 8.0 * m * n;
  session.measure(
      {"mixed_gemm", {{"m", m}, {"n", n}, {"k8", k8}, {"k4", k4}}, "int4", 2.0 * m * n * k, bytes},
      [&](cudaStream_t stream) {
        // Sums are added to the output: clearing it is part of the work.
        require(cudaMemsetAsync(next.data(), 0, sizeof(unsigned), stream), "cudaMemset");
        require(cudaMemsetAsync(output.data(), 0, output.size() * sizeof(float), stream),
                "cudaMemset");
        launch(mixed_gemm_launch<64, 128>(2 * session.sms()), stream, mixed_gemm<64, 128>, args);
      });
}

template <class Index, int kEntries, int kV>
void measure_lookup(Session& session, int n, int k) {
  const std::int64_t indices = std::int64_t{n} * k / kV;
  std::vector<Index> chosen = integers<Index>(1 << 16, "lookup", 0, kEntries - 1);
  std::vector<Index> all;
  while (static_cast<std::int64_t>(all.size()) < indices) {
    const auto rest =
        std::min<std::int64_t>(indices - static_cast<std::int64_t>(all.size()), 1 << 16);
    all.insert(all.end(), chosen.begin(), chosen.begin() + rest);
  }
  const DeviceArray<Index> index(all);
  const auto codebook = arbitrary<bfloat16_t>(std::int64_t{kEntries} * kV);
  const auto x = arbitrary<bfloat16_t>(k);
  const DeviceArray<float> y(static_cast<std::size_t>(n));
  const LookupGemv<Index> args{.n = n,
                               .k = k,
                               .index = index.data(),
                               .codebook = codebook.data(),
                               .x = x.data(),
                               .y = y.data()};
  const double bytes =
      static_cast<double>(indices) * sizeof(Index) + 2.0 * kEntries * kV + 2.0 * k + 4.0 * n;
  session.measure({"lookup_gemv",
                   {{"n", n}, {"k", k}, {"entries", kEntries}, {"v", kV}},
                   "bf16",
                   2.0 * n * k,
                   bytes},
                  [&](cudaStream_t stream) {
                    launch(lookup_gemv_launch<Index, kEntries, kV>(args), stream,
                           lookup_gemv<Index, kEntries, kV>, args);
                  });
}

template <int kP, int kQ>
void measure_bit_serial(Session& session, int m, int n, int k) {
  const auto a = arbitrary<std::uint32_t>(std::int64_t{kP} * m * k / 32);
  const auto b = arbitrary<std::uint32_t>(std::int64_t{kQ} * n * k / 32);
  const DeviceArray<std::int32_t> c(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
  const BitSerialGemm args{.m = m, .n = n, .k = k, .a = a.data(), .b = b.data(), .c = c.data()};
  const Shape shape{{"m", m}, {"n", n}, {"k", k}, {"p", kP}, {"q", kQ}};
  const double operations = 2.0 * m * n * k * kP * kQ;
  const double bytes = (double{kP} * m + double{kQ} * n) * k / 8 + 4.0 * m * n;
  session.measure({"bit_serial_mma", shape, "b1", operations, bytes}, [&](cudaStream_t stream) {
    launch(bit_serial_mma_launch<64, 64>(args), stream, bit_serial_mma<kP, kQ, 64, 64>, args);
  });
  session.measure({"bit_serial_popc", shape, "b1", operations, bytes}, [&](cudaStream_t stream) {
    launch(bit_serial_popc_launch<kP, kQ>(args), stream, bit_serial_popc<kP, kQ>, args);
  });
}

void check(Session& session) {
  DeviceRunner runner;
  report(session, check_w4a8<32, 64>(runner, 31, 200, 512));
  report(session, check_w4a8<64, 128>(runner, 130, 200, 512));
  report(session, check_mixed<64, 128>(runner, 130, 200, 128, 512, 7));
  report(session, check_lookup<std::uint8_t, 256, 8>(runner, 333, 8 * 75));
  report(session, check_lookup<std::uint16_t, 4096, 8>(runner, 333, 8 * 75));
  report(session, check_lookup<std::uint16_t, 65536, 8>(runner, 333, 8 * 75));
  report(session, check_bit_serial<1, 1, 64, 64>(runner, 130, 70, 1024));
  report(session, check_bit_serial<2, 2, 64, 64>(runner, 130, 70, 1024));
  report(session, check_bit_serial<4, 4, 64, 64>(runner, 130, 70, 1024));
}

}  // namespace

void run_quantised(Session& session) {
  check(session);
  if (session.checks_only()) return;
  for (const auto& [n, k] :
       {std::pair(4096, 4096), std::pair(14336, 4096), std::pair(4096, 14336)}) {
    for (const int m : {1, 16, 64, 256}) {
      measure_w4a8(session, m, n, k);
    }
    measure_lookup<std::uint8_t, 256, 8>(session, n, k);
    measure_lookup<std::uint16_t, 4096, 8>(session, n, k);
    measure_lookup<std::uint16_t, 65536, 8>(session, n, k);
  }
  for (const int eighths : {0, 1, 2, 4, 8}) {
    measure_mixed(session, 64, 4096, 4096, eighths);
    measure_mixed(session, 256, 14336, 4096, eighths);
  }
  for (const int m : {64, 1024}) {
    measure_bit_serial<1, 1>(session, m, 4096, 4096);
    measure_bit_serial<2, 2>(session, m, 4096, 4096);
    measure_bit_serial<4, 4>(session, m, 4096, 4096);
  }
}

}  // namespace orrery::kernels
