#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include "traces/chakra.hpp"
#include "traces/chakra_attributes.hpp"
#include "traces/chakra_groups.hpp"
#include "traces/chakra_kernel.hpp"
#include "traces/trace_error.hpp"
#include "traces/trace_file.hpp"

namespace orrery {
namespace {

using chakra::Attributes;
using chakra::Node;
using chakra::NodeType;
using chakra::Value;

class Reader {
 public:
  Reader(std::span<const std::string> paths, const ChakraOptions& options)
      : paths_(paths), options_(&options), groups_(programs_, paths.size()) {
    programs_.ranks.resize(paths.size());
  }

  RankPrograms read() {
    for (std::size_t rank = 0; rank < paths_.size(); ++rank) read_rank(static_cast<Rank>(rank));
    if (missing_ > 0) {
      programs_.left_out.push_back({"left_out_dependencies", missing_,
                                    "Dependencies on nodes that the traces do not hold, which were "
                                    "left out."});
    }
    return std::move(programs_);
  }

 private:
  void read_rank(Rank rank) {
    path_ = &paths_[static_cast<std::size_t>(rank)];
    rank_ = rank;
    const chakra::File file = chakra::read(read_trace_file(*path_), *path_);
    read_notes(file);
    groups_.begin_file();
    std::unordered_map<std::uint64_t, std::uint32_t> place;  // by id; only looked up
    for (const Node& node : file.nodes) {
      if (node.type == NodeType::metadata) groups_.read(node, *path_);
      place.emplace(node.id, static_cast<std::uint32_t>(place.size()));
    }
    std::vector<RankOp>& program = programs_.ranks[static_cast<std::size_t>(rank)];
    for (const Node& node : file.nodes) {
      program.push_back(op_of(node));
      for (const std::uint64_t before : node.after) {
        const auto found = place.find(before);
        if (found != place.end()) {
          program.back().after.push_back(found->second);
        } else if (options_->missing_is_error) {
          fail(node, "depends on node " + std::to_string(before) + ", which is not there");
        } else {
          ++missing_;
        }
      }
    }
  }

  Attributes attributes(const Node& node) const { return {node, *path_}; }
  [[noreturn]] void fail(const Node& node, const std::string& what) const {
    attributes(node).fail(what);
  }

  /// Of the whole job; every file has them.
  void read_notes(const chakra::File& file) {
    for (const auto& [name, value] : file.attributes) {
      if (!name.starts_with(kNotePrefix)) continue;
      const std::string key = name.substr(kNotePrefix.size());
      if (key == kStaticMemoryNote) {
        for (const MemoryNote& note : memory_notes(value.text, *path_)) {
          programs_.static_memory.push_back(
              {rank_, programs_.names.intern(note.category), note.taken});
        }
      } else if (rank_ == 0 && key == kHostCategoriesNote) {
        programs_.host_categories = value.texts;
      } else if (rank_ == 0 && key == kFirstReadyNote) {
        for (const std::string& stream : value.texts) {
          programs_.first_ready.push_back(programs_.names.intern(stream));
        }
      } else if (rank_ == 0) {
        programs_.notes.emplace_back(key, value.text);
      }
    }
  }

  RankOp op_of(const Node& node) {
    RankOp op;
    op.label = programs_.names.intern(node.name);
    op.category = RankOp::kNone;
    op.start = node.start;
    op.took = node.took;
    read_ours(node, op);
    switch (node.type) {
      case NodeType::comm_send:
      case NodeType::comm_recv:
        read_message(node, op);
        break;
      case NodeType::comm_coll:
        read_collective(node, op);
        break;
      case NodeType::comp:
        read_compute(node, op);
        break;
      case NodeType::mem_load:
      case NodeType::mem_store:
        read_memory(node, op);
        break;
      default:
        op.took = Duration(0);
        break;
    }
    if (op.category == RankOp::kNone) op.category = default_category(op);
    return op;
  }

  /// What the schema has no field for, where we wrote the file.
  void read_ours(const Node& node, RankOp& op) {
    const std::string stream = attributes(node).name("stream");
    if (!stream.empty()) op.stream = programs_.names.intern(stream);
    if (const Value* category = node.find("category")) {
      op.category = programs_.names.intern(category->text);
    }
    using Priority = std::numeric_limits<std::int16_t>;
    const std::int64_t priority = attributes(node).integer("priority", 0);
    if (priority < Priority::min() || priority > Priority::max()) {
      fail(node, "priority is " + std::to_string(priority));
    }
    op.priority = static_cast<std::int16_t>(priority);
    op.took = Duration(attributes(node).amount("duration_ps", node.took.count()));
    if (const Value* memory = node.find("memory")) {
      for (const MemoryNote& note : memory_notes(memory->text, *path_)) {
        op.memory.push_back({programs_.names.intern(note.category), note.taken, note.freed});
      }
    }
  }

  std::uint32_t default_category(const RankOp& op) {
    const bool moves = op.kind == RankOp::Kind::collective || op.kind == RankOp::Kind::send ||
                       op.kind == RankOp::Kind::receive || op.kind == RankOp::Kind::copy;
    return programs_.names.intern(moves ? "communication" : "compute");
  }

  void read_message(const Node& node, RankOp& op) {
    const bool sends = node.type == NodeType::comm_send;
    op.kind = sends ? RankOp::Kind::send : RankOp::Kind::receive;
    const std::int64_t peer = attributes(node).integer(sends ? "comm_dst" : "comm_src");
    if (peer < 0 || peer >= static_cast<std::int64_t>(paths_.size())) {
      fail(node, std::string(sends ? "sends to" : "receives from") + " rank " +
                     std::to_string(peer) + " of " + std::to_string(paths_.size()));
    }
    op.peer = static_cast<Rank>(peer);
    op.tag = static_cast<std::uint64_t>(attributes(node).integer("comm_tag", 0));
    op.bytes = Bytes(attributes(node).amount("comm_size"));
    if (const Value* movement = node.find("movement")) {
      op.movement = movement_from(movement->text, *path_);
    }
  }

  void read_collective(const Node& node, RankOp& op) {
    op.kind = RankOp::Kind::collective;
    const Attributes given = attributes(node);
    op.collective = given.collective();
    const bool needs_size = op.collective != CollectiveKind::barrier;
    op.bytes = Bytes(needs_size ? given.amount("comm_size") : given.amount("comm_size", 0));
    const std::int64_t root = given.amount("root", 0);
    if (const Value* dimensions = node.find("involved_dim")) {
      for (const std::int64_t involved : dimensions->integers) {
        if (involved == 0) fail(node, "involves some dimensions of a topology: name its group");
      }
    }
    op.group = groups_.find(given);
    if (root >= static_cast<std::int64_t>(programs_.groups[op.group].size())) {
      fail(node, "its root is not in its group");
    }
    op.root = static_cast<std::uint32_t>(root);
    if (const Value* exact = node.find("collective")) {
      for (const CollectiveKind kind : kCollectiveKinds) {
        if (to_string(kind) == exact->text) op.collective = kind;
      }
    }
    if (op.collective == CollectiveKind::all_to_all_v) read_sizes(node, op);
  }

  void read_sizes(const Node& node, RankOp& op) {
    const Value* sizes = node.find("sizes");
    const std::size_t members = programs_.groups[op.group].size();
    if (sizes == nullptr || sizes->integers.size() != members * members) {
      fail(node, "an all_to_all_v needs " + std::to_string(members * members) + " sizes");
    }
    const auto [place, is_new] =
        tables_.try_emplace(sizes->integers, static_cast<std::uint32_t>(programs_.sizes.size()));
    if (is_new) {
      std::vector<Bytes> bytes;
      for (const std::int64_t each : sizes->integers) {
        if (each < 0) fail(node, "a size is negative");
        bytes.emplace_back(each);
      }
      programs_.sizes.push_back(
          std::make_shared<SizeTable>(static_cast<int>(members), std::move(bytes)));
    }
    op.sizes = place->second;
  }

  void read_compute(const Node& node, RankOp& op) {
    const Attributes given = attributes(node);
    const std::int64_t operations = given.integer("num_ops", 0);
    const std::int64_t bytes = given.amount("tensor_size", 0);
    if (given.integer("is_cpu_op", 0) != 0) {
      if (op.stream == RankOp::kNone) op.stream = first_ready("cpu");
      return;
    }
    if (op.stream == RankOp::kNone) op.stream = first_ready("compute");
    if (options_->durations == ChakraOptions::Durations::recorded) return;
    std::optional<Kernel> kernel;
    std::string key;
    if (const Value* text = node.find("kernel")) {
      key = text->text;
      if (!kernels_.contains(key)) kernel = kernel_from(key, *path_);
    } else if (operations > 0 || bytes > 0) {
      key = std::to_string(operations) + "/" + std::to_string(bytes);
      kernel.emplace();
      kernel->kind = "chakra";
      kernel->precision = options_->precision;
      kernel->operations = Flops(std::max<std::int64_t>(0, operations));
      kernel->read = Bytes(bytes);
    } else {
      return;  // nothing to price: what was recorded
    }
    const auto [place, is_new] =
        kernels_.try_emplace(key, static_cast<std::uint32_t>(programs_.kernels.size()));
    if (is_new) programs_.kernels.push_back(*kernel);
    op.kind = RankOp::Kind::compute;
    op.kernel = place->second;
    op.tracked = Bytes(given.amount("tracked_bytes", 0));
    op.triggered = Bytes(given.amount("triggered_bytes", 0));
  }

  /// For nodes that the file puts on no stream.
  std::uint32_t first_ready(const char* stream) {
    const std::uint32_t name = programs_.names.intern(stream);
    auto& all = programs_.first_ready;
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    return name;
  }

  void read_memory(const Node& node, RankOp& op) {
    if (options_->durations == ChakraOptions::Durations::recorded && op.took > Duration(0)) {
      if (op.stream == RankOp::kNone) op.stream = first_ready("copy");
      return;
    }
    op.kind = RankOp::Kind::copy;
    op.copy = node.type == NodeType::mem_load ? CopyKind::host_to_device : CopyKind::device_to_host;
    op.bytes = Bytes(attributes(node).amount("tensor_size"));
  }

  std::span<const std::string> paths_;
  const ChakraOptions* options_;
  RankPrograms programs_;
  const std::string* path_ = nullptr;
  Rank rank_ = 0;
  std::uint64_t missing_ = 0;
  chakra::GroupTable groups_;
  std::map<std::vector<std::int64_t>, std::uint32_t> tables_;
  std::map<std::string, std::uint32_t> kernels_;
};

}  // namespace

RankPrograms read_chakra(std::span<const std::string> paths, const ChakraOptions& options) {
  return Reader(paths, options).read();
}

}  // namespace orrery
