#include <array>

#include "models/cost/op/builtin.hpp"
#include "models/cost/op/cached_stream.hpp"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 4> kAlgorithms = {"fused", "three_pass_recompute",
                                                         "three_pass_reload", "two_pass"};
constexpr std::array<double, 4> kPasses = {2, 4, 5, 3};  // times that N elements are moved
constexpr std::array<OpSize, 3> kSizes = {
    {{"rows", {}}, {"columns", {}}, {"algorithm", 0, kAlgorithms}}};

/// Softmax along rows by the bytes that it moves: 2N where a row stays on the chip (fused), else 4N
/// (three passes, exponentials computed again), 5N (three passes, exponentials stored and loaded),
/// 3N (two passes): Dukhan and Ablavatski 2020, "Two-Pass Softmax Algorithm", table 2. Of
/// memory and L2 cache see CachedStream.
class Softmax final : public CachedStream {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  Work work(const OpShape& shape) const override {
    const double elements =
        static_cast<double>(shape.sizes[0]) * static_cast<double>(shape.sizes[1]);
    return {5 * elements, 2 * element_bytes(shape.precision) * elements};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const double bytes = work(shape).bytes;
    const double passes = kPasses[static_cast<std::size_t>(shape.sizes[2])];
    return pass(bytes / 2 * passes, bytes, device, values);
  }
};

}  // namespace

std::unique_ptr<OpModel> make_softmax_op() {
  return std::make_unique<Softmax>();
}

}  // namespace orrery
