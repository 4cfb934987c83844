#include "traces/chakra_kernel.hpp"

#include <algorithm>
#include <array>

#include "sim/base/json_value.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

/// By Movement.
constexpr std::array<std::string_view, 6> kMovements = {
    "copy", "update", "core_copy", "core_reduce", "remote_store", "remote_update"};

[[noreturn]] void broken(const std::string& file, const char* attribute) {
  throw TraceError(file + ": the attribute \"" + attribute +
                   "\" of a node does not hold what orrery writes there");
}

std::int64_t integer(const JsonValue* value, const std::string& file, const char* attribute) {
  if (value == nullptr || value->kind != JsonValue::Kind::integer || value->integer < 0) {
    broken(file, attribute);
  }
  return value->integer;
}

}  // namespace

std::string kernel_text(const Kernel& kernel) {
  std::vector<JsonValue> shape;
  for (const Kernel::Dimension& dimension : kernel.shape) {
    shape.push_back(json_array({json_string(dimension.name), json_integer(dimension.size)}));
  }
  JsonValue value =
      json_object({{"kind", json_string(kernel.kind)},
                   {"precision", json_string(std::string(to_string(kernel.precision)))},
                   {"matrix", json_boolean(kernel.unit == MathUnit::matrix)},
                   {"operations", json_integer(kernel.operations.count())},
                   {"read_bytes", json_integer(kernel.read.count())},
                   {"written_bytes", json_integer(kernel.written.count())},
                   {"shape", json_array(std::move(shape))},
                   {"host_ps", json_integer(kernel.host.count())}});
  if (kernel.continues) value.members.push_back({"continues", json_boolean(true)});
  if (kernel.updates) value.members.push_back({"updates", json_boolean(true)});
  return to_text(value, false);
}

Kernel kernel_from(const std::string& text, const std::string& file) {
  constexpr const char* kName = "kernel";
  const JsonValue value = parse_json(text, file);
  const JsonValue* kind = value.find("kind");
  const JsonValue* precision = value.find("precision");
  const JsonValue* matrix = value.find("matrix");
  const JsonValue* shape = value.find("shape");
  if (kind == nullptr || precision == nullptr || matrix == nullptr || shape == nullptr) {
    broken(file, kName);
  }
  const std::optional<Precision> format = precision_from(precision->string);
  if (!format) broken(file, kName);
  Kernel kernel;
  kernel.kind = kind->string;
  kernel.precision = *format;
  kernel.unit = matrix->boolean ? MathUnit::matrix : MathUnit::vector;
  kernel.operations = Flops(integer(value.find("operations"), file, kName));
  kernel.read = Bytes(integer(value.find("read_bytes"), file, kName));
  kernel.written = Bytes(integer(value.find("written_bytes"), file, kName));
  kernel.host = Duration(integer(value.find("host_ps"), file, kName));
  const JsonValue* continues = value.find("continues");
  const JsonValue* updates = value.find("updates");
  kernel.continues = continues != nullptr && continues->boolean;
  kernel.updates = updates != nullptr && updates->boolean;
  for (const JsonValue& dimension : shape->items) {
    if (dimension.items.size() != 2) broken(file, kName);
    kernel.shape.push_back({dimension.items[0].string, integer(&dimension.items[1], file, kName)});
  }
  return kernel;
}

std::string_view movement_text(Movement movement) {
  return kMovements[static_cast<std::size_t>(movement)];
}

Movement movement_from(const std::string& text, const std::string& file) {
  const auto found = std::find(kMovements.begin(), kMovements.end(), text);
  if (found == kMovements.end()) broken(file, "movement");
  return static_cast<Movement>(found - kMovements.begin());
}

std::string memory_text(const std::vector<MemoryNote>& notes) {
  std::vector<JsonValue> items;
  for (const MemoryNote& note : notes) {
    items.push_back(json_array({json_string(note.category), json_integer(note.taken.count()),
                                json_integer(note.freed.count())}));
  }
  return to_text(json_array(std::move(items)), false);
}

std::vector<MemoryNote> memory_notes(const std::string& text, const std::string& file) {
  constexpr const char* kName = "memory";
  std::vector<MemoryNote> notes;
  const JsonValue list = parse_json(text, file);
  for (const JsonValue& item : list.items) {
    if (item.items.size() != 3) broken(file, kName);
    notes.push_back({item.items[0].string, Bytes(integer(&item.items[1], file, kName)),
                     Bytes(integer(&item.items[2], file, kName))});
  }
  return notes;
}

}  // namespace orrery
