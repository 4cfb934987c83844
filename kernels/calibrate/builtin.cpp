#include "kernels/calibrate/family.hpp"

namespace orrery::kernels {

void run_attention(Session& session);
void run_contention(Session& session);
void run_convolution(Session& session);
void run_copy(Session& session);
void run_cublaslt_bf16(Session& session);
void run_cublaslt_fp16(Session& session);
void run_cublaslt_fp8(Session& session);
void run_cublaslt_int8(Session& session);
void run_cublaslt_tf32(Session& session);
void run_decode_attention(Session& session);
void run_gemm(Session& session);
void run_gemm_sm90a(Session& session);
void run_launch(Session& session);
void run_linear_attention(Session& session);
void run_moe(Session& session);
void run_overlap(Session& session);
void run_pack(Session& session);
void run_page_selector(Session& session);
void run_quantised(Session& session);
void run_softmax(Session& session);

std::vector<Family> builtin_families() {
  return {
      {"attention", "attention of blocks with log-sum-exp, and its merge", run_attention},
      {"contention", "a GEMM and a copy at once, SMs divided or shared", run_contention},
      {"convolution", "3x3 convolution and GroupNorm on bands of rows", run_convolution},
      {"copy", "copy, reduce and op-and-store by bytes and by SMs", run_copy},
      {"cublaslt_bf16", "cuBLASLt's matrix products in bf16", run_cublaslt_bf16},
      {"cublaslt_fp16", "cuBLASLt's matrix products in fp16", run_cublaslt_fp16},
      {"cublaslt_fp8", "cuBLASLt's matrix products in fp8 (E4M3)", run_cublaslt_fp8},
      {"cublaslt_int8", "cuBLASLt's matrix products in int8", run_cublaslt_int8},
      {"cublaslt_tf32", "cuBLASLt's matrix products in tf32", run_cublaslt_tf32},
      {"decode_attention", "decode over a paged cache of 16, 8 and 4 bits", run_decode_attention},
      {"gemm", "our GEMM by shape and by SMs", run_gemm},
      {"gemm_sm90a", "our GEMM by wgmma and TMA, for sm_90a alone", run_gemm_sm90a},
      {"launch", "launches, graphs, events, copies to and from the host and peers", run_launch},
      {"linear_attention", "chunked linear attention: states, prefix, output",
       run_linear_attention},
      {"moe", "routing, permute, grouped products with skewed experts, unpermute", run_moe},
      {"overlap", "a GEMM whose finished tiles are added elsewhere meanwhile", run_overlap},
      {"pack", "strided packing to device memory and to mapped memory of the host", run_pack},
      {"page_selector", "scan of page bounds and choice of pages", run_page_selector},
      {"quantised", "W4A8, W4A8 beside W4A4, codebooks, bit planes", run_quantised},
      {"softmax", "softmax in three and two passes and online", run_softmax},
  };
}

}  // namespace orrery::kernels
