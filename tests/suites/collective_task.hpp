#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/suites/collective_walk.hpp"

namespace orrery {

/// Members whose contribution some bytes hold, one bit each.
using Contributors = std::uint64_t;

inline Contributors only(int member) {
  return Contributors{1} << member;
}
inline Contributors everybody(int n) {
  return only(n) - 1;
}

/// What a collective is to do, byte by byte.
class Task {
 public:
  explicit Task(const CollectiveCall& call) : call_(call) {}

  bool personal() const {
    return call_.kind == CollectiveKind::all_to_all || call_.kind == CollectiveKind::send_recv;
  }
  std::int64_t length() const {
    if (call_.sizes != nullptr) return entry_begin(call_.members, 0);
    return call_.size.count() * (personal() ? call_.members : 1);
  }
  /// Where blocks begin; the end of the last.
  std::vector<std::int64_t> cuts() const {
    std::vector<std::int64_t> cuts = {0, length()};
    for (int from = 0; call_.sizes != nullptr && from < call_.members; ++from) {
      for (int to = 0; to < call_.members; ++to) cuts.push_back(entry_begin(from, to));
    }
    if (call_.sizes != nullptr) return cuts;
    for (int owner = 0; owner < (personal() ? call_.members : 1); ++owner) {
      std::int64_t at = owner * call_.size.count();
      for (int block = 0; block < call_.members; ++block) {
        cuts.push_back(at);
        at += block_size(call_.size, block, call_.members).count();
      }
    }
    return cuts;
  }
  Contributors at_first(int member, std::int64_t byte) const {
    switch (call_.kind) {
      case CollectiveKind::all_reduce:
      case CollectiveKind::reduce_scatter:
      case CollectiveKind::reduce:
      case CollectiveKind::barrier:
        return only(member);
      case CollectiveKind::all_gather:
      case CollectiveKind::gather:
        return block_of(byte) == member ? only(member) : 0;
      case CollectiveKind::all_to_all:
      case CollectiveKind::send_recv:
        return byte / call_.size.count() == member ? only(member) : 0;
      case CollectiveKind::broadcast:
      case CollectiveKind::scatter:
        return member == call_.root ? only(member) : 0;
      case CollectiveKind::all_to_all_v:
        return entry_of(byte).first == member ? only(member) : 0;
    }
    return 0;
  }
  /// 0: anything.
  Contributors at_last(int member, std::int64_t byte) const {
    if (call_.kind == CollectiveKind::all_to_all_v) {
      const auto [from, to] = entry_of(byte);
      return to == member ? only(from) : 0;
    }
    const int block = block_of(byte);
    const bool at_root = member == call_.root;
    const auto owner = static_cast<int>(byte / call_.size.count());
    switch (call_.kind) {
      case CollectiveKind::all_reduce:
      case CollectiveKind::barrier:
        return everybody(call_.members);
      case CollectiveKind::reduce:
        return at_root ? everybody(call_.members) : 0;
      case CollectiveKind::gather:
        return at_root ? only(block) : 0;
      case CollectiveKind::scatter:
        return block == member ? only(call_.root) : 0;
      case CollectiveKind::send_recv:
        return (owner + 1) % call_.members == member ? only(owner) : 0;
      case CollectiveKind::reduce_scatter:
        return block == member ? everybody(call_.members) : 0;
      case CollectiveKind::all_gather:
        return only(block);
      case CollectiveKind::all_to_all:
        return block == member ? only(owner) : 0;
      case CollectiveKind::broadcast:
        return only(call_.root);
      case CollectiveKind::all_to_all_v:
        break;
    }
    return 0;
  }

 private:
  int block_of(std::int64_t byte) const {
    std::int64_t left = byte % call_.size.count();
    int block = 0;
    while (left >= block_size(call_.size, block, call_.members).count()) {
      left -= block_size(call_.size, block++, call_.members).count();
    }
    return block;
  }

  /// Where what `from` sends `to` lies: entries of the table stand row by row.
  std::int64_t entry_begin(int from, int to) const {
    std::int64_t begin = 0;
    for (int row = 0; row <= from && row < call_.members; ++row) {
      for (int column = 0; column < (row == from ? to : call_.members); ++column) {
        begin += call_.sizes->between(row, column).count();
      }
    }
    return begin;
  }
  std::pair<int, int> entry_of(std::int64_t byte) const {
    for (int from = 0; from < call_.members; ++from) {
      for (int to = 0; to < call_.members; ++to) {
        byte -= call_.sizes->between(from, to).count();
        if (byte < 0) return {from, to};
      }
    }
    return {-1, -1};
  }

  CollectiveCall call_;
};

}  // namespace orrery
