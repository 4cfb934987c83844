#pragma once

#include "kernels/calibrate/cuda.hpp"
#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// kernel<<<...>>>(arguments...), allowing it the shared memory it asks for.
template <class... Parameters, class... Arguments>
void launch(const Launch& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (shape.shared_bytes > std::size_t{48} << 10) {
    require(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shape.shared_bytes)),
            "cudaFuncSetAttribute(MaxDynamicSharedMemorySize)");
  }
  kernel<<<shape.grid, shape.block, shape.shared_bytes, stream>>>(arguments...);
  require(cudaGetLastError(), "launch");
}

}  // namespace orrery::kernels
