#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "traces/chakra_attributes.hpp"
#include "traces/rank_programs.hpp"

namespace orrery::chakra {

/// The process groups of a job, by name and members: the same ranks may have several, as PyTorch
/// makes them, each with an order of its own. Without a metadata node "0", or no name, is
/// everybody.
class GroupTable {
 public:
  GroupTable(RankPrograms& programs, std::size_t world) : programs_(&programs), world_(world) {}

  /// Names are those of a file.
  void begin_file() { names_.clear(); }
  /// What a metadata node gives. Throws TraceError for ranks that are not there.
  void read(const Node& node, const std::string& path);
  /// The group that a collective runs in. Throws TraceError for one that nothing gives.
  std::uint32_t find(const Attributes& collective);

 private:
  std::vector<Rank> everybody() const;
  std::uint32_t number_of(const std::string& name, std::vector<Rank> ranks);

  RankPrograms* programs_;
  std::size_t world_;
  std::map<std::string, std::uint32_t> names_;
  std::map<std::pair<std::string, std::vector<Rank>>, std::uint32_t> groups_;
};

}  // namespace orrery::chakra
