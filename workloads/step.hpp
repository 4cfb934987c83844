#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/graph/kernel.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// What one step does to a rank's memory: taken as it starts, freed as it ends.
struct StepMemory {
  Bytes saved{};    // activations kept for the backward pass
  Bytes dropped{};  // saved activations that nothing needs any more
  Bytes buffer{};   // tensors that live between steps of one pass
  Bytes unbuffer{};
};

/// The two blocks of a layer.
enum class Block : unsigned char { attention, feed_forward };
inline constexpr std::size_t kBlocks = 2;

/// Attention that ranks which share a sequence compute together (sequence_parallel.hpp).
enum class SharedCore : unsigned char { forward, backward };

/// One step of a pass over a part of the network, as each rank of a tensor-parallel group runs it:
/// a kernel, or a collective of that group.
struct Step {
  std::string label;                         // "attention.qkv"
  std::optional<CollectiveKind> collective;  // none: a kernel
  Kernel kernel;
  Bytes bytes;  // of the collective
  /// In a kernel's place. `memory.saved` is then what the method keeps, and it has its own buffers.
  std::optional<SharedCore> shared = {};
  bool of_linear_layer = false;  // of what is shared
  StepMemory memory;
  std::int64_t gradients = 0;  // parameters of this rank whose gradient is finished here
  /// The steps it waits for, counted back from itself; before the first: whatever came before the
  /// pass. The last step of a pass is a kernel that comes after all others.
  std::vector<int> after = {1};
  /// Of a product whose stores trigger the reduction that is the next step: blocks of a chunk
  /// (tensor_overlap.hpp); 0: they do not.
  std::int64_t blocks = 0;
  bool weights_only = false;  // of a backward pass: gives nothing but gradients of weights
  /// A step of the attention core: of what it saves, selective recomputation keeps so much.
  std::optional<Bytes> kept;
  bool uses_core = false;  // the first step back that needs what the core saved
  /// A collective that runs beside what comes next, until a step waits for the last one of this
  /// block (the handle of an asynchronous all-reduce).
  std::optional<Block> posts;
  std::vector<Block> waits_for;
};
using Steps = std::vector<Step>;

Step kernel_step(std::string label, Kernel kernel, StepMemory memory = {});
Step collective_step(std::string label, CollectiveKind kind, Bytes bytes);
Step shared_step(SharedCore core, bool of_linear_layer);

/// The two passes over one part of the network.
struct Passes {
  Steps forward;
  Steps backward;
};

/// What one micro-batch is, and how a tensor-parallel group divides the work on it.
struct Division {
  std::int64_t micro_batch = 1;  // sequences
  std::int64_t sequence_length = 1;
  std::int64_t tensor = 1;         // ranks; divides heads, feed_forward and the padded vocabulary
  std::int64_t sequence = 1;       // ranks that share each sequence; divides sequence_length
  bool sequence_parallel = false;  // only with tensor > 1, which then divides sequence_length
  bool flash_attention = true;     // else the matrix of scores is materialized
  bool dropout = false;
  bool megatron_kernels = false;  // passes of their own, see separate_passes.hpp; needs sequential
                                  // layers without latent attention
  Precision precision = Precision::bf16;
  bool fp8_linear = false;  // the linear maps of layers multiply in fp8
  Bytes gradient_element{4};
  /// Lengths of the sequences that each row of the micro-batch is packed from; they add up to
  /// sequence_length, and no token sees another sequence than its own. Empty: one sequence.
  std::vector<std::int64_t> packed = {};
  /// Lengths of documents from which the rows of all micro-batches are cut (document_stream.hpp).
  /// What attention does then depends on the micro-batch; the kernels of a Division count whole
  /// rows, as without documents.
  std::vector<std::int64_t> documents = {};
  std::string lengths_digest = {};  // of the file that either was read from; "" where none was

  std::int64_t whole_tokens() const { return micro_batch * sequence_length; }
  /// Of a rank, or of its tensor-parallel group.
  std::int64_t tokens() const { return whole_tokens() / sequence; }
  /// Tokens of which a rank holds the hidden state between the tensor-parallel regions.
  std::int64_t own_tokens() const { return sequence_parallel ? tokens() / tensor : tokens(); }
};

}  // namespace orrery
