#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace orrery {

/// The wire format of Protocol Buffers, which is all that a reader or writer of a known message
/// needs. Source: Google, "Protocol Buffers Documentation, Encoding", sections "Base 128 Varints",
/// "Message Structure", "Length-Delimited Records".
enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// Writes a varint, at most 10 bytes, and returns what lies behind it.
inline char* put_varint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80U);
    value >>= 7U;
  }
  *out++ = static_cast<char>(value);
  return out;
}
inline char* put_fixed64(char* out, std::uint64_t value) {
  for (int byte = 0; byte < 8; ++byte) *out++ = static_cast<char>(value >> (8U * unsigned(byte)));
  return out;
}
constexpr std::uint64_t wire_tag(std::uint32_t field, WireType type) {
  return (std::uint64_t{field} << 3U) | static_cast<std::uint64_t>(type);
}

/// Appends fields of a message to a text.
class ProtobufWriter {
 public:
  void varint(std::uint32_t field, std::uint64_t value);
  /// Two's complement, as int32, int64 and enums are written.
  void integer(std::uint32_t field, std::int64_t value) {
    varint(field, static_cast<std::uint64_t>(value));
  }
  void fixed64(std::uint32_t field, std::uint64_t value);
  void real(std::uint32_t field, double value);
  void bytes(std::uint32_t field, std::string_view value);
  void message(std::uint32_t field, const ProtobufWriter& value) { bytes(field, value.text_); }
  /// A varint alone: an element of a packed list, or the length before a message.
  void element(std::uint64_t value);

  const std::string& text() const { return text_; }
  void clear() { text_.clear(); }

 private:
  std::string text_;
};

/// Goes through the fields of one message. Everything malformed throws TraceError with the byte of
/// the file at which it stands. Unknown fields are for the caller to pass over.
class ProtobufReader {
 public:
  /// `offset`: of the first byte in the file. `file` must outlive the reader.
  ProtobufReader(std::string_view bytes, const std::string& file, std::uint64_t offset = 0)
      : left_(bytes), file_(&file), offset_(offset) {}

  /// Reads a field; false at the end.
  bool next();
  std::uint32_t field() const { return field_; }
  WireType type() const { return type_; }

  /// Of a varint or fixed field.
  std::uint64_t integer() const;
  std::int64_t signed_integer() const { return static_cast<std::int64_t>(integer()); }
  /// Of a fixed field: float or double.
  double real() const;
  /// Of a length-delimited field.
  std::string_view bytes() const;
  ProtobufReader message() const { return {bytes(), *file_, value_offset_}; }
  /// Calls visit(value) for each element of a list of varints, packed or not.
  template <class Visit>
  void for_each_varint(Visit visit) const {
    if (type_ != WireType::bytes) {
      visit(integer());
      return;
    }
    ProtobufReader inside = message();
    while (!inside.left_.empty()) visit(inside.take_varint());
  }

  /// A varint in front of everything else: the length of a record in a stream of them.
  std::uint64_t take_varint();
  /// The next `size` bytes, as a message of its own.
  ProtobufReader take_message(std::uint64_t size);
  bool empty() const { return left_.empty(); }
  std::uint64_t offset() const { return offset_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::string_view take(std::uint64_t size, const char* what);

  std::string_view left_;
  const std::string* file_;
  std::uint64_t offset_;
  std::uint32_t field_ = 0;
  WireType type_ = WireType::varint;
  std::uint64_t number_ = 0;
  std::string_view value_;
  std::uint64_t value_offset_ = 0;
};

}  // namespace orrery
