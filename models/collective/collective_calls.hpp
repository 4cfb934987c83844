#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "models/collective/collective.hpp"
#include "models/collective/library.hpp"
#include "models/collective/prediction.hpp"
#include "models/fabric.hpp"

namespace orrery {

/// Which algorithm runs each collective, and how finely it is cut.
struct CollectiveChoice {
  std::array<std::string, kCollectiveKinds.size()> algorithm{};  // by kind; "" is "auto"
  Bytes chunk{};                     // largest message; 0: as the algorithm likes
  std::optional<Duration> launch{};  // before the first message; none: the library's, or the
                                     // device's own
  std::shared_ptr<const CollectiveLibrary> library{};  // that runs them; none: the algorithm alone,
                                                       // over links as they are
  bool predicts = false;   // without a library "auto" is the algorithm of least predicted time
                           // ("predicted"); else the first of its kind ("plain")
  std::int64_t cores = 0;  // of each device set apart for communication kernels; 0: none are
};

/// All runs of one kind, size and group size over groups that are placed alike: for bus bandwidth.
struct CollectiveRecord {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Bytes size;
  int members = 0;
  std::string algorithm;
  std::string protocol{};  // with a library, as are these
  int channels = 0;        // cores that it takes of each member
  std::string reason{};    // why these three
  std::uint64_t runs = 0;
  Duration total;  // start (all members there) to the last member's end, summed over runs
  Duration fastest;
  double port_limit = 0;    // bytes/s: raw bandwidth of the links that end in one member
  bool in_network = false;  // switches do a part of it
};

/// Makes the program of each different call once, and keeps the record of its runs.
class CollectiveCalls {
 public:
  struct Call {
    std::shared_ptr<const CollectiveProgram> program;
    std::size_t record = 0;
    std::optional<Duration> launch{};  // none: the device's own
    std::optional<MessageTerms> terms{};
  };

  CollectiveCalls(const Registry<CollectiveFactory>& registry, CollectiveChoice choice,
                  Fabric& fabric)
      : registry_(registry), choice_(std::move(choice)), fabric_(&fabric) {
    if (choice_.predicts) prediction_ = std::make_unique<CollectivePrediction>(fabric);
  }

  /// Requires a group of two or more, and the op's graph, or what it was folded into.
  const Call& call_for(const TaskGraph& graph, const Op& op, std::span<const Rank> group);
  /// The program alone. Requires two members or more.
  const CollectiveProgram& program_for(const TaskGraph& graph, const Op& op,
                                       std::span<const Rank> group) {
    return *planned(graph, op, group, group_facts(group, op)).program;
  }
  /// Why the algorithm that was chosen cannot run this; empty when it can.
  std::string refusal(const Op& op, std::span<const Rank> group) {
    return collective_refusal(algorithm_for(op.collective).name, *group_facts(group, op).site);
  }
  /// `groups` ran it at the same time.
  void count_run(std::size_t record, Duration took, std::uint64_t groups);
  bool has_library() const { return choice_.library != nullptr; }
  const std::vector<CollectiveRecord>& records() const { return records_; }

 private:
  /// What is known of a group.
  struct GroupFacts {
    double port_limit = 0;
    const CollectiveSite* site = nullptr;  // one address for all that are equal
    std::uint64_t reach = 0;               // CollectivePrediction::reach, where that is asked
  };
  using ProgramKey =
      std::tuple<CollectiveKind, std::int64_t, std::uint32_t, SizesId, std::size_t,
                 const CollectiveSite*, std::uint64_t>;  // size, root, table, members, reach
  using Key = std::tuple<ProgramKey, double>;            // port limit

  struct Planned {
    CollectivePlan plan;
    std::shared_ptr<const CollectiveProgram> program;
  };
  static ProgramKey key_of(const Op& op, std::size_t members, const GroupFacts& facts) {
    return {op.collective, op.bytes.count(), op.root, op.sizes, members, facts.site, facts.reach};
  }
  const Planned& planned(const TaskGraph& graph, const Op& op, std::span<const Rank> group,
                         const GroupFacts& facts);
  CollectivePlan plan_for(const CollectiveCall& call, std::span<const Rank> group) const;
  CollectivePlan predicted_plan(const CollectiveCall& call, std::span<const Rank> group) const;
  const Registry<CollectiveFactory>::Entry& algorithm_for(CollectiveKind kind) const;
  const GroupFacts& group_facts(std::span<const Rank> group, const Op& op);
  double port_limit(std::span<const Rank> group);
  enum class Direction { in, out };
  double bandwidth_of(std::span<const Rank> group, Rank member, Direction direction);

  Registry<CollectiveFactory> registry_;
  CollectiveChoice choice_;
  Fabric* fabric_;
  std::unique_ptr<CollectivePrediction> prediction_;  // null where nothing is predicted
  std::map<ProgramKey, Planned> planned_;
  std::map<Key, Call> calls_;
  std::set<CollectiveSite> sites_;
  // By address and size of the group, and the root, -1 for none: only looked up, never iterated, as
  // those by a site are.
  std::map<std::tuple<const Rank*, std::size_t, std::int64_t>, GroupFacts> groups_;
  std::vector<CollectiveRecord> records_;
};

}  // namespace orrery
