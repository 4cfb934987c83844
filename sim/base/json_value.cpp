#include "sim/base/json_value.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// Enough for a person to mend in one go; bounds the memory that a hostile file can cost.
constexpr std::size_t kMaximumParseErrors = 100;
constexpr std::size_t kMaximumQuotedBytes = 40;

/// "line 3, column 5" of the byte at `offset`, both from 1; the column counts bytes.
std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " +
         std::to_string(before.size() - line_start + 1);
}

/// The end of what the parser last read, which may be long and no UTF-8.
std::string quotable(std::string_view token) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  if (token.size() > kMaximumQuotedBytes) {
    token.remove_prefix(token.size() - kMaximumQuotedBytes);
    result = "…";
  }
  for (const char character : token) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      result += character;
    } else {
      result += "\\x";
      result += kHex[byte >> 4U];
      result += kHex[byte & 0xFU];
    }
  }
  return result;
}

/// Receives nlohmann's SAX events and builds the value in place. A parent does not grow while a
/// child is open, so the pointers in `open_` stay valid.
class Builder {
 public:
  Builder(std::string_view text, std::shared_ptr<const std::string> file)
      : text_(text), file_(std::move(file)) {}

  JsonValue take() {
    diagnostics_.throw_if_any();
    return std::move(root_);
  }
  void report(std::string pointer, std::string message) {
    diagnostics_.add({*file_, std::move(pointer), std::move(message)});
  }

  // The interface that nlohmann::json::sax_parse asks for; false stops it.
  bool null() {
    place(JsonValue::Kind::null);
    return true;
  }
  bool boolean(bool truth) {
    place(JsonValue::Kind::boolean).boolean = truth;
    return true;
  }
  bool number_integer(std::int64_t number) {
    place(JsonValue::Kind::integer).integer = number;
    return true;
  }
  bool number_unsigned(std::uint64_t number) {
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return integer_out_of_range(std::to_string(number));
    }
    return number_integer(static_cast<std::int64_t>(number));
  }
  bool number_float(double number, const std::string& literal) {
    // The lexer falls back to a double for integers that no 64-bit type holds.
    if (literal.find_first_of(".eE") == std::string::npos) {
      return integer_out_of_range(literal);
    }
    place(JsonValue::Kind::real).real = number;
    return true;
  }
  bool string(std::string& text) {
    place(JsonValue::Kind::string).string = std::move(text);
    return true;
  }
  bool binary(const std::vector<std::uint8_t>& /*bytes*/) {
    internal_error(__FILE__, __LINE__, "JSON text has no binary values");
  }
  bool start_object(std::size_t /*size*/) { return open(JsonValue::Kind::object); }
  bool end_object() { return close(); }
  bool start_array(std::size_t /*size*/) { return open(JsonValue::Kind::array); }
  bool end_array() { return close(); }
  bool key(std::string& text);
  bool parse_error(std::size_t bytes_read, const std::string& token,
                   const nlohmann::json::exception& error);

 private:
  struct Level {
    JsonValue* value;
    std::set<std::string> keys;
  };

  std::string next_pointer() const;
  JsonValue& place(JsonValue::Kind kind);
  bool open(JsonValue::Kind kind);
  bool close() {
    open_.pop_back();
    return true;
  }
  bool integer_out_of_range(std::string_view literal);
  bool go_on() const { return diagnostics_.count() < kMaximumParseErrors; }

  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  Diagnostics diagnostics_;
  JsonValue root_;
  std::vector<Level> open_;
};

std::string Builder::next_pointer() const {
  if (open_.empty()) {
    return "";
  }
  const JsonValue& parent = *open_.back().value;
  const bool in_array = parent.kind == JsonValue::Kind::array;
  return parent.origin.pointer + "/" +
         (in_array ? std::to_string(parent.items.size())
                   : pointer_token(parent.members.back().key));
}

JsonValue& Builder::place(JsonValue::Kind kind) {
  std::string pointer = next_pointer();
  JsonValue* value = &root_;
  if (!open_.empty()) {
    JsonValue& parent = *open_.back().value;
    value = parent.kind == JsonValue::Kind::array ? &parent.items.emplace_back()
                                                  : &parent.members.back().value;
  }
  value->kind = kind;
  value->origin = {file_, std::move(pointer)};
  return *value;
}

bool Builder::open(JsonValue::Kind kind) {
  if (open_.size() == static_cast<std::size_t>(kMaximumJsonDepth)) {
    report(next_pointer(),
           "nested deeper than " + std::to_string(kMaximumJsonDepth) + " arrays and objects");
    return false;
  }
  open_.push_back({&place(kind), {}});
  return true;
}

bool Builder::key(std::string& text) {
  Level& level = open_.back();
  const bool is_new = level.keys.insert(text).second;
  level.value->members.push_back({std::move(text), {}});
  if (!is_new) {
    report(next_pointer(), "duplicate key");
  }
  return go_on();
}

bool Builder::integer_out_of_range(std::string_view literal) {
  std::string shown(literal.substr(0, kMaximumQuotedBytes));
  if (shown.size() < literal.size()) {
    shown += "…";
  }
  report(next_pointer(), "expected an integer from -2^63 to 2^63 - 1, got " + shown);
  place(JsonValue::Kind::integer);
  return go_on();
}

bool Builder::parse_error(std::size_t bytes_read, const std::string& token,
                          const nlohmann::json::exception& error) {
  constexpr int kNumberOverflow = 406;
  if (error.id == kNumberOverflow) {
    if (token.find_first_of(".eE") == std::string::npos) {
      integer_out_of_range(token);
      return false;  // or the parser would take this for the end of the document, and go on
    }
    report(next_pointer(), "expected a number in the range of a double, got " + quotable(token));
    return false;
  }
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …"
  constexpr std::string_view kHeading = "syntax error ";
  std::string reason = error.what();
  if (const std::size_t found = reason.find(kHeading); found != std::string::npos) {
    reason.erase(0, found + kHeading.size());
  }
  const std::string last_read = "last read: '" + token + "'";
  if (const std::size_t found = reason.find(last_read); found != std::string::npos) {
    reason.replace(found, last_read.size(), "last read: '" + quotable(token) + "'");
  }
  const std::size_t offset = bytes_read == 0 ? 0 : bytes_read - 1;
  report("", "syntax error at " + line_and_column(text_, offset) + " " + reason);
  return false;
}

[[noreturn]] void throw_at_document(const std::string& file, const std::string& message) {
  throw ScenarioError({{file, "", message}});
}

}  // namespace

JsonValue parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kMaximumJsonBytes) {
    throw_at_document(file, "larger than " + std::to_string(kMaximumJsonBytes >> 20U) + " MiB");
  }
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    throw_at_document(file, "expected a JSON document, got nothing");
  }
  // The lexer would take a NUL for the end of the text and ignore what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw_at_document(file, "syntax error at " + line_and_column(text, nul) + ": a NUL byte");
  }
  Builder builder(text, std::make_shared<const std::string>(file));
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

JsonValue load_json(const std::string& path, const std::string& shown_as) {
  constexpr std::size_t kBlock = std::size_t{1} << 16U;
  const auto fail = [&](int error) {
    const std::string reason = error == 0 ? "" : std::string(": ") + std::strerror(error);
    throw IoError("cannot read " + shown_as + reason);
  };
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    fail(errno);
  }
  std::string text;
  while (stream && text.size() <= kMaximumJsonBytes) {
    const std::size_t size = text.size();
    text.resize(size + kBlock);
    errno = 0;
    stream.read(text.data() + size, static_cast<std::streamsize>(kBlock));
    text.resize(size + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) {
    fail(errno);
  }
  return parse_json(text, shown_as);
}

}  // namespace orrery
