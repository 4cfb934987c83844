#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "sim/base/random.hpp"
#include "sim/base/unit_text.hpp"
#include "workloads/builtin.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumOps = 1'000'000;
constexpr std::int64_t kMaximumTable = 8192;  // members of an all-to-all-v: a table of 512 MiB

struct Settings {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Bytes size;                // as nccl-tests defines it
  std::int64_t ranks = 0;    // the first so many devices
  std::int64_t group = 0;    // consecutive ranks that are one group
  std::int64_t root = 0;     // position in each group
  std::int64_t repeat = 1;   // one after another
  std::int64_t at_once = 1;  // side by side, each on a stream of its own
  JsonValue sizes;           // all_to_all_v: the key as it was read
  std::shared_ptr<const SizeTable> table;
};

/// Collectives alone, as nccl-tests runs them: on every group of ranks `repeat` of them behind each
/// other, `at_once` side by side. Memory categories: none.
/// Leaves out: the check of the data, and the compute that collectives overlap with in a job.
class CollectiveBenchmark final : public Workload {
 public:
  explicit CollectiveBenchmark(Settings settings) : settings_(std::move(settings)) {}

  Job build() const override {
    Job job{.graph = TaskGraph(static_cast<Rank>(settings_.ranks)),
            .headline = "benchmark_time_s",
            .facts = {}};
    TaskGraph& graph = job.graph;
    std::vector<Rank> all(static_cast<std::size_t>(settings_.ranks));
    std::iota(all.begin(), all.end(), 0);
    Op op;
    op.kind = OpKind::collective;
    op.collective = settings_.kind;
    op.ranks = graph.rank_set(std::move(all));
    op.group_size = static_cast<std::uint32_t>(settings_.group);
    op.root = static_cast<std::uint32_t>(settings_.root);
    op.label = op.category = graph.label(to_string(settings_.kind));
    op.bytes = settings_.size;
    if (settings_.table != nullptr) {
      op.sizes = graph.sizes(settings_.table);
      op.bytes = settings_.table->busiest();
    }
    for (std::int64_t run = 0; run < settings_.repeat; ++run) {
      for (std::int64_t stream = 0; stream < settings_.at_once; ++stream) {
        op.stream = graph.stream("collective " + std::to_string(stream));
        graph.add(op);
      }
    }
    job.facts.push_back({"size_bytes", op.bytes.as_double(),
                         "Size of a collective as nccl-tests defines it; of an all-to-all-v the "
                         "most that a member exchanges with others."});
    job.facts.push_back({"groups", static_cast<double>(settings_.ranks / settings_.group),
                         "Groups of ranks that run it."});
    return job;
  }

  JsonValue resolved() const override {
    std::vector<std::pair<std::string, JsonValue>> keys = {
        {"collective", json_string(std::string(to_string(settings_.kind)))},
        {"ranks", json_integer(settings_.ranks)},
        {"group", json_integer(settings_.group)},
        {"repeat", json_integer(settings_.repeat)},
        {"at_once", json_integer(settings_.at_once)}};
    if (settings_.kind == CollectiveKind::all_to_all_v) {
      keys.emplace_back("sizes", settings_.sizes);
    }
    if (settings_.kind != CollectiveKind::all_to_all_v ||
        settings_.sizes.kind == JsonValue::Kind::object) {
      keys.emplace_back("size", json_string(std::to_string(settings_.size.count()) + " B"));
    }
    if (has_root(settings_.kind)) keys.emplace_back("root", json_integer(settings_.root));
    return json_object(std::move(keys));
  }

 private:
  Settings settings_;
};

/// Rows of amounts, as many as members.
std::shared_ptr<const SizeTable> read_matrix(JsonCursor& sizes, std::int64_t members) {
  std::vector<JsonCursor> rows = sizes.items();
  std::vector<Bytes> bytes;
  if (static_cast<std::int64_t>(rows.size()) != members) {
    sizes.error("expected " + std::to_string(members) +
                " rows, one for each rank of a group, got " + std::to_string(rows.size()));
    return nullptr;
  }
  for (JsonCursor& row : rows) {
    std::vector<JsonCursor> entries = row.items();
    if (static_cast<std::int64_t>(entries.size()) != members) {
      row.error("expected " + std::to_string(members) +
                " amounts, one for each rank of a group, got " + std::to_string(entries.size()));
      continue;
    }
    for (JsonCursor& entry : entries) bytes.push_back(entry.as_bytes());
  }
  if (!sizes.diagnostics().empty()) return nullptr;
  return std::make_shared<SizeTable>(static_cast<int>(members), std::move(bytes));
}

/// Every member sends `size` in all, its own part included, of which the receiver that is k-th in
/// order of favour gets a part in proportion to (k+1)^-exponent: Zipf's law, as for the experts of
/// a mixture; 0 is an all-to-all. Who is favoured is drawn from the seed, the same for all senders.
std::shared_ptr<const SizeTable> zipf_table(const Settings& settings, double exponent,
                                            std::uint64_t seed) {
  const auto members = static_cast<std::size_t>(settings.group);
  std::vector<std::size_t> place(members);
  std::iota(place.begin(), place.end(), std::size_t{0});
  RandomStream random(seed, "all_to_all_v sizes");
  for (std::size_t left = members; exponent > 0 && left > 1; --left) {
    const auto pick = random.integer(0, static_cast<std::int64_t>(left) - 1);
    std::swap(place[left - 1], place[static_cast<std::size_t>(pick)]);
  }
  double sum = 0;
  for (std::size_t k = 0; k < members; ++k) sum += std::pow(static_cast<double>(k + 1), -exponent);
  std::vector<Bytes> row(members);
  for (std::size_t to = 0; to < members; ++to) {
    const double share = std::pow(static_cast<double>(place[to] + 1), -exponent) / sum;
    row[to] = Bytes(static_cast<std::int64_t>(share * settings.size.as_double()));
  }
  std::vector<Bytes> bytes;
  bytes.reserve(members * members);
  for (std::size_t from = 0; from < members; ++from) {
    bytes.insert(bytes.end(), row.begin(), row.end());
  }
  return std::make_shared<SizeTable>(static_cast<int>(members), std::move(bytes));
}

void read_sizes(JsonCursor& parameters, Settings& settings, std::uint64_t seed) {
  JsonCursor sizes = parameters.at("sizes");
  if (!sizes.present()) return;
  settings.sizes = sizes.value();
  if (settings.group > kMaximumTable) {
    parameters.find("group").error("a table of sizes is for at most " +
                                   std::to_string(kMaximumTable) + " ranks, got " +
                                   std::to_string(settings.group));
    return;
  }
  if (sizes.value().kind == JsonValue::Kind::array) {
    settings.table = read_matrix(sizes, settings.group);
    return;
  }
  if (sizes.value().kind != JsonValue::Kind::object) {
    sizes.expected("rows of amounts, or {\"kind\": \"zipf\", \"exponent\": 1}");
    return;
  }
  sizes.at("kind").as_choice({"zipf"});
  const double exponent = sizes.at("exponent").as_ratio({.minimum = 0, .maximum = 10});
  sizes.reject_unknown_keys();
  settings.size = parameters.at("size").as_bytes();
  if (sizes.diagnostics().empty()) settings.table = zipf_table(settings, exponent, seed);
}

/// Which ranks, in which groups.
void read_groups(JsonCursor& parameters, Settings& settings, std::int64_t devices) {
  settings.ranks = devices;
  if (JsonCursor ranks = parameters.find("ranks"); ranks.present()) {
    settings.ranks = ranks.as_count({.minimum = 1});
    if (devices > 0 && settings.ranks > devices) {
      ranks.expected("at most " + std::to_string(devices) + ", the devices of the cluster");
    }
  }
  settings.group = settings.ranks;
  if (JsonCursor group = parameters.find("group"); group.present()) {
    settings.group = group.as_count({.minimum = 1});
    if (settings.group > 0 && settings.ranks % settings.group != 0) {
      group.expected("a divisor of the " + std::to_string(settings.ranks) + " ranks");
    }
  }
}

}  // namespace

std::unique_ptr<Workload> make_collective_benchmark(JsonCursor parameters,
                                                    const WorkloadContext& context) {
  Settings settings;
  std::vector<std::string> kinds;
  for (const CollectiveKind kind : kCollectiveKinds) kinds.emplace_back(to_string(kind));
  const std::string name = parameters.at("collective").as_choice(kinds);
  const auto found = std::find(kinds.begin(), kinds.end(), name);
  if (found == kinds.end()) return nullptr;  // what else is needed depends on it
  settings.kind = kCollectiveKinds[static_cast<std::size_t>(found - kinds.begin())];
  read_groups(parameters, settings, context.devices);
  if (has_root(settings.kind)) {
    if (JsonCursor root = parameters.find("root"); root.present()) {
      settings.root = root.as_count({.maximum = std::max<std::int64_t>(settings.group, 1) - 1});
    }
  }
  if (JsonCursor repeat = parameters.find("repeat"); repeat.present()) {
    settings.repeat = repeat.as_count({.minimum = 1, .maximum = kMaximumOps});
  }
  if (JsonCursor at_once = parameters.find("at_once"); at_once.present()) {
    settings.at_once = at_once.as_count({.minimum = 1, .maximum = 1'000});
    if (settings.at_once > kMaximumOps / std::max<std::int64_t>(settings.repeat, 1)) {
      at_once.error(std::to_string(settings.repeat) + " times " + std::to_string(settings.at_once) +
                    " collectives are more than " + std::to_string(kMaximumOps));
    }
  }
  // Without devices the cluster is wrong, and what follows from their number cannot be said.
  const bool sized = settings.ranks > 0;
  if (settings.kind == CollectiveKind::all_to_all_v) {
    if (sized) {
      read_sizes(parameters, settings, context.seed);
    } else {
      parameters.find("sizes");
      parameters.find("size");
    }
  } else if (settings.kind == CollectiveKind::barrier) {
    settings.size = parameters.find("size").as_bytes();
  } else {
    settings.size = parameters.at("size").as_bytes();
  }
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty() || !sized) return nullptr;
  try {
    if (settings.table != nullptr) static_cast<void>(settings.table->busiest());
  } catch (const OverflowError& error) {
    parameters.find("sizes").error(std::string("too much in all: ") + error.what());
    return nullptr;
  }
  return std::make_unique<CollectiveBenchmark>(std::move(settings));
}

}  // namespace orrery
