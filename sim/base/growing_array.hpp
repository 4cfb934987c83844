#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace orrery {

namespace growing_array {
struct Block {
  void* memory = nullptr;
  std::size_t bytes = 0;
};
/// At least `bytes` (more than `old` has), which begin with the first `kept` of `old`; that is
/// given back. Throws std::bad_alloc.
Block grow(Block old, std::size_t kept, std::size_t bytes);
void free(Block block);
}  // namespace growing_array

/// A vector of plain values that may become millions: where it is large, growing moves pages
/// instead of copying values, so that no page is touched twice and no copy is alive beside it.
/// Elements of a resize are value-initialised.
template <class Value>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<Value>, "values are moved as bytes");

 public:
  GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  ~GrowingArray() { growing_array::free(block_); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Value* data() { return values_; }
  const Value* data() const { return values_; }
  Value* begin() { return values_; }
  Value* end() { return values_ + size_; }
  const Value* begin() const { return values_; }
  const Value* end() const { return values_ + size_; }
  Value& operator[](std::size_t index) { return values_[index]; }
  const Value& operator[](std::size_t index) const { return values_[index]; }
  Value& back() { return values_[size_ - 1]; }
  void pop_back() { --size_; }
  void clear() { size_ = 0; }

  void push_back(const Value& value) {
    if (size_ == capacity_) {
      const Value copy = value;  // may lie in the array
      reserve(size_ + 1);
      values_[size_++] = copy;
      return;
    }
    values_[size_++] = value;
  }
  /// Values that do not lie in the array.
  void append(std::span<const Value> values) {
    reserve(size_ + values.size());
    std::copy(values.begin(), values.end(), end());
    size_ += values.size();
  }
  void resize(std::size_t size) {
    reserve(size);
    for (std::size_t i = size_; i < size; ++i) values_[i] = Value{};
    size_ = size;
  }
  /// Room for so many. At least twice what there was, so that it may be asked for little by little.
  void reserve(std::size_t size) {
    if (size <= capacity_) return;
    const std::size_t capacity = std::max({size, 2 * capacity_, std::size_t{16}});
    block_ = growing_array::grow(block_, size_ * sizeof(Value), capacity * sizeof(Value));
    values_ = static_cast<Value*>(block_.memory);
    capacity_ = block_.bytes / sizeof(Value);
  }

 private:
  Value* values_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  growing_array::Block block_;
};

}  // namespace orrery
