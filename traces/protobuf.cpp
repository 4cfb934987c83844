#include "traces/protobuf.hpp"

#include <array>
#include <bit>

#include "traces/trace_error.hpp"

namespace orrery {
namespace {

constexpr int kMaximumVarintBytes = 10;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

void ProtobufWriter::element(std::uint64_t value) {
  std::array<char, kMaximumVarintBytes> buffer;
  text_.append(buffer.data(), put_varint(buffer.data(), value));
}

void ProtobufWriter::varint(std::uint32_t field, std::uint64_t value) {
  element(wire_tag(field, WireType::varint));
  element(value);
}

void ProtobufWriter::fixed64(std::uint32_t field, std::uint64_t value) {
  element(wire_tag(field, WireType::fixed64));
  std::array<char, 8> buffer;
  text_.append(buffer.data(), put_fixed64(buffer.data(), value));
}

void ProtobufWriter::real(std::uint32_t field, double value) {
  fixed64(field, std::bit_cast<std::uint64_t>(value));
}

void ProtobufWriter::bytes(std::uint32_t field, std::string_view value) {
  element(wire_tag(field, WireType::bytes));
  element(value.size());
  text_ += value;
}

void ProtobufReader::fail(const std::string& what) const {
  throw TraceError(*file_, offset_, what);
}

std::string_view ProtobufReader::take(std::uint64_t size, const char* what) {
  if (size > left_.size()) {
    fail("expected " + std::to_string(size) + " bytes of " + what + ", but only " +
         std::to_string(left_.size()) + " are left: the file is cut off or no such trace");
  }
  const std::string_view taken = left_.substr(0, size);
  left_.remove_prefix(size);
  offset_ += size;
  return taken;
}

std::uint64_t ProtobufReader::take_varint() {
  std::uint64_t value = 0;
  for (int byte = 0; byte < kMaximumVarintBytes; ++byte) {
    if (left_.empty()) fail("the file is cut off within a number");
    const auto next = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    ++offset_;
    value |= std::uint64_t{next & 0x7FU} << (7U * unsigned(byte));
    if (next < 0x80) return value;
  }
  fail("a number is longer than 10 bytes");
}

ProtobufReader ProtobufReader::take_message(std::uint64_t size) {
  const std::uint64_t at = offset_;
  return {take(size, "a record"), *file_, at};
}

bool ProtobufReader::next() {
  if (left_.empty()) return false;
  const std::uint64_t tag = take_varint();
  field_ = static_cast<std::uint32_t>(tag >> 3U);
  if (field_ == 0 || (tag >> 3U) > 0x1FFFFFFFU)
    fail("a field with number " + std::to_string(tag >> 3U));
  type_ = static_cast<WireType>(tag & 7U);
  switch (type_) {
    case WireType::varint:
      number_ = take_varint();
      break;
    case WireType::fixed64:
      number_ = little_endian(take(8, "a number"));
      break;
    case WireType::fixed32:
      number_ = little_endian(take(4, "a number"));
      break;
    case WireType::bytes: {
      const std::uint64_t size = take_varint();
      value_offset_ = offset_;
      value_ = take(size, "a field");
      break;
    }
    default:
      fail("wire type " + std::to_string(tag & 7U) + ", which no field has");
  }
  return true;
}

std::uint64_t ProtobufReader::integer() const {
  if (type_ == WireType::bytes) fail("field " + std::to_string(field_) + " should hold a number");
  return number_;
}

double ProtobufReader::real() const {
  if (type_ == WireType::fixed64) return std::bit_cast<double>(number_);
  if (type_ == WireType::fixed32) {
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(number_)));
  }
  fail("field " + std::to_string(field_) + " should hold a float or double");
}

std::string_view ProtobufReader::bytes() const {
  if (type_ != WireType::bytes) {
    fail("field " + std::to_string(field_) + " should hold a text or message");
  }
  return value_;
}

}  // namespace orrery
