#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "traces/chakra.hpp"
#include "traces/chakra_fields.hpp"
#include "traces/chakra_kernel.hpp"
#include "traces/trace_error.hpp"
#include "traces/trace_file.hpp"

namespace orrery {
namespace {

using chakra::Node;
using chakra::NodeType;
using chakra::Value;

class Reader {
 public:
  Reader(std::span<const std::string> paths, const ChakraOptions& options)
      : paths_(paths), options_(&options) {
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
    group_names_.clear();
    std::unordered_map<std::uint64_t, std::uint32_t> place;  // by id; only looked up
    for (const Node& node : file.nodes) {
      if (node.type == NodeType::metadata) read_groups(node);
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

  [[noreturn]] void fail(const Node& node, const std::string& what) const {
    throw TraceError(*path_ + ": node " + std::to_string(node.id) + ", \"" + node.name +
                     "\": " + what);
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
      } else if (rank_ == 0) {
        programs_.notes.emplace_back(key, value.text);
      }
    }
  }

  void read_groups(const Node& node) {
    for (chakra::Group& group : chakra::groups_in(node, *path_)) {
      for (const Rank rank : group.ranks) {
        if (static_cast<std::size_t>(rank) < paths_.size()) continue;
        fail(node, "group \"" + group.name + "\" has the rank " + std::to_string(rank) + " of " +
                       std::to_string(paths_.size()));
      }
      if (group.ranks.empty()) group.ranks = everybody();
      group_names_[group.name] = group_of(std::move(group.ranks));
    }
  }

  std::vector<Rank> everybody() const {
    std::vector<Rank> ranks(paths_.size());
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }

  std::uint32_t group_of(std::vector<Rank> ranks) {
    const auto [place, is_new] =
        groups_.try_emplace(ranks, static_cast<std::uint32_t>(programs_.groups.size()));
    if (is_new) programs_.groups.push_back(std::move(ranks));
    return place->second;
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
        if (op.stream == RankOp::kNone) op.stream = programs_.names.intern("metadata");
        op.took = Duration(0);
        break;
    }
    if (op.category == RankOp::kNone) op.category = default_category(op);
    return op;
  }

  /// What the schema has no field for, where we wrote the file.
  void read_ours(const Node& node, RankOp& op) {
    if (const Value* stream = node.find("stream")) {
      if (!stream->text.empty()) op.stream = programs_.names.intern(stream->text);
    }
    if (const Value* category = node.find("category")) {
      op.category = programs_.names.intern(category->text);
    }
    op.priority = static_cast<std::int16_t>(node.integer("priority"));
    if (const Value* exact = node.find("duration_ps")) op.took = Duration(exact->integer);
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

  Bytes size(const Node& node, const char* name) const {
    const std::int64_t bytes = node.integer(name);
    if (bytes < 0) fail(node, std::string(name) + " is " + std::to_string(bytes));
    return Bytes(bytes);
  }

  void read_message(const Node& node, RankOp& op) {
    const bool sends = node.type == NodeType::comm_send;
    op.kind = sends ? RankOp::Kind::send : RankOp::Kind::receive;
    const std::int64_t peer = node.integer(sends ? "comm_dst" : "comm_src", -1);
    if (peer < 0 || peer >= static_cast<std::int64_t>(paths_.size())) {
      fail(node, std::string(sends ? "sends to" : "receives from") + " rank " +
                     std::to_string(peer) + " of " + std::to_string(paths_.size()));
    }
    op.peer = static_cast<Rank>(peer);
    op.tag = static_cast<std::uint64_t>(node.integer("comm_tag"));
    op.bytes = size(node, "comm_size");
  }

  void read_collective(const Node& node, RankOp& op) {
    op.kind = RankOp::Kind::collective;
    const std::int64_t type = node.integer("comm_type");
    if (type < 0 || type >= static_cast<std::int64_t>(chakra::kCollectives.size())) {
      fail(node, "comm_type is " + std::to_string(type) + ", which the schema does not have");
    }
    op.collective = chakra::kCollectives[static_cast<std::size_t>(type)];
    op.bytes = size(node, "comm_size");
    op.root = static_cast<std::uint32_t>(node.integer("root"));
    if (const Value* dimensions = node.find("involved_dim")) {
      for (const std::int64_t involved : dimensions->integers) {
        if (involved == 0) fail(node, "involves some dimensions of a topology: name its group");
      }
    }
    const Value* group = node.find("pg_name");
    const std::string name = group == nullptr ? "" : group->text;
    const auto known = group_names_.find(name);
    if (known != group_names_.end()) {
      op.group = known->second;
    } else if (name.empty() || name == "0") {
      op.group = group_of(everybody());
    } else {
      fail(node, "runs in group \"" + name + "\", which no metadata node gives");
    }
    if (op.root >= programs_.groups[op.group].size()) fail(node, "its root is not in its group");
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
    if (node.integer("is_cpu_op") != 0) {
      if (op.stream == RankOp::kNone) op.stream = programs_.names.intern("cpu");
      return;
    }
    if (op.stream == RankOp::kNone) op.stream = programs_.names.intern("compute");
    if (options_->durations == ChakraOptions::Durations::recorded) return;
    std::optional<Kernel> kernel;
    std::string key;
    if (const Value* text = node.find("kernel")) {
      key = text->text;
      if (!kernels_.contains(key)) kernel = kernel_from(key, *path_);
    } else if (node.integer("num_ops") > 0 || node.integer("tensor_size") > 0) {
      key = std::to_string(node.integer("num_ops")) + "/" +
            std::to_string(node.integer("tensor_size"));
      kernel.emplace();
      kernel->kind = "chakra";
      kernel->precision = options_->precision;
      kernel->operations = Flops(std::max<std::int64_t>(0, node.integer("num_ops")));
      kernel->read = size(node, "tensor_size");
    } else {
      return;  // nothing to price: what was recorded
    }
    const auto [place, is_new] =
        kernels_.try_emplace(key, static_cast<std::uint32_t>(programs_.kernels.size()));
    if (is_new) programs_.kernels.push_back(*kernel);
    op.kind = RankOp::Kind::compute;
    op.kernel = place->second;
  }

  void read_memory(const Node& node, RankOp& op) {
    if (options_->durations == ChakraOptions::Durations::recorded && op.took > Duration(0)) {
      if (op.stream == RankOp::kNone) op.stream = programs_.names.intern("copy");
      return;
    }
    op.kind = RankOp::Kind::copy;
    op.copy = node.type == NodeType::mem_load ? CopyKind::host_to_device : CopyKind::device_to_host;
    op.bytes = size(node, "tensor_size");
  }

  std::span<const std::string> paths_;
  const ChakraOptions* options_;
  RankPrograms programs_;
  const std::string* path_ = nullptr;
  Rank rank_ = 0;
  std::uint64_t missing_ = 0;
  std::map<std::string, std::uint32_t> group_names_;  // of the rank at hand
  std::map<std::vector<Rank>, std::uint32_t> groups_;
  std::map<std::vector<std::int64_t>, std::uint32_t> tables_;
  std::map<std::string, std::uint32_t> kernels_;
};

}  // namespace

RankPrograms read_chakra(std::span<const std::string> paths, const ChakraOptions& options) {
  return Reader(paths, options).read();
}

}  // namespace orrery
