#include <algorithm>

#include "traces/atomic_file.hpp"
#include "traces/chakra.hpp"
#include "traces/chakra_fields.hpp"
#include "traces/chakra_kernel.hpp"
#include "traces/protobuf.hpp"

namespace orrery {
namespace {

using namespace chakra;

constexpr const char* kVersion = "0.0.4";
constexpr std::int64_t kPicosecondsPerMicrosecond = 1'000'000;

class Attributes {
 public:
  Attributes(ProtobufWriter& message, std::uint32_t field) : message_(&message), field_(field) {}

  /// As the schema's own writers have them: an integer is an int64.
  void integer(std::string_view name, std::int64_t value) {
    ProtobufWriter attribute = named(name);
    attribute.integer(kInt64, value);
    message_->message(field_, attribute);
  }
  void amount(std::string_view name, std::int64_t value) {
    ProtobufWriter attribute = named(name);
    attribute.integer(kUint64, value);
    message_->message(field_, attribute);
  }
  void boolean(std::string_view name, bool value) {
    ProtobufWriter attribute = named(name);
    attribute.varint(kBool, value ? 1 : 0);
    message_->message(field_, attribute);
  }
  void text(std::string_view name, std::string_view value) {
    ProtobufWriter attribute = named(name);
    attribute.bytes(kString, value);
    message_->message(field_, attribute);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    ProtobufWriter list;
    for (const std::string& value : values) list.bytes(kListValues, value);
    ProtobufWriter attribute = named(name);
    attribute.message(kString + 1, list);
    message_->message(field_, attribute);
  }
  void integers(std::string_view name, const std::vector<std::int64_t>& values) {
    ProtobufWriter packed;
    for (const std::int64_t value : values) packed.element(static_cast<std::uint64_t>(value));
    ProtobufWriter list;
    list.message(kListValues, packed);
    ProtobufWriter attribute = named(name);
    attribute.message(kInt64 + 1, list);
    message_->message(field_, attribute);
  }

 private:
  static ProtobufWriter named(std::string_view name) {
    ProtobufWriter attribute;
    attribute.bytes(kAttributeName, name);
    return attribute;
  }

  ProtobufWriter* message_;
  std::uint32_t field_;
};

NodeType type_of(const RankOp& op) {
  switch (op.kind) {
    case RankOp::Kind::send:
      return NodeType::comm_send;
    case RankOp::Kind::receive:
      return NodeType::comm_recv;
    case RankOp::Kind::collective:
      return NodeType::comm_coll;
    case RankOp::Kind::copy:
      return op.copy == CopyKind::host_to_device ? NodeType::mem_load : NodeType::mem_store;
    default:
      return NodeType::comp;
  }
}

/// The nearest that the schema has.
std::int64_t type_of(CollectiveKind kind) {
  if (kind == CollectiveKind::all_to_all_v || kind == CollectiveKind::send_recv) {
    kind = CollectiveKind::all_to_all;
  }
  return std::find(kCollectives.begin(), kCollectives.end(), kind) - kCollectives.begin();
}

/// One rank's file. Node 0 gives the groups, node k + 1 is the k-th op.
class Writer {
 public:
  Writer(const RankPrograms& programs, Rank rank, const std::string& path)
      : programs_(&programs), rank_(rank), file_(path) {}

  void write() {
    ProtobufWriter metadata;
    metadata.bytes(kMetadataVersion, kVersion);
    Attributes notes(metadata, kMetadataAttributes);
    const auto name = [](std::string_view key) { return std::string(kNotePrefix).append(key); };
    for (const auto& [key, value] : programs_->notes) notes.text(name(key), value);
    if (!programs_->host_categories.empty()) {
      notes.texts(name(kHostCategoriesNote), programs_->host_categories);
    }
    if (!programs_->first_ready.empty()) {
      std::vector<std::string> streams;
      for (const std::uint32_t stream : programs_->first_ready) {
        streams.push_back(programs_->names.text(stream));
      }
      notes.texts(name(kFirstReadyNote), streams);
    }
    std::vector<MemoryNote> memory;
    for (const RankPrograms::StaticMemory& each : programs_->static_memory) {
      if (each.rank == rank_) {
        memory.push_back({programs_->names.text(each.category), each.bytes, Bytes(0)});
      }
    }
    if (!memory.empty()) notes.text(name(kStaticMemoryNote), memory_text(memory));
    write_record(metadata);
    write_groups();
    const std::vector<RankOp>& program = programs_->ranks[static_cast<std::size_t>(rank_)];
    for (std::size_t i = 0; i < program.size(); ++i) write_node(i + 1, program[i]);
    file_.commit();
  }

 private:
  void write_record(const ProtobufWriter& message) {
    ProtobufWriter size;
    size.element(message.text().size());
    file_.write(size.text());
    file_.write(message.text());
  }

  /// Those that the rank is in, as PyTorch's traces have them; "0" is everybody to readers.
  void write_groups() {
    std::string text;
    for (std::size_t group = 0; group < programs_->groups.size(); ++group) {
      const std::vector<Rank>& ranks = programs_->groups[group];
      if (std::find(ranks.begin(), ranks.end(), rank_) == ranks.end()) continue;
      if (!text.empty()) text += ", ";
      text += "{\"pg_name\": \"" + std::to_string(group + 1) + "\", \"ranks\": [";
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        if (i > 0) text += ", ";
        text += std::to_string(ranks[i]);
      }
      text += "]}";
    }
    if (text.empty()) return;
    ProtobufWriter inputs;
    inputs.bytes(kInputValues, "['[" + text + "]']");
    ProtobufWriter node;
    node.bytes(kNodeName, "## process_group:init ##");
    node.varint(kNodeType, static_cast<std::uint64_t>(NodeType::metadata));
    node.message(kNodeInputs, inputs);
    write_record(node);
  }

  void write_node(std::size_t id, const RankOp& op) {
    ProtobufWriter node;
    node.varint(kNodeId, id);
    node.bytes(kNodeName, programs_->names.text(op.label));
    node.varint(kNodeType, static_cast<std::uint64_t>(type_of(op)));
    ProtobufWriter after;
    for (const std::uint32_t before : op.after) after.element(before + 1);
    if (!op.after.empty()) node.message(kNodeData, after);
    const std::int64_t start = op.start ? op.start->picoseconds() / kPicosecondsPerMicrosecond : 0;
    if (start > 0) node.integer(kNodeStart, start);
    if (op.took && *op.took > Duration(0)) {  // rounded up: 0 is no time at all
      node.integer(kNodeDuration, (op.took->count() + kPicosecondsPerMicrosecond - 1) /
                                      kPicosecondsPerMicrosecond);
    }
    Attributes attributes(node, kNodeAttributes);
    attributes.boolean("is_cpu_op", op.kind == RankOp::Kind::delay);
    write_kind(op, attributes);
    if (op.stream != RankOp::kNone) attributes.text("stream", programs_->names.text(op.stream));
    if (op.category != RankOp::kNone) {
      attributes.text("category", programs_->names.text(op.category));
    }
    if (op.priority != 0) attributes.integer("priority", op.priority);
    if (op.took) attributes.integer("duration_ps", op.took->count());
    std::vector<MemoryNote> memory;
    for (const RankOp::MemoryChange& change : op.memory) {
      memory.push_back({programs_->names.text(change.category), change.taken, change.freed});
    }
    if (!memory.empty()) attributes.text("memory", memory_text(memory));
    write_record(node);
  }

  void write_kind(const RankOp& op, Attributes& attributes) {
    switch (op.kind) {
      case RankOp::Kind::compute: {
        const Kernel& kernel = programs_->kernels[op.kernel];
        attributes.amount("num_ops", kernel.operations.count());
        attributes.amount("tensor_size", (kernel.read + kernel.written).count());
        attributes.text("kernel", kernel_text(kernel));
        if (op.tracked > Bytes(0)) attributes.amount("tracked_bytes", op.tracked.count());
        if (op.triggered > Bytes(0)) attributes.amount("triggered_bytes", op.triggered.count());
        break;
      }
      case RankOp::Kind::send:
      case RankOp::Kind::receive:
        attributes.amount("comm_size", op.bytes.count());
        attributes.integer("comm_src", op.kind == RankOp::Kind::send ? rank_ : op.peer);
        attributes.integer("comm_dst", op.kind == RankOp::Kind::send ? op.peer : rank_);
        attributes.integer("comm_tag", static_cast<std::int64_t>(op.tag));
        if (op.movement != Movement::copy) {
          attributes.text("movement", movement_text(op.movement));
        }
        break;
      case RankOp::Kind::collective:
        write_collective(op, attributes);
        break;
      case RankOp::Kind::copy:
        attributes.amount("tensor_size", op.bytes.count());
        break;
      case RankOp::Kind::delay:
        break;
    }
  }

  void write_collective(const RankOp& op, Attributes& attributes) {
    attributes.integer("comm_type", type_of(op.collective));
    attributes.amount("comm_size", op.bytes.count());
    attributes.text("pg_name", std::to_string(op.group + 1));
    attributes.text("collective", to_string(op.collective));
    if (op.root != 0) attributes.integer("root", op.root);
    if (op.sizes == RankOp::kNone) return;
    const SizeTable& table = *programs_->sizes[op.sizes];
    std::vector<std::int64_t> sizes;
    for (int from = 0; from < table.members(); ++from) {
      for (int to = 0; to < table.members(); ++to) {
        sizes.push_back(table.between(from, to).count());
      }
    }
    attributes.integers("sizes", sizes);
  }

  const RankPrograms* programs_;
  Rank rank_;
  AtomicFile file_;
};

}  // namespace

void write_chakra(const RankPrograms& programs, const std::function<std::string(Rank)>& path) {
  for (Rank rank = 0; rank < static_cast<Rank>(programs.ranks.size()); ++rank) {
    Writer(programs, rank, path(rank)).write();
  }
}

}  // namespace orrery
