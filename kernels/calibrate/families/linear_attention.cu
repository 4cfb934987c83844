// Chunked linear attention by length: states, their prefix, output. 16 heads of 128, those of
// Linear-Llama3-1B (LASP-2, section 4.1).
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/linear_attention/check.hpp"

namespace orrery::kernels {

namespace {

constexpr int kD = 128;

void measure(Session& session, int heads, int tokens) {
  const std::int64_t count = std::int64_t{heads} * tokens * kD;
  const std::int64_t chunks = tokens / kAttentionChunk;
  const std::int64_t state_count = heads * chunks * kD * kD;
  const auto query = arbitrary<bfloat16_t>(count);
  const auto key = arbitrary<bfloat16_t>(count);
  const auto value = arbitrary<bfloat16_t>(count);
  const DeviceArray<float> state(static_cast<std::size_t>(state_count));
  const DeviceArray<bfloat16_t> prefix(static_cast<std::size_t>(state_count));
  const DeviceArray<float> final(static_cast<std::size_t>(heads) * kD * kD);
  const DeviceArray<bfloat16_t> output(static_cast<std::size_t>(count));
  const LinearAttention args{.heads = heads,
                             .tokens = tokens,
                             .query = query.data(),
                             .key = key.data(),
                             .value = value.data(),
                             .state = state.data(),
                             .initial = nullptr,
                             .prefix = prefix.data(),
                             .final = final.data(),
                             .output = output.data()};
  const Shape shape = linear_attention_shape(heads, tokens, kD, kAttentionChunk);
  const auto elements = static_cast<double>(count);
  const auto states = static_cast<double>(state_count);
  session.measure({"chunk_state", shape, "bf16", 2 * elements * kD, 4 * elements + 4 * states},
                  [&](cudaStream_t stream) {
                    launch(chunk_state_launch<kD>(args), stream, chunk_state<kD>, args);
                  });
  session.measure({"state_prefix", shape, "fp32", states, 6 * states}, [&](cudaStream_t stream) {
    launch(state_prefix_launch<kD>(args), stream, state_prefix<kD>, args);
  });
  session.measure({"chunk_output", shape, "bf16",
                   2 * elements * kD + 4 * elements * kAttentionChunk, 8 * elements + 2 * states},
                  [&](cudaStream_t stream) {
                    launch(chunk_output_launch(args), stream, chunk_output<kD>, args);
                  });
}

}  // namespace

void run_linear_attention(Session& session) {
  DeviceRunner runner;
  report(session, check_linear_attention<64>(runner, 3, 5 * kAttentionChunk));
  report(session, check_linear_attention<kD>(runner, 3, 5 * kAttentionChunk));
  if (session.checks_only()) return;
  for (const int tokens : {2048, 8192, 32768, 131072}) {
    measure(session, 16, tokens);
  }
}

}  // namespace orrery::kernels
