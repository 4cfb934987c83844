#include <algorithm>
#include <array>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr std::array<OpSize, 3> kSizes = {{{"elements", {}}, {"reads", 1}, {"writes", 1}}};

/// One pass over `reads` operands and `writes` results of so many elements each, of which the L2
/// cache serves what stays in it behind the kernel that made them, as with the left operand of a
/// product, whose figures these are:
///
///   memory   bytes that do not stay / (0.9 bandwidth), see streamed
///   cores    bytes / (operand rate of a core x cores)
///   time     the device's kernel launch + the larger
///
/// Leaves out: the arithmetic; kernels that wait for their loads one by one.
class Elementwise final : public OpModel {
 public:
  Elementwise() {
    const std::span<const OpParameter> all = gemm_->parameters();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name == "operand_GBps") operand_rate_ = i;
      if (all[i].name == "warm") warm_ = i;
    }
  }
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return gemm_->parameters(); }
  std::string_view fitted_as() const override { return "gemm"; }

  Work work(const OpShape& shape) const override {
    const auto at = [&](std::size_t index) { return static_cast<double>(shape.sizes[index]); };
    return {at(0), element_bytes(shape.precision) * at(0) * (at(1) + at(2))};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const double bytes = work(shape).bytes;
    const double stays = values[warm_] * device.l2.as_double();
    const double cold = stays > 0 ? std::clamp(bytes / stays - 1, 0.0, 1.0) : 1.0;
    OpTime time = streamed(bytes * cold, device, "elementwise");
    const double cores = static_cast<double>(device.cores);
    time.memory = std::max(time.memory, bytes / (values[operand_rate_] * 1e9 * cores));
    time.busy = time.memory;
    return time;
  }

 private:
  std::unique_ptr<OpModel> gemm_ = make_gemm_op();
  std::size_t operand_rate_ = 0;
  std::size_t warm_ = 0;
};

}  // namespace

std::unique_ptr<OpModel> make_elementwise_op() {
  return std::make_unique<Elementwise>();
}

}  // namespace orrery
