#include <array>

#include "models/cost/op/builtin.hpp"
#include "models/cost/op/cached_stream.hpp"

namespace orrery {
namespace {

constexpr std::array<OpSize, 3> kSizes = {{{"elements", {}}, {"reads", 1}, {"writes", 1}}};

/// One pass over `reads` operands and `writes` results of so many elements each (CachedStream).
class Elementwise final : public CachedStream {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  Work work(const OpShape& shape) const override {
    const auto at = [&](std::size_t index) { return static_cast<double>(shape.sizes[index]); };
    return {at(0), element_bytes(shape.precision) * at(0) * (at(1) + at(2))};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const double bytes = work(shape).bytes;
    return pass(bytes, bytes, device, values);
  }
};

}  // namespace

std::unique_ptr<OpModel> make_elementwise_op() {
  return std::make_unique<Elementwise>();
}

}  // namespace orrery
