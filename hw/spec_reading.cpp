#include "hw/spec_reading.hpp"

namespace orrery {

bool is_unresolved(JsonCursor& cursor) {
  if (!cursor.present()) {
    return false;
  }
  const JsonValue& value = cursor.value();
  const bool unresolved = value.kind == JsonValue::Kind::string || value.find("use") != nullptr;
  if (unresolved && cursor.diagnostics().empty()) {
    cursor.error("this reference was not resolved by the catalogue");
  }
  return unresolved;
}

double read_share(JsonCursor cursor) {
  const double share = cursor.as_ratio({.minimum = 0, .maximum = 1});
  if (!cursor.present() || share > 0) {
    return share;
  }
  const JsonValue* inner = cursor.value().find("value");
  const JsonValue& number = inner != nullptr ? *inner : cursor.value();
  const bool is_integer = number.kind == JsonValue::Kind::integer && number.integer == 0;
  if (is_integer || (number.kind == JsonValue::Kind::real && number.real == 0)) {
    cursor.expected("a share above 0 and at most 1");
  }
  return share;
}

Bytes read_capacity(const JsonCursor& cursor) {
  if (!cursor.present()) {
    return Bytes(0);
  }
  Diagnostics mistakes;
  JsonCursor apart(cursor.value(), mistakes);
  const Bytes capacity = apart.as_bytes();
  if (mistakes.empty() && capacity == Bytes(0)) {
    apart.expected("a size > 0");
  }
  for (const Diagnostic& mistake : mistakes.items()) {
    cursor.diagnostics().add(mistake);
  }
  return capacity;
}

}  // namespace orrery
