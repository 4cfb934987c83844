#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/base/growing_array.hpp"

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
/// Every round hashes anew what each object takes part in, and the last one, in which no class
/// splits, is at once the test of the result. Equal multisets have equal hashes. Two that differ
/// pass as equal with a probability below 2^-57 for each relation of the two objects
/// (colour_refinement.cpp says why), and a result that is too coarse needs that to happen, in one
/// round, to all pairs of objects that differ and share a class.
class ColourRefinement {
 public:
  /// By object: what is known of it beforehand.
  explicit ColourRefinement(std::vector<std::uint64_t> colours) : colours_(std::move(colours)) {}

  /// Relations of one key and one length, at least 1: their objects, one relation behind the other.
  /// Another key is another kind, and so is another length. The more at once the faster.
  void add(std::uint64_t key, std::size_t length, std::span<const int> objects);
  std::size_t relations() const { return relations_; }
  /// For who will add many: members of all relations together, those that are here included.
  std::size_t members() const { return members_.size(); }
  void reserve(std::size_t members) { members_.reserve(members); }

  /// By object: its class, numbered in the order of their first objects. Gives up, with nothing, as
  /// soon as there are more than `maximum_classes`, or after kMaximumRounds (a difference that has
  /// to travel further than so many relations).
  static constexpr std::uint64_t kMaximumRounds = 256;
  std::optional<std::vector<std::uint32_t>> refine(std::size_t maximum_classes) const;

 private:
  using Colours = std::vector<std::uint64_t>;
  struct Run {  // relations of one kind
    std::uint64_t key = 0;
    std::size_t length = 0;  // of each
    std::size_t size = 0;    // of all
  };

  void accumulate(const Colours& colours, const Colours& weights, Colours& sums) const;

  Colours colours_;
  std::vector<Run> runs_;
  GrowingArray<int> members_;  // of all relations, in their order
  std::size_t relations_ = 0;
  std::size_t greatest_length_ = 0;
};

}  // namespace orrery
