// cuBLASLt's matrix products, with the algorithm its heuristic names first: what most programs get.
#include <cublasLt.h>

#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

void require_blas(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw std::runtime_error(std::string(call) + ": " + cublasLtGetStatusString(status));
  }
}

struct Format {
  const char* name;
  cudaDataType_t in, out, scale;
  cublasComputeType_t compute;
  double tolerance;  // half a unit in the last place of the output; of tf32's 10 digits, in the
                     // operands
};

constexpr Format kBf16{"bf16", CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, 0x1p-7};
constexpr Format kFp16{"fp16", CUDA_R_16F, CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 0x1p-10};
constexpr Format kFp8{"fp8", CUDA_R_8F_E4M3, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, 0x1p-7};
constexpr Format kInt8{"int8", CUDA_R_8I, CUDA_R_32I, CUDA_R_32I, CUBLAS_COMPUTE_32I, 0};
constexpr Format kTf32{"tf32", CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32,
                       0x1p-10};

/// C (m, n) = A (m, k) B^T, B (n, k), row-major, as cuBLASLt's column-major C^T (n, m) = B A^T.
class Product {
 public:
  Product(const Format& format, int m, int n, int k) : format_(format) {
    require_blas(cublasLtCreate(&handle_), "cublasLtCreate");
    require_blas(cublasLtMatmulDescCreate(&work_, format.compute, format.scale),
                 "MatmulDescCreate");
    const cublasOperation_t transposed = CUBLAS_OP_T;
    require_blas(cublasLtMatmulDescSetAttribute(work_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                                sizeof transposed),
                 "MatmulDescSetAttribute(TRANSA)");
    layout(&b_, format.in, k, n);
    layout(&a_, format.in, k, m);
    layout(&c_, format.out, n, m);
    cublasLtMatmulPreference_t preference = nullptr;
    require_blas(cublasLtMatmulPreferenceCreate(&preference), "MatmulPreferenceCreate");
    require_blas(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &kWorkspaceBytes, sizeof kWorkspaceBytes),
        "MatmulPreferenceSetAttribute");
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle_, work_, b_, a_, c_, c_,
                                                                 preference, 1, &choice_, &found);
    cublasLtMatmulPreferenceDestroy(preference);
    is_there_ = status == CUBLAS_STATUS_SUCCESS && found == 1;
  }
  ~Product() {
    cublasLtMatrixLayoutDestroy(c_);
    cublasLtMatrixLayoutDestroy(a_);
    cublasLtMatrixLayoutDestroy(b_);
    cublasLtMatmulDescDestroy(work_);
    cublasLtDestroy(handle_);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  /// Whether the library has an algorithm for it on this device.
  bool is_there() const { return is_there_; }

  void run(const void* a, const void* b, void* c, void* workspace, cudaStream_t stream) const {
    const float one = 1, zero = 0;
    const int whole_one = 1, whole_zero = 0;
    const bool whole = format_.scale == CUDA_R_32I;
    require_blas(cublasLtMatmul(handle_, work_, whole ? static_cast<const void*>(&whole_one) : &one,
                                b, b_, a, a_, whole ? static_cast<const void*>(&whole_zero) : &zero,
                                c, c_, c, c_, &choice_.algo, workspace, kWorkspaceBytes, stream),
                 "cublasLtMatmul");
  }

 private:
  static void layout(cublasLtMatrixLayout_t* to, cudaDataType_t type, int rows, int columns) {
    require_blas(cublasLtMatrixLayoutCreate(to, type, static_cast<std::uint64_t>(rows),
                                            static_cast<std::uint64_t>(columns), rows),
                 "MatrixLayoutCreate");
  }

  Format format_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t work_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
  cublasLtMatmulHeuristicResult_t choice_{};
  bool is_there_ = false;
};

template <class In, class Out>
bool check(Session& session, const Format& format) {
  constexpr int kM = 192, kN = 320, kK = 256;
  const Product product(format, kM, kN, kK);
  if (!product.is_there()) {
    std::fprintf(stderr, "  cublaslt_%s: not on this device\n", format.name);
    return false;
  }
  const double reach = std::is_integral_v<In> ? 100 : 1;
  const auto a = narrow<In>(reference::uniform(kM * kK, "lt a", -reach, reach));
  const auto b = narrow<In>(reference::uniform(kN * kK, "lt b", -reach, reach));
  const DeviceArray<In> left(a), right(b);
  const DeviceArray<Out> c(kM * kN);
  const DeviceArray<char> workspace(kWorkspaceBytes);
  product.run(left.data(), right.data(), c.data(), workspace.data(), nullptr);
  const auto expected = reference::gemm(kM, kN, kK, widen(a), widen(b));
  return session.check(std::string("cublaslt_") + format.name, {{"m", kM}, {"n", kN}, {"k", kK}},
                       reference::largest_error(widen(c.host()), expected), format.tolerance);
}

template <class In, class Out>
void measure(Session& session, const Format& format, int rows, int columns, int depth) {
  const double m = rows, n = columns, k = depth;
  const Product product(format, rows, columns, depth);
  if (!product.is_there()) return;
  const float reach = std::is_integral_v<In> ? 100.0f : 1.0f;
  const auto a = random_array<In>(static_cast<std::size_t>(m * k), 1, -reach, reach);
  const auto b = random_array<In>(static_cast<std::size_t>(n * k), 2, -reach, reach);
  const DeviceArray<Out> c(static_cast<std::size_t>(m * n));
  const DeviceArray<char> workspace(kWorkspaceBytes);
  const Case what{std::string("cublaslt_") + format.name,
                  {{"m", rows}, {"n", columns}, {"k", depth}},
                  format.name,
                  2 * m * n * k,
                  sizeof(In) * (m * k + n * k) + sizeof(Out) * m * n};
  session.measure(what, [&](cudaStream_t stream) {
    product.run(a.data(), b.data(), c.data(), workspace.data(), stream);
  });
}

template <class In, class Out>
void sweep(Session& session, const Format& format) {
  if (!check<In, Out>(session, format) || session.checks_only()) return;
  // Layers of Llama-like networks (columns, depth) by tokens, the large ones first.
  constexpr int kLayers[][2] = {{8192, 8192},  {28672, 8192}, {8192, 28672}, {4096, 4096},
                                {14336, 4096}, {4096, 14336}, {1280, 8192},  {8192, 1024}};
  for (const int tokens : {4096, 8192, 1024, 256, 64, 16, 512, 2048, 128, 32}) {
    for (const auto& layer : kLayers) measure<In, Out>(session, format, tokens, layer[0], layer[1]);
  }
}

}  // namespace

void run_cublaslt_bf16(Session& session) {
  sweep<bfloat16_t, bfloat16_t>(session, kBf16);
}
void run_cublaslt_fp16(Session& session) {
  sweep<half_t, half_t>(session, kFp16);
}
void run_cublaslt_fp8(Session& session) {
  sweep<fp8_e4m3_t, bfloat16_t>(session, kFp8);
}
void run_cublaslt_int8(Session& session) {
  sweep<std::int8_t, std::int32_t>(session, kInt8);
}
void run_cublaslt_tf32(Session& session) {
  sweep<float, float>(session, kTf32);
}

}  // namespace orrery::kernels
