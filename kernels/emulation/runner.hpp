#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// Runs kernels on the host, their threads in an order drawn from a named seed.
class EmulatedRunner {
 public:
  explicit EmulatedRunner(std::string_view seed) : order_(emulation::Order::named(seed)) {}

  template <class T>
  class Array {
   public:
    explicit Array(std::size_t count) : values_(count) {}
    explicit Array(std::vector<T> values) : values_(std::move(values)) {}
    T* data() { return values_.data(); }
    std::size_t size() const { return values_.size(); }
    std::vector<T> host() const { return values_; }

   private:
    std::vector<T> values_;
  };

  template <class... Parameters, class... Arguments>
  void launch(const Launch& shape, void (*kernel)(Parameters...), Arguments... arguments) const {
    emulation::launch(shape, order_, kernel, arguments...);
  }

 private:
  emulation::Order order_;
};

}  // namespace orrery::kernels
