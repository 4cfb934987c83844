#include "traces/chakra_attributes.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "traces/chakra_fields.hpp"
#include "traces/trace_error.hpp"

namespace orrery::chakra {
namespace {

std::optional<std::int64_t> integer_in(const Value& value) {
  std::int64_t integer = value.integer;
  if (value.kind == Value::Kind::integer) return integer;
  if (value.kind == Value::Kind::real && static_cast<double>(integer) == value.real) return integer;
  const char* const end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, integer);
  if (value.kind == Value::Kind::text && error == std::errc() && rest == end) return integer;
  return std::nullopt;
}

std::string described(const Value& value) {
  switch (value.kind) {
    case Value::Kind::text:
      return "the text \"" + value.text + "\"";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::real:
      return std::to_string(value.real);
    default:
      return "nothing";
  }
}

}  // namespace

void Attributes::fail(const std::string& what) const {
  throw TraceError(*path_ + ": node " + std::to_string(node_->id) + ", \"" + node_->name +
                   "\": " + what);
}

const Value& Attributes::required(std::string_view name) const {
  const Value* value = node_->find(name);
  if (value == nullptr) fail("has no attribute \"" + std::string(name) + "\"");
  return *value;
}

std::int64_t Attributes::integer_of(std::string_view name, const Value& value) const {
  const std::optional<std::int64_t> integer = integer_in(value);
  if (!integer) fail(std::string(name) + ": expected an integer, got " + described(value));
  return *integer;
}

std::int64_t Attributes::integer(std::string_view name) const {
  return integer_of(name, required(name));
}

std::int64_t Attributes::integer(std::string_view name, std::int64_t otherwise) const {
  const Value* value = node_->find(name);
  return value == nullptr ? otherwise : integer_of(name, *value);
}

std::int64_t Attributes::amount(std::string_view name) const {
  const std::int64_t value = integer(name);
  if (value < 0) fail(std::string(name) + " is " + std::to_string(value));
  return value;
}

std::int64_t Attributes::amount(std::string_view name, std::int64_t otherwise) const {
  return node_->find(name) == nullptr ? otherwise : amount(name);
}

std::string Attributes::name(std::string_view name) const {
  const Value* value = node_->find(name);
  if (value == nullptr) return "";
  return value->kind == Value::Kind::text ? value->text : std::to_string(integer_of(name, *value));
}

CollectiveKind Attributes::collective() const {
  const Value& type = required("comm_type");
  if (const std::optional<std::int64_t> number = integer_in(type)) {
    if (*number < 0 || *number >= static_cast<std::int64_t>(kCollectives.size())) {
      fail("comm_type is " + std::to_string(*number) + ", which the schema does not have");
    }
    return kCollectives[static_cast<std::size_t>(*number)];
  }
  const auto named = std::find(kCollectiveNames.begin(), kCollectiveNames.end(), type.text);
  if (named == kCollectiveNames.end()) {
    fail("comm_type: expected one of the schema's, got " + described(type));
  }
  return kCollectives[static_cast<std::size_t>(named - kCollectiveNames.begin())];
}

}  // namespace orrery::chakra
