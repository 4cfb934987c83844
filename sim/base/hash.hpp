#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace orrery {

/// FNV-1a with 64 bits: small, the same everywhere, no defence against an adversary.
/// Source: Fowler, Noll, Vo, Eastlake, Hansen, "The FNV Non-Cryptographic Hash Algorithm"
/// (draft-eastlake-fnv), which gives the algorithm, the prime and the offset basis.
inline constexpr std::uint64_t kFnv1aBasis = 0xcbf29ce484222325U;
inline constexpr std::uint64_t kFnv1aPrime = 0x100000001b3U;

/// One step: `part` is an octet. A wider part makes a hash of the same make that is not FNV-1a;
/// that does where the values are not shown.
constexpr std::uint64_t fnv1a_step(std::uint64_t hash, std::uint64_t part) {
  return (hash ^ part) * kFnv1aPrime;
}

/// SplitMix64's finaliser: every bit of the argument reaches every bit of the result. Source:
/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with the
/// constants of Vigna's splitmix64.c.
constexpr std::uint64_t scramble(std::uint64_t bits) {
  bits += 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

std::uint64_t fnv1a(std::string_view text);
/// As 16 hexadecimal digits.
std::string fnv1a_hex(std::string_view text);

}  // namespace orrery
