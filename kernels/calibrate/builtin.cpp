#include "kernels/calibrate/family.hpp"

namespace orrery::kernels {

void run_copy(Session& session);
void run_linear_attention(Session& session);
void run_convolution(Session& session);
void run_pack(Session& session);
void run_moe(Session& session);
void run_quantised(Session& session);
void run_launch(Session& session);

std::vector<Family> builtin_families() {
  return {
      {"copy", "copy, reduce and op-and-store by bytes and by SMs", run_copy},
      {"linear_attention", "chunked linear attention: states, prefix, output",
       run_linear_attention},
      {"convolution", "3x3 convolution and GroupNorm on bands of rows", run_convolution},
      {"pack", "strided packing to device memory and to mapped memory of the host", run_pack},
      {"moe", "routing, permute, grouped products with skewed experts, unpermute", run_moe},
      {"quantised", "W4A8, W4A8 beside W4A4, codebooks, bit planes", run_quantised},
      {"launch", "launches, graphs, events, copies to and from the host and peers", run_launch},
  };
}

}  // namespace orrery::kernels
