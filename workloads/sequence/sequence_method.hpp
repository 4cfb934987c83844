#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"
#include "sim/base/registry.hpp"
#include "workloads/sequence/sequence_graph.hpp"
#include "workloads/sequence/sequence_layer.hpp"

namespace orrery {

/// Why a method cannot run a layer, and by which key of the scenario it could be mended.
struct SequenceRefusal {
  std::string key;  // "degree", "method", "layout", "mask"
  std::string message;
};

/// How the ranks of a group compute one attention layer together, each with N/P of the tokens.
///
/// A method writes its ops into a SequenceGraph, forward and backward; it knows no hardware. What
/// it is given and leaves, on every rank:
///
///   forward    Q, K and V are there (activations, taken by the caller, as large as inputs() says);
///              leaves besides what saved() says (activations): the output and its log-sum-exp at
///              least
///   backward   the output's gradient is there (a buffer); leaves dQ, dK and dV (a buffer, as large
///              as inputs()) and gives back everything else, Q, K, V, output and gradient too
///
/// Of a linear layer Q and K are the mapped ones; a method that is not for such runs it as though
/// it had a softmax, with all pairs of tokens.
///
/// Both take what they need between (buffers), begin after `after` (none: at once) and return the
/// op that comes last on every rank, on all positions, so that the next can wait for it alone.
///
/// To add one: a `.cpp` in this folder with a class and a factory, declared in builtin.hpp and
/// listed in builtin.cpp, a line in workloads/CMakeLists.txt, a case in
/// tests/workloads/sequence_methods_test.cpp. To use them: read_sequence_method, refusal, then for
/// each layer forward and backward with a SequenceGraph of the groups.
class SequenceMethod {
 public:
  virtual ~SequenceMethod() = default;

  /// Whether it is of linear attention alone, and never of a softmax.
  virtual bool is_linear() const { return false; }
  /// Nothing when it can run the layer on groups of so many ranks.
  virtual std::optional<SequenceRefusal> refusal(const SequenceLayer& layer,
                                                 std::int64_t degree) const = 0;
  virtual OpId forward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const = 0;
  virtual OpId backward(SequenceGraph& graph, const SequenceLayer& layer, OpId after) const = 0;

  /// Q, K and V of a rank, before: of its own tokens, unless the method divides otherwise.
  virtual Bytes inputs(const SequenceLayer& layer, std::int64_t degree) const;
  /// Activations that `forward` leaves on a rank.
  virtual Bytes saved(const SequenceLayer& layer, std::int64_t degree) const;
  /// What all ranks of a group send together: the closed form of the publication, which the graph
  /// must come to. Collectives count as rings and pairwise exchanges move them: (P-1) B for an
  /// all-gather, a reduce-scatter or an all-to-all whose full buffer on a rank (TaskGraph) is B.
  virtual Bytes sent_forward(const SequenceLayer& layer, std::int64_t degree) const = 0;
  virtual Bytes sent_backward(const SequenceLayer& layer, std::int64_t degree) const = 0;

  /// The key "method" as read_sequence_method reads it, with what was left out.
  virtual JsonValue resolved() const = 0;
};

/// Reads the keys of an object but "kind".
using SequenceMethodFactory = std::unique_ptr<SequenceMethod> (*)(JsonCursor parameters);

Registry<SequenceMethodFactory> builtin_sequence_methods();

/// A name, or {"kind": name, …}; null after a mistake, which goes to the cursor's diagnostics.
std::unique_ptr<SequenceMethod> read_sequence_method(JsonCursor cursor);

}  // namespace orrery
