#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace orrery {

/// An index into one particular table; ids of different tags do not mix.
template <class Tag, class Integer = std::uint32_t>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::size_t index) : index_(static_cast<Integer>(index)) {}

  constexpr std::size_t index() const { return index_; }
  constexpr bool valid() const { return index_ != kNone; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  static constexpr Integer kNone = std::numeric_limits<Integer>::max();
  Integer index_ = kNone;
};

}  // namespace orrery
