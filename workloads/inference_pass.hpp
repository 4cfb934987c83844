#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "workloads/architecture.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/network.hpp"
#include "workloads/step.hpp"
#include "workloads/tensor_overlap.hpp"

namespace orrery {

/// Whose kernels run: those of vLLM, fused; or those of PyTorch's gpt-fast (gpt_fast.hpp).
enum class InferenceKernels : unsigned char { fused, gpt_fast };

/// How a tensor-parallel group holds a network for inference: no gradients, nothing saved but keys
/// and values.
struct InferenceForm {
  std::int64_t tensor = 1;                // ranks; divides heads and feed_forward
  std::int64_t sequence = 1;              // ranks that share a prompt; only prefill
  Precision precision = Precision::bf16;  // of arithmetic and of what goes between kernels
  /// As stored, of the linear maps in the layers; read in this size and made `precision` inside the
  /// kernel. Scales of groups of weights are left out. Embedding, head, norms and biases stay in
  /// `precision`, as in GPTQ's and AWQ's checkpoints.
  Precision weights = Precision::bf16;
  Precision kv = Precision::bf16;  // keys and values as cached
  Architecture architecture = Architecture::standard;
  bool divides_vocabulary = true;  // else each rank has all of embedding and head
  InferenceKernels kernels = InferenceKernels::fused;
  TensorOverlap overlap = {};
  /// Of gpt-fast: decode attends to all of a cache of so many tokens.
  std::int64_t static_keys = 0;

  /// Ranks that share embedding and head.
  std::int64_t vocabulary_ranks() const { return divides_vocabulary ? tensor : 1; }
};

/// What goes through the network at once: `tokens` new tokens of each sequence, after `cached`
/// ones; where ranks share sequences those of one rank.
struct InferencePass {
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;
  std::int64_t cached = 0;

  std::int64_t rows() const { return sequences * tokens; }
  std::int64_t context() const { return cached + tokens; }
  /// One new token of each sequence: also the prefill of prompts of one token.
  bool decodes() const { return tokens == 1; }
};

/// The hidden state of all tokens of a pass; each rank holds it whole.
Bytes pass_state(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass);

/// Makes the steps of one pass on one rank, each of which follows the one before. Borrows what it
/// is given.
class PassSteps {
 public:
  /// What a step does with the buffer that it reads, or that its map has been done already.
  enum class Input : unsigned char { freed, kept, mapped };

  PassSteps(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass)
      : shape_(shape), form_(form), pass_(pass) {}

  const NetworkShape& shape() const { return shape_; }
  const InferenceForm& form() const { return form_; }
  const InferencePass& pass() const { return pass_; }
  /// The same, for what training and inference share.
  Division division() const;
  Bytes state() const { return pass_state(shape_, form_, pass_); }
  /// So wide a vector for each new token.
  Bytes activations(std::int64_t width) const;

  void add(std::string label, Kernel kernel, StepMemory memory = {});
  /// Attention that ranks compute together; memory as of the kernel in whose place it stands.
  void share(StepMemory memory);
  /// Of a vector of each new token, or of parts of it.
  void norm(std::string label, std::int64_t width, StepMemory memory);
  /// Adds a block's output to the residual stream and normalises the sum, in one kernel; the normed
  /// state takes the output's place.
  void residual_norm(std::string label);
  /// The normed state of a block: as above of the block before; of ladder of that before it, once
  /// its all-reduce has come, by a kernel of its own (as its code has it).
  void enter(Block block);
  /// Adds a block's output to the residual stream, once those all-reduces have come.
  void residual(std::string label, std::vector<Block> waits_for);
  void linear(const LinearMap& map, Input input = Input::freed);
  /// Of so many rows, which are not those of the pass only for logits.
  Kernel product(std::int64_t rows, std::int64_t out, std::int64_t in) const;
  bool of_gpt_fast() const { return form_.kernels == InferenceKernels::gpt_fast; }
  /// Whether each operation is a pass over memory of its own.
  bool eager() const { return of_gpt_fast() && !pass_.decodes(); }
  /// Whether linear maps have one row, and are reductions that a compiler makes.
  bool multiplies_rows() const { return of_gpt_fast() && pass_.rows() == 1; }
  Step& last() { return steps_.back(); }
  /// A linear map of each head apart, in one kernel: label, sizes of a head.
  void linear_by_head(const LinearMap& map, StepMemory memory);
  /// Of a hidden state; nothing on one rank, nor of the upper bound. Of a block's output in ladder
  /// what comes next does not wait for it.
  void all_reduce(const std::string& label, std::optional<Block> block = std::nullopt);
  void all_gather(const std::string& label, Bytes bytes);

  Steps take() { return std::move(steps_); }

 private:
  const NetworkShape& shape_;
  const InferenceForm& form_;
  const InferencePass& pass_;
  Steps steps_;
};

}  // namespace orrery
