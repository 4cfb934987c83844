#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/precision.hpp"
#include "traces/rank_programs.hpp"
#include "traces/recorded_trace.hpp"

namespace orrery {

/// MLCommons Chakra execution traces, schema 0.0.4: a file for each rank, a record for each node,
/// which is a varint with the record's size and a protobuf message. Source: mlcommons/chakra,
/// schema/protobuf/et_def.proto: NodeType, CollectiveCommType, AttributeProto, Node,
/// GlobalMetadata.
namespace chakra {

enum class NodeType : std::uint8_t {
  invalid,
  metadata,
  mem_load,
  mem_store,
  comp,
  comm_send,
  comm_recv,
  comm_coll
};

/// The value of an attribute, whichever of the integer types its writer chose.
struct Value {
  enum class Kind : std::uint8_t { none, integer, real, text, list };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
};

struct Node {
  std::uint64_t id = 0;
  std::string name;
  NodeType type = NodeType::invalid;
  std::vector<std::uint64_t> after{};  // both kinds of dependency: both must have ended
  Duration took;
  Time start;
  std::string inputs{};  // the text of their values
  std::map<std::string, Value, std::less<>> attributes{};

  const Value* find(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;
};

struct File {
  std::string version;
  std::map<std::string, Value, std::less<>> attributes;
  std::vector<Node> nodes;
};

/// Throws TraceError, with the byte, for what is cut off, malformed, of an unknown type, or has an
/// id twice.
File read(const std::string& bytes, const std::string& path);

struct Group {
  std::string name;
  std::vector<Rank> ranks;  // none: everybody
};
/// The process groups that a metadata node gives; none when it gives something else.
std::vector<Group> groups_in(const Node& node, const std::string& path);

}  // namespace chakra

struct ChakraOptions {
  enum class Durations { recorded, cost_model };
  Durations durations = Durations::recorded;
  bool missing_is_error = false;          // a dependency on a node that the file does not hold
  Precision precision = Precision::bf16;  // of computes of which the file gives amounts alone
};

/// The programs that the files of all ranks hold, in order of rank. Durations recorded: computes
/// and memory nodes take theirs, whatever device runs them. By the cost model: computes become
/// kernels, with the amounts of "num_ops" and "tensor_size" or as we have written them; memory
/// nodes copies from or to the host. Nodes of a CPU always take what was recorded. Sizes of
/// collectives ("comm_size") are taken as nccl-tests defines them. Throws TraceError.
RankPrograms read_chakra(std::span<const std::string> paths, const ChakraOptions& options);

/// Writes each rank's program to the path that is given for it. What the format has no field for
/// (streams, categories, kernels' shapes, memory) becomes attributes, which its readers pass over.
void write_chakra(const RankPrograms& programs, const std::function<std::string(Rank)>& path);

/// One rank's file as spans: where it has no start times, durations alone.
RecordedTrace read_chakra_trace(const std::string& bytes, const std::string& file);

}  // namespace orrery
