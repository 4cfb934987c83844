#pragma once

#include <string>
#include <vector>

#include "sim/graph/task_graph.hpp"

namespace orrery {

/// Bytes that were read from devices' memories and written to them, by what for: the category of
/// the op (of a compute without one: "compute"). A write that memory adds to what is there counts
/// once, as a write; one that cores of the receiver add counts as a write and a read.
class MemoryTraffic {
 public:
  struct Part {
    std::string category;
    double read = 0;  // bytes, over all ranks
    double written = 0;
  };

  explicit MemoryTraffic(const TaskGraph& graph)
      : graph_(&graph), parts_(graph.label_count() + 1) {}

  void add(const Op& op, double read, double written) {
    Amounts& of = parts_[op.category.valid() ? op.category.index() + 1 : 0];
    of.read += read;
    of.written += written;
  }
  /// Those that moved anything, in the order in which the graph names them.
  std::vector<Part> parts() const {
    std::vector<Part> result;
    for (std::size_t index = 0; index < parts_.size(); ++index) {
      const Amounts& of = parts_[index];
      if (of.read <= 0 && of.written <= 0) continue;
      result.push_back(
          {index == 0 ? "compute" : graph_->text(LabelId(index - 1)), of.read, of.written});
    }
    return result;
  }

 private:
  struct Amounts {
    double read = 0;
    double written = 0;
  };

  const TaskGraph* graph_;
  std::vector<Amounts> parts_;  // by label, from 1; 0: no category
};

}  // namespace orrery
