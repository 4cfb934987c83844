#include <array>
#include <cmath>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr double kSector = 32;  // bytes: least that is read of device memory (CUDA C++ Programming
                                // Guide, "Device Memory Accesses")
constexpr std::array<OpSize, 2> kSizes = {{{"bytes", {}}, {"block_bytes", {}}}};

/// Blocks of so many bytes, apart from each other, copied into one buffer of `bytes`: every block
/// is read in whole sectors, the buffer is written once. Leaves out: strides shorter than a sector,
/// address arithmetic.
class Pack final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return {}; }
  Work work(const OpShape& shape) const override {
    return {0, 2 * static_cast<double>(shape.sizes[0])};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double>) const override {
    const double bytes = static_cast<double>(shape.sizes[0]);
    const double block = static_cast<double>(shape.sizes[1]);
    const double read = bytes / block * std::ceil(block / kSector) * kSector;
    return streamed(read + bytes, device, "elementwise");
  }
};

}  // namespace

std::unique_ptr<OpModel> make_pack_op() {
  return std::make_unique<Pack>();
}

}  // namespace orrery
