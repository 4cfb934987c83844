// GB/s of copy, reduce and op-and-store by bytes moved and by SMs that take part.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/launch.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/copy/copy.cuh"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr int kUnroll = 4;

void check(Session& session) {
  const std::int64_t count = 4 * 100'003;  // floats; no multiple of any block
  const Shape shape{{"bytes", 4 * count}, {"sms", 7}};
  const auto a = narrow<float>(reference::uniform(count, "copy a"));
  const auto b = narrow<float>(reference::uniform(count, "copy b"));
  std::vector<double> sum(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) sum[i] = double{a[i]} + double{b[i]};
  const DeviceArray<float> from(a);
  const DeviceArray<float> other(b);
  const DeviceArray<float> to(a.size());

  launch(copy_launch(7), nullptr, copy_kernel<kUnroll>, reinterpret_cast<const uint4*>(from.data()),
         reinterpret_cast<uint4*>(to.data()), count / 4);
  session.check("copy", shape, reference::largest_error(widen(to.host()), widen(a)), 0);
  launch(copy_launch(7), nullptr, reduce_kernel<kUnroll>,
         reinterpret_cast<const float4*>(from.data()),
         reinterpret_cast<const float4*>(other.data()), reinterpret_cast<float4*>(to.data()),
         count / 4);
  session.check("reduce", shape, reference::largest_error(widen(to.host()), sum), 1e-7);
  launch(copy_launch(7), nullptr, op_and_store_kernel<float>,
         static_cast<const float*>(from.data()), other.data(), count);
  session.check("op_and_store", shape, reference::largest_error(widen(other.host()), sum), 1e-7);
}

/// All three kernels on `bytes` per buffer by `sms` blocks.
void measure(Session& session, std::int64_t bytes, int sms) {
  const DeviceArray<float> a(static_cast<std::size_t>(bytes) / 4);
  const DeviceArray<float> b(static_cast<std::size_t>(bytes) / 4);
  const DeviceArray<float> to(static_cast<std::size_t>(bytes) / 4);
  const Shape shape{{"bytes", bytes}, {"sms", sms}};
  const auto size = static_cast<double>(bytes);
  session.measure({"copy", shape, "bytes", 0, 2 * size}, [&](cudaStream_t stream) {
    launch(copy_launch(sms), stream, copy_kernel<kUnroll>, reinterpret_cast<const uint4*>(a.data()),
           reinterpret_cast<uint4*>(to.data()), bytes / 16);
  });
  session.measure({"reduce", shape, "fp32", size / 4, 3 * size}, [&](cudaStream_t stream) {
    launch(copy_launch(sms), stream, reduce_kernel<kUnroll>,
           reinterpret_cast<const float4*>(a.data()), reinterpret_cast<const float4*>(b.data()),
           reinterpret_cast<float4*>(to.data()), bytes / 16);
  });
  session.measure({"op_and_store", shape, "fp32", size / 4, 3 * size}, [&](cudaStream_t stream) {
    launch(copy_launch(sms), stream, op_and_store_kernel<float>,
           static_cast<const float*>(a.data()), to.data(), bytes / 4);
  });
}

}  // namespace

void run_copy(Session& session) {
  check(session);
  if (session.checks_only()) return;
  constexpr std::int64_t kLarge = std::int64_t{256} << 20;
  for (const int share : {1, 2, 4, 8, 16, 32}) {  // of the SMs, at a size beyond any L2
    measure(session, kLarge, std::max(1, session.sms() / share));
  }
  for (std::int64_t bytes = 4096; bytes <= 4 * kLarge; bytes *= 4) {
    measure(session, bytes, 2 * session.sms());
  }
}

}  // namespace orrery::kernels
