#pragma once

#include <string>
#include <vector>

#include "workloads/sublayer_settings.hpp"

namespace orrery {

/// The product of a tensor-parallel sublayer as a task graph, and what its communication is added
/// with. All ranks do the same in an order of their own: chunk s is another part of the output on
/// each.
class SublayerGraph {
 protected:
  using Communication = SublayerSettings::Communication;
  using Overlap = SublayerSettings::Overlap;
  using Reduction = SublayerSettings::Reduction;

  explicit SublayerGraph(const SublayerSettings& settings);

  struct Block {
    OpId first;     // of its kernels
    OpId multiply;  // its values are there
    OpId stores;    // none where they go elsewhere
  };

  bool is_ring() const { return settings_.communication == Communication::ring_reduce_scatter; }
  std::int64_t chunks() const { return settings_.tensor; }
  Bytes chunk() const { return settings_.output() / chunks(); }
  Bytes block(std::int64_t b) const;
  const Block& made(std::int64_t s, std::int64_t b) const {
    return made_[static_cast<std::size_t>(s * settings_.blocks + b)];
  }
  /// Whether chunk s of all ranks is stored to other ranks.
  bool is_remote(std::int64_t s) const;
  static std::string name(const char* what, std::int64_t s, std::int64_t b);

  /// A block is up to three kernels in a row: reads that arithmetic does not hide, arithmetic
  /// beside the other reads, and stores. But for the first of all they are not launched.
  void add_product();
  OpId add_kernel(const std::string& label, const char* stream, LabelId category, Kernel kernel);
  /// From every rank to the one that many hops on.
  OpId add_transfer(const std::string& label, const std::string& stream, Movement movement,
                    Bytes bytes, std::int64_t hops);
  /// Of the whole output.
  OpId add_collective(CollectiveKind kind, LabelId label);
  void add_facts();

  SublayerSettings settings_;
  Rank ranks_;
  Job job_;
  TaskGraph& graph_;
  RankSetId all_;
  LabelId product_;
  LabelId reduce_;
  LabelId gather_;
  std::vector<Block> made_;  // by chunk, then block
  OpId last_of_product_;

 private:
  RankSetId set_shifted_by(std::int64_t hops);
};

}  // namespace orrery
