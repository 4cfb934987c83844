#pragma once

#include "models/cost/op/op_model.hpp"

namespace orrery {

/// Kernels that only go over arrays, of which the L2 cache serves what stays in it behind the
/// kernel that made them, as with the left operand of a product, whose figures these are:
///
///   cold     share of the arrays that does not stay: none up to `warm` x L2, all from twice that
///   memory   bytes x cold / (0.9 bandwidth), see streamed
///   caches   bytes / the least of (operand rate of a core x cores) and what L2 delivers
///   time     the device's kernel launch + the larger
///
/// Leaves out: the arithmetic; kernels that wait for their loads one by one.
class CachedStream : public OpModel {
 public:
  CachedStream();
  std::span<const OpParameter> parameters() const final { return gemm_->parameters(); }
  std::string_view fitted_as() const final { return "gemm"; }

 protected:
  /// Moves `moved` bytes, to and from arrays of `held` bytes.
  OpTime pass(double moved, double held, const DeviceSpec& device,
              std::span<const double> values) const;

 private:
  std::unique_ptr<OpModel> gemm_;
  std::size_t operand_rate_ = 0;
  std::size_t warm_ = 0;
};

}  // namespace orrery
