#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sim/base/json_value.hpp"
#include "traces/chakra.hpp"
#include "traces/chakra_fields.hpp"
#include "traces/protobuf.hpp"
#include "traces/trace_error.hpp"

namespace orrery::chakra {
namespace {

constexpr std::int64_t kPicosecondsPerMicrosecond = 1'000'000;
constexpr std::uint64_t kMaximumMicroseconds =
    std::numeric_limits<std::int64_t>::max() / kPicosecondsPerMicrosecond;

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// `type`: the field of the scalar.
std::int64_t integer_of(std::uint32_t type, std::uint64_t raw) {
  if (type == kSint32 || type == kSint64) return unzigzag(raw);
  if (type == kSfixed32) return static_cast<std::int32_t>(static_cast<std::uint32_t>(raw));
  return static_cast<std::int64_t>(raw);
}

bool is_real(std::uint32_t type) {
  return type == kDouble || type == kFloat;
}
bool is_text(std::uint32_t type) {
  return type == kString || type == kBytes;
}

void read_list(ProtobufReader list, std::uint32_t type, Value& value) {
  while (list.next()) {
    if (list.field() != kListValues) continue;
    if (is_text(type)) {
      value.texts.emplace_back(list.bytes());
    } else if (!is_real(type) && type != kSfixed32 && type != kSfixed64) {
      list.for_each_varint(
          [&](std::uint64_t raw) { value.integers.push_back(integer_of(type, raw)); });
    }
  }
}

std::pair<std::string, Value> read_attribute(ProtobufReader attribute) {
  std::pair<std::string, Value> result;
  Value& value = result.second;
  while (attribute.next()) {
    const std::uint32_t field = attribute.field();
    if (field == kAttributeName) result.first = attribute.bytes();
    if (field < kDouble || field > kLast) continue;
    const std::uint32_t type = field % 2 == 1 ? field : field - 1;
    if (type != field) {
      value.kind = Value::Kind::list;
      read_list(attribute.message(), type, value);
    } else if (is_text(type)) {
      value.kind = Value::Kind::text;
      value.text = attribute.bytes();
    } else if (is_real(type)) {
      value.kind = Value::Kind::real;
      value.real = attribute.real();
      value.integer = std::abs(value.real) < 9e18 ? static_cast<std::int64_t>(value.real) : 0;
    } else {
      value.kind = Value::Kind::integer;
      value.integer = integer_of(type, attribute.integer());
      value.real = static_cast<double>(value.integer);
    }
  }
  return result;
}

Duration microseconds(const ProtobufReader& field) {
  const std::uint64_t count = field.integer();
  if (count > kMaximumMicroseconds) field.fail("a time beyond 106 days");
  return static_cast<std::int64_t>(count) * Duration(kPicosecondsPerMicrosecond);
}

Node read_node(ProtobufReader record) {
  Node node;
  while (record.next()) {
    switch (record.field()) {
      case kNodeId:
        node.id = record.integer();
        break;
      case kNodeName:
        node.name = record.bytes();
        break;
      case kNodeType: {
        const std::uint64_t type = record.integer();
        if (type > static_cast<std::uint64_t>(NodeType::comm_coll)) {
          record.fail("a node of type " + std::to_string(type) +
                      ", which the schema does not have");
        }
        node.type = static_cast<NodeType>(type);
        break;
      }
      case kNodeControl:
      case kNodeData:
        record.for_each_varint([&node](std::uint64_t id) { node.after.push_back(id); });
        break;
      case kNodeStart:
        node.start = Time(microseconds(record));
        break;
      case kNodeDuration:
        node.took = microseconds(record);
        break;
      case kNodeInputs: {
        ProtobufReader inputs = record.message();
        while (inputs.next()) {
          if (inputs.field() == kInputValues) node.inputs = inputs.bytes();
        }
        break;
      }
      case kNodeAttributes:
        node.attributes.insert(read_attribute(record.message()));
        break;
      default:
        break;
    }
  }
  if (node.type == NodeType::invalid) record.fail("a node without a type");
  return node;
}

}  // namespace

const Value* Node::find(std::string_view wanted) const {
  const auto found = attributes.find(wanted);
  return found == attributes.end() ? nullptr : &found->second;
}

std::int64_t Node::integer(std::string_view wanted, std::int64_t otherwise) const {
  const Value* value = find(wanted);
  return value == nullptr ? otherwise : value->integer;
}

File read(const std::string& bytes, const std::string& path) {
  ProtobufReader records(bytes, path);
  if (records.empty()) records.fail("the file is empty");
  File file;
  ProtobufReader metadata = records.take_message(records.take_varint());
  while (metadata.next()) {
    if (metadata.field() == kMetadataVersion) file.version = metadata.bytes();
    if (metadata.field() == kMetadataAttributes) {
      file.attributes.insert(read_attribute(metadata.message()));
    }
  }
  std::set<std::uint64_t> ids;
  while (!records.empty()) {
    const ProtobufReader record = records.take_message(records.take_varint());
    file.nodes.push_back(read_node(record));
    const Node& node = file.nodes.back();
    if (!ids.insert(node.id).second) {
      record.fail("a second node with the id " + std::to_string(node.id) + ", \"" + node.name +
                  "\"");
    }
  }
  return file;
}

/// The text holds a list of groups as JSON, in quotes and brackets that differ by writer.
std::vector<Group> groups_in(const Node& node, const std::string& path) {
  const std::size_t begin = node.inputs.find("[{");
  const std::size_t end = node.inputs.rfind("}]");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::string text = node.inputs.substr(begin, end + 2 - begin);
  std::erase(text, '\\');
  std::replace(text.begin(), text.end(), '\'', '"');
  std::vector<Group> groups;
  const JsonValue list = parse_json(text, path);
  for (const JsonValue& item : list.items) {
    const JsonValue* name = item.find("pg_name");
    const JsonValue* members = item.find("ranks");
    if (name == nullptr || members == nullptr) continue;
    Group group{name->kind == JsonValue::Kind::string ? name->string : to_text(*name, false), {}};
    for (const JsonValue& member : members->items) {
      if (member.kind != JsonValue::Kind::integer || member.integer < 0 ||
          member.integer > std::numeric_limits<Rank>::max()) {
        throw TraceError(path + ": group \"" + group.name + "\" has the rank " + member.describe());
      }
      group.ranks.push_back(static_cast<Rank>(member.integer));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace orrery::chakra
