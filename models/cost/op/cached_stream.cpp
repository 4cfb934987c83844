#include "models/cost/op/cached_stream.hpp"

#include <algorithm>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

// Bytes a clock that the L2 cache delivers, all slices together (NVIDIA A100 Tensor Core GPU
// Architecture whitepaper, "A100 L2 Cache", recalled; assumed of other devices, whose makers do not
// say).
constexpr double kL2BytesPerClock = 5120;

}  // namespace

CachedStream::CachedStream() : gemm_(make_gemm_op()) {
  const std::span<const OpParameter> all = gemm_->parameters();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == "operand_GBps") operand_rate_ = i;
    if (all[i].name == "warm") warm_ = i;
  }
}

OpTime CachedStream::pass(double moved, double held, const DeviceSpec& device,
                          std::span<const double> values) const {
  const double stays = values[warm_] * device.l2.as_double();
  const double cold = stays > 0 ? std::clamp(held / stays - 1, 0.0, 1.0) : 1.0;
  OpTime time = streamed(moved * cold, device, "elementwise");
  double rate = values[operand_rate_] * 1e9 * static_cast<double>(device.cores);
  if (device.clock > Frequency(0)) {
    rate = std::min(rate, kL2BytesPerClock * device.clock.as_double());
  }
  time.memory = std::max(time.memory, moved / rate);
  time.busy = time.memory;
  return time;
}

}  // namespace orrery
