#include <array>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr std::array<OpSize, 3> kSizes = {{{"elements", {}}, {"reads", 1}, {"writes", 1}}};

/// One pass over `reads` operands and `writes` results of so many elements each, at the share of
/// the memory's bandwidth that the catalogue gives for the device. Leaves out: the arithmetic.
class Elementwise final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return {}; }
  Work work(const OpShape& shape) const override {
    const auto at = [&](std::size_t index) { return static_cast<double>(shape.sizes[index]); };
    return {at(0), element_bytes(shape.precision) * at(0) * (at(1) + at(2))};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double>) const override {
    return streamed(work(shape).bytes, device, "elementwise");
  }
};

}  // namespace

std::unique_ptr<OpModel> make_elementwise_op() {
  return std::make_unique<Elementwise>();
}

}  // namespace orrery
