#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`; 0 when it is ill-formed.
/// Source: The Unicode Standard 15.0, table 3-7.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto continues = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      break;
  }
  if (byte >= 0x20) {
    out += static_cast<char>(byte);
    return;
  }
  out += "\\u00";
  out += kHex[byte >> 4U];
  out += kHex[byte & 0xFU];
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\uFFFD";
    } else if (length == 1) {
      append_escaped(out, static_cast<unsigned char>(text.front()));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_real(std::string& out, double number) {
  ORRERY_CHECK(std::isfinite(number), "JSON has no infinite numbers and no NaN");
  std::array<char, 32> digits{};  // the longest shortest form has 24 characters
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), number);
  const std::string_view text(digits.begin(), end);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) {
    out += ".0";  // or it would come back as an integer
  }
}

class Writer {
 public:
  explicit Writer(bool pretty) : pretty_(pretty) {}

  void write(const JsonValue& value);
  std::string take() { return std::move(out_); }

 private:
  template <class Elements, class Write>
  void write_elements(char opening, const Elements& elements, char closing, const Write& write) {
    out_ += opening;
    ++depth_;
    bool first = true;
    for (const auto& element : elements) {
      if (!first) {
        out_ += ',';
      }
      first = false;
      break_line();
      write(element);
    }
    --depth_;
    if (!elements.empty()) {
      break_line();
    }
    out_ += closing;
  }
  void break_line() {
    if (pretty_) {
      out_ += '\n';
      out_.append(2 * depth_, ' ');
    }
  }

  std::string out_;
  std::size_t depth_ = 0;
  bool pretty_;
};

void Writer::write(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      out_ += "null";
      return;
    case JsonValue::Kind::boolean:
      out_ += value.boolean ? "true" : "false";
      return;
    case JsonValue::Kind::integer:
      out_ += std::to_string(value.integer);
      return;
    case JsonValue::Kind::real:
      append_real(out_, value.real);
      return;
    case JsonValue::Kind::string:
      append_string(out_, value.string);
      return;
    case JsonValue::Kind::array:
      write_elements('[', value.items, ']', [this](const JsonValue& item) { write(item); });
      return;
    case JsonValue::Kind::object:
      write_elements('{', value.members, '}', [this](const JsonValue::Member& member) {
        append_string(out_, member.key);
        out_ += pretty_ ? ": " : ":";
        write(member.value);
      });
      return;
  }
}

}  // namespace

std::string to_text(const JsonValue& value, bool pretty) {
  Writer writer(pretty);
  writer.write(value);
  return writer.take();
}

std::string JsonValue::describe() const {
  constexpr std::size_t kMaximumShown = 60;
  switch (kind) {
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
    case Kind::string:
      break;
    default:
      return to_text(*this, false);
  }
  if (string.size() <= kMaximumShown) {
    return to_text(*this, false);
  }
  std::size_t length = 0;
  for (std::size_t next = 0; next <= kMaximumShown;) {
    length = next;
    next += std::max<std::size_t>(1, utf8_length(std::string_view(string).substr(next)));
  }
  std::string shown;
  append_string(shown, std::string_view(string).substr(0, length));
  return shown.insert(shown.size() - 1, "…");
}

JsonValue json_string(std::string text) {
  JsonValue value;
  value.kind = JsonValue::Kind::string;
  value.string = std::move(text);
  return value;
}

JsonValue json_integer(std::int64_t number) {
  JsonValue value;
  value.kind = JsonValue::Kind::integer;
  value.integer = number;
  return value;
}

JsonValue json_real(double number) {
  JsonValue value;
  value.kind = JsonValue::Kind::real;
  value.real = number;
  return value;
}

JsonValue json_boolean(bool truth) {
  JsonValue value;
  value.kind = JsonValue::Kind::boolean;
  value.boolean = truth;
  return value;
}

JsonValue json_array(std::vector<JsonValue> items) {
  JsonValue value;
  value.kind = JsonValue::Kind::array;
  value.items = std::move(items);
  return value;
}

JsonValue json_object(std::vector<std::pair<std::string, JsonValue>> members) {
  JsonValue value;
  value.kind = JsonValue::Kind::object;
  value.members.reserve(members.size());
  for (std::pair<std::string, JsonValue>& member : members) {
    value.members.push_back({std::move(member.first), std::move(member.second)});
  }
  return value;
}

}  // namespace orrery
