#include "workloads/kernel_forms.hpp"

#include "workloads/attended_pairs.hpp"

namespace orrery {
namespace {

Kernel flash_kernel(const NetworkShape& shape, const Division& division, const char* kind) {
  Kernel kernel;
  kernel.kind = kind;
  kernel.precision = division.precision;
  kernel.unit = MathUnit::matrix;
  kernel.shape = {{"batch", division.micro_batch},
                  {"heads", shape.heads / division.tensor},
                  {"kv_heads", shape.kv_heads_on_rank(division.tensor)},
                  {"sequence", division.sequence_length},
                  {"head_size", shape.head_size},
                  {"causal", 1}};
  if (shape.value_size() != shape.head_size) {
    kernel.shape.push_back({"value_size", shape.value_size()});
  }
  if (!division.packed.empty()) {
    kernel.shape.push_back({"packed", static_cast<std::int64_t>(division.packed.size())});
  }
  if (shape.attention_window > 0) {
    kernel.shape.push_back({"window", shape.attention_window});
  }
  return kernel;
}

Flops causal_product_pair(const NetworkShape& shape, const Division& division) {
  return Flops(1) * twice_causal_pairs(shape, division) *
         ((shape.query_size() + shape.context_size()) / division.tensor);
}

}  // namespace

Bytes matrix_bytes(Precision precision, std::int64_t rows, std::int64_t columns) {
  return storage(precision, rows) * columns;
}

Kernel gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k,
            std::int64_t batch) {
  Kernel kernel;
  kernel.kind = "gemm";
  kernel.precision = precision;
  kernel.unit = MathUnit::matrix;
  kernel.operations = Flops(2) * m * n * k * batch;
  kernel.read = (matrix_bytes(precision, m, k) + matrix_bytes(precision, k, n)) * batch;
  kernel.written = matrix_bytes(precision, m, n) * batch;
  kernel.shape = {{"batch", batch}, {"m", m}, {"n", n}, {"k", k}};
  return kernel;
}

Kernel linear_gemm(const Division& division, std::int64_t m, std::int64_t n, std::int64_t k) {
  if (!division.fp8_linear) return gemm(division.precision, m, n, k);
  Kernel kernel = gemm(Precision::fp8, m, n, k);
  kernel.written = matrix_bytes(division.precision, m, n);
  return kernel;
}

Kernel cast_to_fp8(const Division& division, std::int64_t elements) {
  return elementwise({.elements = elements,
                      .operations_per_element = 2,  // scale, maximum
                      .read = matrix_bytes(division.precision, elements, 1),
                      .written = matrix_bytes(Precision::fp8, elements, 2)});
}

Kernel weight_gradient_gemm(const Division& division, std::int64_t m, std::int64_t n,
                            std::int64_t k) {
  Kernel kernel = linear_gemm(division, n, k, m);
  const Bytes buffer = division.gradient_element * n * k;
  kernel.read += buffer;
  kernel.written = buffer;
  return kernel;
}

Kernel elementwise(const ElementwiseWork& work) {
  Kernel kernel;
  kernel.kind = work.kind;
  kernel.precision = Precision::fp32;
  kernel.unit = MathUnit::vector;
  kernel.operations = Flops(work.operations_per_element) * work.elements;
  kernel.read = work.read;
  kernel.written = work.written;
  kernel.shape = {{"elements", work.elements}};
  return kernel;
}

Bytes flash_statistics(const NetworkShape& shape, const Division& division) {
  return matrix_bytes(Precision::fp32, division.tokens(), shape.heads / division.tensor);
}

Kernel flash_attention_forward(const NetworkShape& shape, const Division& division) {
  const std::int64_t tensor = division.tensor;
  Kernel kernel = flash_kernel(shape, division, "attention");
  kernel.operations = causal_product_pair(shape, division);
  kernel.read = matrix_bytes(division.precision, division.tokens(), shape.qkv_size(tensor));
  kernel.written =
      matrix_bytes(division.precision, division.tokens(), shape.context_size() / tensor) +
      flash_statistics(shape, division);
  return kernel;
}

Kernel flash_attention_backward(const NetworkShape& shape, const Division& division) {
  const std::int64_t tensor = division.tensor;
  const Bytes qkv = matrix_bytes(division.precision, division.tokens(), shape.qkv_size(tensor));
  const Bytes output =
      matrix_bytes(division.precision, division.tokens(), shape.context_size() / tensor);
  Kernel kernel = flash_kernel(shape, division, "attention_backward");
  kernel.operations = causal_product_pair(shape, division) * 5 / 2;
  kernel.read = qkv + output * 2 + flash_statistics(shape, division);  // and the output's gradient
  kernel.written = qkv;
  return kernel;
}

}  // namespace orrery
