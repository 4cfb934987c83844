#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string_view>

namespace orrery {

/// Throws OverflowError("<quantity> overflow: <operation> leaves the 64-bit range").
[[noreturn]] void throw_overflow(std::string_view quantity, std::string_view operation);

/// A 64-bit integer amount of one physical quantity. Quantities of different tags do not mix; sums,
/// differences and multiples that leave the range throw OverflowError with the quantity's name.
template <class Tag>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(std::int64_t count) : count_(count) {}

  constexpr std::int64_t count() const { return count_; }
  constexpr double as_double() const { return static_cast<double>(count_); }
  static constexpr Quantity max() { return Quantity(std::numeric_limits<std::int64_t>::max()); }

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.count_, b.count_, &sum)) throw_overflow(Tag::kName, "+");
    return Quantity(sum);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.count_, b.count_, &difference)) throw_overflow(Tag::kName, "-");
    return Quantity(difference);
  }
  friend constexpr Quantity operator*(Quantity a, std::int64_t factor) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(a.count_, factor, &product)) throw_overflow(Tag::kName, "*");
    return Quantity(product);
  }
  friend constexpr Quantity operator*(std::int64_t factor, Quantity a) { return a * factor; }
  /// Truncates towards zero. Division by zero throws as leaving the range does.
  friend constexpr Quantity operator/(Quantity a, std::int64_t divisor) {
    const bool below_range = divisor == -1 && a.count_ == std::numeric_limits<std::int64_t>::min();
    if (divisor == 0 || below_range) throw_overflow(Tag::kName, "/");
    return Quantity(a.count_ / divisor);
  }
  constexpr Quantity& operator+=(Quantity other) { return *this = *this + other; }
  constexpr Quantity& operator-=(Quantity other) { return *this = *this - other; }

 private:
  std::int64_t count_ = 0;
};

}  // namespace orrery
