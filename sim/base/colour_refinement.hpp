#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace orrery {

/// Splits objects into classes that nothing they take part in tells apart.
///
/// A relation is a tuple of objects with a key that says what kind it is: "a message of so many
/// bytes from this rank to that one over these links". Two objects stay together when they began
/// with the same colour and, whatever the key, position and classes of the other objects, take part
/// in equally many such relations: the coarsest equitable partition. Source: colour refinement, or
/// the 1-dimensional Weisfeiler–Leman algorithm (Weisfeiler and Leman 1968; Grohe, Kersting,
/// Mladenov, Selman 2014, "Dimension reduction via colour refinement", which gives what it is used
/// for here: a convex program may be solved on the classes alone).
///
/// Multisets are compared by two independent 64-bit sums of hashes, so two that differ pass as
/// equal with probability 2^-64 for the first and as little again for the second.
class ColourRefinement {
 public:
  /// By object: what is known of it beforehand.
  explicit ColourRefinement(std::vector<std::uint64_t> colours) : colours_(std::move(colours)) {}

  void reserve(std::size_t relations, std::size_t members);
  /// Relations of one key have one length.
  void add(std::uint64_t key, std::span<const std::uint32_t> objects);
  std::size_t relations() const { return keys_.size(); }

  /// By object: its class, numbered in the order of their first objects. Gives up, with nothing, as
  /// soon as there are more than `maximum_classes`, or after kMaximumRounds (a difference that has
  /// to travel further than so many relations).
  static constexpr std::uint64_t kMaximumRounds = 256;
  std::optional<std::vector<std::uint32_t>> refine(std::size_t maximum_classes) const;

 private:
  using Colours = std::vector<std::uint64_t>;
  void accumulate(const Colours& colours, std::uint64_t salt, Colours& sums) const;

  Colours colours_;
  std::vector<std::uint64_t> keys_;    // by relation
  std::vector<std::uint32_t> begins_;  // by relation, into members_
  std::vector<std::uint32_t> members_;
};

}  // namespace orrery
