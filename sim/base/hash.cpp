#include "sim/base/hash.hpp"

namespace orrery {

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = kFnv1aBasis;
  for (const char character : text) {
    hash = fnv1a_step(hash, static_cast<unsigned char>(character));
  }
  return hash;
}

std::string fnv1a_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t hash = fnv1a(text);
  std::string hex(16, '0');
  for (std::size_t digit = hex.size(); digit-- > 0; hash >>= 4U) {
    hex[digit] = kDigits[hash & 0xFU];
  }
  return hex;
}

}  // namespace orrery
