#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace orrery::kernels {

/// Throws std::runtime_error with the call's text and place unless it went well.
inline void require(cudaError_t status, const char* call,
                    std::source_location place = std::source_location::current()) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(place.file_name()) + ":" + std::to_string(place.line()) +
                             ": " + call + ": " + cudaGetErrorString(status));
  }
}

/// An array in device memory; owns it.
template <class T>
class DeviceArray {
 public:
  /// Bytes set to zero.
  explicit DeviceArray(std::size_t count) : count_(count) {
    void* place = nullptr;
    require(cudaMalloc(&place, count * sizeof(T)), "cudaMalloc");
    place_.reset(static_cast<T*>(place));
    require(cudaMemset(place, 0, count * sizeof(T)), "cudaMemset");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    require(cudaMemcpy(place_.get(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
            "cudaMemcpy to the device");
  }

  T* data() const { return place_.get(); }
  std::size_t size() const { return count_; }
  /// A copy on the host, after all that was launched has finished.
  std::vector<T> host() const {
    std::vector<T> values(count_);
    require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    require(cudaMemcpy(values.data(), place_.get(), count_ * sizeof(T), cudaMemcpyDeviceToHost),
            "cudaMemcpy to the host");
    return values;
  }

 private:
  struct Free {
    void operator()(T* place) const { cudaFree(place); }
  };
  std::unique_ptr<T, Free> place_;
  std::size_t count_;
};

}  // namespace orrery::kernels
