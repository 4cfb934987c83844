#include <array>
#include <cmath>

#include "models/cost/op/builtin.hpp"
#include "models/cost/op/cached_stream.hpp"

namespace orrery {
namespace {

constexpr double kSector = 32;  // bytes: least that is read of device memory (CUDA C++ Programming
                                // Guide, "Device Memory Accesses")
constexpr std::array<OpSize, 2> kSizes = {{{"bytes", {}}, {"block_bytes", {}}}};

/// Blocks of so many bytes, apart from each other, copied into one buffer of `bytes`: every block
/// is read in whole sectors, the buffer is written once (CachedStream). Leaves out: strides shorter
/// than a sector, address arithmetic.
class Pack final : public CachedStream {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  Work work(const OpShape& shape) const override {
    return {0, 2 * static_cast<double>(shape.sizes[0])};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const double bytes = static_cast<double>(shape.sizes[0]);
    const double block = static_cast<double>(shape.sizes[1]);
    const double read = bytes / block * std::ceil(block / kSector) * kSector;
    return pass(read + bytes, read + bytes, device, values);
  }
};

}  // namespace

std::unique_ptr<OpModel> make_pack_op() {
  return std::make_unique<Pack>();
}

}  // namespace orrery
