#include <algorithm>
#include <array>
#include <cstdio>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr std::array<OpSize, 6> kSizes = {{{"batch_size", 1},
                                           {"height", {}},
                                           {"width", {}},
                                           {"in_channels", {}},
                                           {"out_channels", {}},
                                           {"stride", 1}}};
constexpr std::int64_t kTaps = 9;
constexpr double kMostPoints = 1e12;  // of the input, as many as any size may count

/// A 3x3 convolution, padded by one, as an implicit product: m = batch x height x width / stride^2,
/// n = out_channels, k = 9 in_channels (Chetlur et al. 2014, cuDNN, section 3), whose unfolded
/// input never reaches the memory. Takes what was fitted to products. Leaves out: Winograd's
/// algorithm.
class Conv3x3 final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return gemm_->parameters(); }
  std::string_view fitted_as() const override { return "gemm"; }

  std::string refusal(const OpShape& shape) const override {
    const auto at = [&](std::size_t index) { return static_cast<double>(shape.sizes.at(index)); };
    if (at(0) * at(1) * at(2) <= kMostPoints) return {};
    char text[100];
    std::snprintf(text, sizeof text,
                  "height: expected batch_size x height x width up to %.0g, got %.3g", kMostPoints,
                  at(0) * at(1) * at(2));
    return text;
  }

  Work work(const OpShape& shape) const override {
    const OpShape product = product_of(shape);
    const auto at = [&](std::size_t index) { return static_cast<double>(shape.sizes.at(index)); };
    return {gemm_->work(product).operations,
            element_bytes(shape.precision) *
                (at(0) * at(1) * at(2) * at(3) + static_cast<double>(kTaps) * at(3) * at(4) +
                 static_cast<double>(product.sizes.at(0)) * at(4))};
  }
  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    // The product's left operand is nine times the input and never there: as if it were cached.
    DeviceSpec caching = device;
    caching.l2 = Bytes(INT64_MAX);
    OpTime time = gemm_->time(product_of(shape), caching, values);
    time.traffic = std::max(time.traffic, work(shape).bytes);
    time.memory = std::max(time.memory, time.traffic / device.memory_bandwidth.as_double());
    time.busy = std::max(time.busy, time.memory);
    return time;
  }
  std::string details(const OpShape& shape, const DeviceSpec& device,
                      std::span<const double> values) const override {
    return gemm_->details(product_of(shape), device, values);
  }

 private:
  static OpShape product_of(const OpShape& shape) {
    const std::int64_t stride = shape.sizes.at(5);
    const std::int64_t rows = shape.sizes.at(0) * ((shape.sizes.at(1) + stride - 1) / stride) *
                              ((shape.sizes.at(2) + stride - 1) / stride);
    return {shape.precision, {rows, shape.sizes.at(4), kTaps * shape.sizes.at(3), 1}};
  }
  std::unique_ptr<OpModel> gemm_ = make_gemm_op();
};

}  // namespace

std::unique_ptr<OpModel> make_conv3x3_op() {
  return std::make_unique<Conv3x3>();
}

}  // namespace orrery
