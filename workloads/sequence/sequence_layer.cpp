#include "workloads/sequence/sequence_layer.hpp"

#include <numeric>
#include <utility>

#include "workloads/kernel_forms.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kBound = 4;  // bytes of a bound between sequences, int32
constexpr std::int64_t kMerge = 6;  // two products, a sum, a quotient; exponentials by the row

/// Of one sequence.
AttentionBlock block_of_sequence(const SequenceLayer& layer, std::int64_t length,
                                 std::int64_t degree, std::int64_t q, std::int64_t k) {
  const std::int64_t own = length / degree;
  const std::int64_t half = own / 2;
  if (layer.mask == AttentionMask::full) return {own, own, 2 * own * own, false};
  if (q == k) return {own, own, own * own, true};
  switch (layer.layout) {
    case TokenLayout::contiguous:
      return k < q ? AttentionBlock{own, own, 2 * own * own, false} : AttentionBlock{};
    case TokenLayout::zigzag:
      return k < q ? AttentionBlock{own, half, own * own, false}
                   : AttentionBlock{half, own, own * own, false, true};
    case TokenLayout::striped:
      break;
  }
  // The i-th query of stripe q sees i keys of stripe k before its own place, and one more if k < q.
  return {own, own, k < q ? own * (own + 1) : own * (own - 1), true, k > q};
}

void add(AttentionBlock& sum, const AttentionBlock& block) {
  sum.queries += block.queries;
  sum.keys += block.keys;
  sum.twice_pairs += block.twice_pairs;
  sum.causal = sum.causal || block.causal;
  sum.part = sum.part || block.part;
}

Kernel block_kernel(const SequenceLayer& layer, const AttentionBlock& block, const char* kind) {
  Kernel kernel;
  kernel.kind = kind;
  kernel.precision = layer.precision;
  kernel.unit = MathUnit::matrix;
  kernel.host = layer.host;
  kernel.operations = Flops(2) * block.twice_pairs * layer.batch * (layer.heads * layer.head_size);
  kernel.shape = {
      {"batch", layer.batch},          {"heads", layer.heads}, {"kv_heads", layer.kv_heads},
      {"queries", block.queries},      {"keys", block.keys},   {"head_size", layer.head_size},
      {"causal", block.causal ? 1 : 0}};
  if (layer.lengths.size() > 1) {
    kernel.shape.push_back({"packed", static_cast<std::int64_t>(layer.lengths.size())});
  }
  return kernel;
}

std::int64_t elements(const SequenceLayer& layer, std::int64_t query_tokens,
                      std::int64_t key_tokens = 0) {
  return matrix_bytes(Precision::int8, layer.batch * layer.head_size,
                      layer.heads * query_tokens + 2 * layer.kv_heads * key_tokens)
      .count();
}

Kernel pass_over(const SequenceLayer& layer, std::int64_t elements, std::int64_t operations,
                 Bytes read, Bytes written) {
  Kernel kernel = elementwise({.elements = elements,
                               .operations_per_element = operations,
                               .read = read,
                               .written = written});
  kernel.host = layer.host;
  return kernel;
}

/// Of keys and values together, those of one.
Kernel half_of(Kernel kernel) {
  kernel.operations = kernel.operations / 2;
  kernel.read = kernel.read / 2;
  kernel.written = kernel.written / 2;
  return kernel;
}

std::vector<Kernel> indexing_kernels(const SequenceLayer& layer,
                                     const std::vector<Bytes>& tensors) {
  std::vector<Kernel> kernels;
  for (const Bytes bytes : tensors) {
    for (Kernel& copy : copying_kernels(layer, bytes)) {
      copy.kind = kIndexKernel;
      kernels.push_back(std::move(copy));
    }
  }
  return kernels;
}

}  // namespace

std::string_view to_string(AttentionMask mask) {
  return mask == AttentionMask::full ? "full" : "causal";
}

std::string_view to_string(TokenLayout layout) {
  if (layout == TokenLayout::contiguous) return "contiguous";
  return layout == TokenLayout::zigzag ? "zigzag" : "striped";
}

std::string_view to_string(MergeKernels kernels) {
  if (kernels == MergeKernels::fused) return "fused";
  return kernels == MergeKernels::scripted ? "scripted" : "pytorch";
}

std::int64_t SequenceLayer::tokens() const {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

Bytes SequenceLayer::query(std::int64_t tokens) const {
  return matrix_bytes(precision, batch * tokens, heads * head_size);
}

Bytes SequenceLayer::key_value(std::int64_t tokens) const {
  return matrix_bytes(precision, batch * tokens, kv_heads * head_size) * 2;
}

Bytes SequenceLayer::log_sum_exp(std::int64_t tokens) const {
  return matrix_bytes(Precision::fp32, batch * tokens, heads);
}

Bytes SequenceLayer::kv_gradient(std::int64_t tokens) const {
  return matrix_bytes(gradients, batch * tokens, kv_heads * head_size) * 2;
}

AttentionBlock block_between(const SequenceLayer& layer, std::int64_t degree, std::int64_t q,
                             std::int64_t k) {
  AttentionBlock sum;
  for (const std::int64_t length : layer.lengths) {
    add(sum, block_of_sequence(layer, length, degree, q, k));
  }
  return sum;
}

AttentionBlock block_of_row(const SequenceLayer& layer, std::int64_t degree, std::int64_t q) {
  AttentionBlock sum;
  for (std::int64_t k = 0; k < degree; ++k) add(sum, block_between(layer, degree, q, k));
  sum.queries = layer.tokens() / degree;
  sum.keys = layer.tokens();
  sum.part = false;
  return sum;
}

AttentionBlock whole_row(const SequenceLayer& layer) {
  return block_between(layer, 1, 0, 0);
}

Kernel attention_kernel(const SequenceLayer& layer, const AttentionBlock& block) {
  Kernel kernel = block_kernel(layer, block, "attention");
  kernel.read = layer.query(block.queries) + layer.key_value(block.keys);
  kernel.written = layer.query(block.queries) + layer.log_sum_exp(block.queries);
  return kernel;
}

Kernel attention_backward_kernel(const SequenceLayer& layer, const AttentionBlock& block) {
  Kernel kernel = block_kernel(layer, block, "attention_backward");
  kernel.operations = kernel.operations * 5 / 2;
  kernel.read = layer.query(block.queries) * 3 + layer.key_value(block.keys) +
                layer.log_sum_exp(block.queries);
  kernel.written = layer.query(block.queries) + layer.key_value(block.keys);
  return kernel;
}

std::vector<Kernel> merge_kernels(const SequenceLayer& layer, const AttentionBlock& block_of) {
  const std::int64_t tokens = block_of.queries;
  const Bytes sum = accumulator(layer, tokens);
  const Bytes block = layer.query(tokens);
  const Bytes row = layer.log_sum_exp(tokens);
  const std::int64_t all = elements(layer, tokens);
  const Kernel merge = pass_over(layer, all, kMerge, sum + block + row * 2, sum + row);
  if (layer.kernels == MergeKernels::fused) return {merge};
  const std::int64_t rows = row.count() / 4;
  const Kernel difference = pass_over(layer, rows, 1, row * 2, row);
  const Kernel function = pass_over(layer, rows, 1, row, row);
  std::vector<Kernel> kernels = {pass_over(layer, all, 0, block, sum),
                                 difference,
                                 function,
                                 pass_over(layer, all, 1, sum * 2, sum),
                                 pass_over(layer, all, 1, sum + row, sum),
                                 pass_over(layer, all, 1, sum * 2, sum),
                                 difference,
                                 function,
                                 difference};
  if (layer.kernels == MergeKernels::scripted) kernels = {merge};
  if (!block_of.part) return kernels;
  std::vector<Kernel> back = {pass_over(layer, all, 0, sum, sum),
                              pass_over(layer, rows, 0, row, row)};
  if (layer.lengths.size() > 1) {
    for (Kernel& each : back) each.kind = kIndexKernel;
    kernels.insert(kernels.begin(), back.begin(), back.end());
  }
  kernels.insert(kernels.end(), back.begin(), back.end());
  return kernels;
}

std::int64_t slices_of(const SequenceLayer& layer, const AttentionBlock& block) {
  if (layer.kernels == MergeKernels::fused || layer.lengths.size() > 1) return 0;
  if (block.part) return 2 * 2 + (block.causal ? 3 : 0);
  return block.keys < block.queries ? 2 : 0;
}

std::vector<Kernel> copying_kernels(const SequenceLayer& layer, Bytes bytes) {
  if (layer.kernels == MergeKernels::fused || bytes == Bytes(0)) return {};
  return {pass_over(layer, bytes.count(), 0, bytes, bytes)};
}

std::vector<Kernel> halving_kernels(const SequenceLayer& layer, std::int64_t own,
                                    SequencePass pass) {
  if (layer.lengths.size() == 1 || layer.layout != TokenLayout::zigzag) return {};
  std::vector<Bytes> taken;
  if (pass == SequencePass::forward) {
    const std::int64_t bounds = 1 + 2 * static_cast<std::int64_t>(layer.lengths.size());
    taken.assign(static_cast<std::size_t>(2 * bounds), Bytes(kBound));
  } else {
    taken = {layer.query(own / 2), layer.query(own / 2), layer.log_sum_exp(own / 2)};
  }
  taken.push_back(layer.query(own / 2));
  return indexing_kernels(layer, taken);
}

std::vector<Kernel> selecting_kernels(const SequenceLayer& layer, const AttentionBlock& block,
                                      std::int64_t own) {
  if (layer.lengths.size() == 1 || block.keys >= own) return {};
  return indexing_kernels(layer,
                          {layer.key_value(block.keys) / 2, layer.key_value(block.keys) / 2});
}

std::vector<Kernel> beginning_kernels(const SequenceLayer& layer, std::int64_t query_tokens,
                                      std::int64_t key_tokens) {
  if (layer.kernels == MergeKernels::fused || query_tokens == 0) return {};
  return {pass_over(layer, elements(layer, query_tokens, key_tokens), 0,
                    layer.query(query_tokens) + layer.key_value(key_tokens),
                    accumulator(layer, query_tokens) + layer.kv_gradient(key_tokens))};
}

Kernel finish_kernel(const SequenceLayer& layer, std::int64_t tokens) {
  return pass_over(layer, elements(layer, tokens), 1, accumulator(layer, tokens),
                   layer.query(tokens));
}

Kernel accumulate_kernel(const SequenceLayer& layer, std::int64_t query_tokens,
                         std::int64_t key_tokens) {
  const Bytes sums = accumulator(layer, query_tokens) + layer.kv_gradient(key_tokens);
  return pass_over(layer, elements(layer, query_tokens, key_tokens), 1,
                   sums + layer.query(query_tokens) + layer.key_value(key_tokens), sums);
}

std::vector<Kernel> accumulate_kernels(const SequenceLayer& layer, const AttentionBlock& block,
                                       std::int64_t own, std::int64_t key_tokens) {
  std::vector<Bytes> indexed;
  if (layer.lengths.size() > 1) {
    if (block.queries < own) indexed.push_back(accumulator(layer, block.queries));
    if (block.keys < own) indexed.insert(indexed.end(), 2, layer.kv_gradient(key_tokens) / 2);
  }
  const std::vector<Kernel> copies = indexing_kernels(layer, indexed);
  std::vector<Kernel> kernels = copies;
  if (layer.kernels == MergeKernels::fused) {
    kernels.push_back(accumulate_kernel(layer, block.queries, key_tokens));
  } else {
    kernels.push_back(accumulate_kernel(layer, block.queries, 0));
    const Kernel both = accumulate_kernel(layer, 0, key_tokens);
    if (key_tokens > 0) kernels.insert(kernels.end(), 2, half_of(both));
  }
  kernels.insert(kernels.end(), copies.begin(), copies.end());
  return kernels;
}

Bytes accumulator(const SequenceLayer& layer, std::int64_t tokens) {
  return matrix_bytes(Precision::fp32, layer.batch * tokens, layer.heads * layer.head_size);
}

std::optional<std::string> layout_refusal(const SequenceLayer& layer, std::int64_t degree) {
  if (degree == 1) return std::nullopt;  // it has all tokens, in their order
  const std::int64_t chunks =
      layer.mask == AttentionMask::causal && layer.layout == TokenLayout::zigzag ? 2 * degree
                                                                                 : degree;
  for (const std::int64_t length : layer.lengths) {
    if (length % chunks == 0) continue;
    return "a sequence of " + std::to_string(length) + " tokens does not divide into " +
           std::to_string(chunks) + " chunks, " +
           (chunks == degree ? "one for each rank" : "two for each rank (layout \"zigzag\")");
  }
  return std::nullopt;
}

double attention_operations(const SequenceLayer& layer, AttentionMask mask) {
  if (layer.linear_block > 0) {
    return 4 * static_cast<double>(layer.batch * layer.tokens()) *
           static_cast<double>(layer.heads * layer.head_size) *
           static_cast<double>(layer.head_size);
  }
  double twice_pairs = 0;
  for (const std::int64_t length : layer.lengths) {
    twice_pairs += static_cast<double>(length) * static_cast<double>(length);
  }
  if (mask == AttentionMask::full) twice_pairs *= 2;
  return 2 * twice_pairs * static_cast<double>(layer.batch * layer.heads) *
         static_cast<double>(layer.head_size);
}

}  // namespace orrery
