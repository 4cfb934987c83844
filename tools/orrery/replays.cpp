#include "tools/orrery/replays.hpp"

#include <charconv>
#include <filesystem>
#include <functional>
#include <utility>

#include "sim/base/hash.hpp"
#include "traces/chakra.hpp"
#include "traces/goal.hpp"
#include "traces/kineto.hpp"
#include "traces/trace_error.hpp"
#include "traces/trace_events.hpp"
#include "traces/trace_file.hpp"
#include "traces/trace_formats.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using Members = std::vector<std::pair<std::string, JsonValue>>;

constexpr std::int64_t kMaximumRanks = 1 << 20;

/// A job that files describe. What it leaves out stands at read_chakra, read_goal and
/// kineto_programs; memory is that of the files, which only our own have.
class Replay final : public Workload {
 public:
  Replay(RankPrograms programs, Members resolved)
      : programs_(std::move(programs)), resolved_(std::move(resolved)) {}

  Job build() const override {
    std::vector<RankPrograms::LeftOut> left_out = programs_.left_out;
    Job job{.graph = orrery::link(programs_, &left_out), .headline = "replay_time_s", .facts = {}};
    for (const auto& [key, value] : programs_.notes) take_note(job, key, value);
    for (const RankPrograms::LeftOut& what : left_out) {
      job.facts.push_back({what.key, static_cast<double>(what.count), what.about});
    }
    return job;
  }

  JsonValue resolved() const override { return json_object(resolved_); }

 private:
  /// What trace_notes wrote of the job that was exported.
  static void take_note(Job& job, const std::string& key, const std::string& value) {
    double number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    if (key == "headline") job.headline = value;
    if (key == "tokens") job.tokens = number;
    if (key == "model_operations") job.model_operations = number;
    if (key == "model_operations_full_attention") job.model_operations_full_attention = number;
    if (key == "pipelined") job.pipelined = value == "true";
    if (key == "precision") job.precision = precision_from(value).value_or(job.precision);
  }

  RankPrograms programs_;
  Members resolved_;
};

/// Reads a key "files" or "file", and what stands in the files.
class Files {
 public:
  Files(JsonCursor& parameters, const char* key, const WorkloadContext& context)
      : key_(parameters.at(key)),
        digest_(parameters.find("digest")),
        devices_(context.devices),
        has_trigger_(context.trigger) {
    if (!key_.present()) return;
    pattern_ = key_.as_string();
    const std::string named_in = key_.value().origin.file ? *key_.value().origin.file : "";
    folder_ = fs::path(named_in).parent_path();
  }

  /// One file, or where the name has a mark those of ranks 0, 1, … up to `ranks`, or to the last
  /// that is there.
  std::vector<std::string> paths(std::int64_t ranks) {
    const std::size_t mark = pattern_.find(kRankMark);
    if (pattern_.empty()) return {};
    if (mark == std::string::npos) return {(folder_ / pattern_).string()};
    std::vector<std::string> paths;
    for (std::int64_t rank = 0; rank < (ranks > 0 ? ranks : kMaximumRanks); ++rank) {
      std::string name = pattern_;
      name.replace(mark, kRankMark.size(), std::to_string(rank));
      const std::string path = (folder_ / name).string();
      std::error_code error;
      if (ranks == 0 && !fs::exists(path, error)) break;
      paths.push_back(path);
    }
    if (paths.empty()) key_.error("there is no file of rank 0: " + pattern_);
    return paths;
  }

  /// Makes the workload, or reports why not.
  std::unique_ptr<Workload> replay(const std::vector<std::string>& paths, Members resolved,
                                   const std::function<RankPrograms()>& read) {
    if (!key_.diagnostics().empty() || paths.empty()) return nullptr;
    try {
      RankPrograms programs = read();
      const auto ranks = static_cast<std::int64_t>(programs.ranks.size());
      if (devices_ > 0 && ranks > devices_) {
        key_.error("the traces are of " + std::to_string(ranks) + " ranks, and the cluster has " +
                   std::to_string(devices_) + " devices");
        return nullptr;
      }
      if (tracks(programs) && !has_trigger_) {
        key_.error(
            "the traces track stores (T3), and the device of the cluster has no trigger unit");
        return nullptr;
      }
      std::uint64_t hash = kFnv1aBasis;
      for (const std::string& path : paths) hash = fnv1a_step(hash, fnv1a(read_trace_file(path)));
      const std::string digest = fnv1a_hex(std::to_string(hash));
      if (digest_.present() && digest_.as_string() != digest) {
        digest_.error("the files are not those of this digest: theirs is " + digest);
        return nullptr;
      }
      resolved.emplace_back("ranks", json_integer(ranks));
      resolved.emplace_back("digest", json_string(digest));
      return std::make_unique<Replay>(std::move(programs), std::move(resolved));
    } catch (const TraceError& error) {
      key_.error(error.what());
    } catch (const IoError& error) {
      key_.error(error.what());
    } catch (const ScenarioError& error) {  // JSON within a trace
      key_.error(error.what());
    }
    return nullptr;
  }

  const std::string& pattern() const { return pattern_; }

 private:
  JsonCursor key_;
  JsonCursor digest_;
  static bool tracks(const RankPrograms& programs) {
    for (const std::vector<RankOp>& program : programs.ranks) {
      for (const RankOp& op : program) {
        if (op.tracked > Bytes(0) || op.triggered > Bytes(0)) return true;
      }
    }
    return false;
  }

  std::int64_t devices_;
  bool has_trigger_;
  std::string pattern_;
  fs::path folder_;
};

std::int64_t read_ranks(JsonCursor& parameters) {
  JsonCursor ranks = parameters.find("ranks");
  return ranks.present() ? ranks.as_count({.minimum = 1, .maximum = kMaximumRanks}) : 0;
}

std::unique_ptr<Workload> make_chakra_replay(JsonCursor parameters,
                                             const WorkloadContext& context) {
  Files files(parameters, "files", context);
  const std::int64_t ranks = read_ranks(parameters);
  const std::string durations = parameters.at("durations").as_choice({"recorded", "cost_model"});
  JsonCursor missing = parameters.find("missing_dependencies");
  const std::string policy = missing.present() ? missing.as_choice({"warn", "error"}) : "warn";
  JsonCursor precision = parameters.find("precision");
  const Precision format = precision.present() ? precision.as_precision() : Precision::bf16;
  parameters.reject_unknown_keys();
  const ChakraOptions options{.durations = durations == "recorded"
                                               ? ChakraOptions::Durations::recorded
                                               : ChakraOptions::Durations::cost_model,
                              .missing_is_error = policy == "error",
                              .precision = format};
  const std::vector<std::string> paths = files.paths(ranks);
  return files.replay(paths,
                      {{"files", json_string(files.pattern())},
                       {"durations", json_string(durations)},
                       {"missing_dependencies", json_string(policy)},
                       {"precision", json_string(std::string(to_string(format)))}},
                      [&] { return read_chakra(paths, options); });
}

std::unique_ptr<Workload> make_goal_replay(JsonCursor parameters, const WorkloadContext& context) {
  Files files(parameters, "file", context);
  parameters.find("ranks");  // which `resolved` adds
  parameters.reject_unknown_keys();
  const std::vector<std::string> paths = files.paths(1);
  return files.replay(paths, {{"file", json_string(files.pattern())}},
                      [&] { return read_goal(read_trace_file(paths[0]), paths[0]); });
}

std::unique_ptr<Workload> make_kineto_replay(JsonCursor parameters,
                                             const WorkloadContext& context) {
  Files files(parameters, "files", context);
  const std::int64_t ranks = read_ranks(parameters);
  const std::string communication =
      parameters.at("communication").as_choice({"simulated", "recorded"});
  parameters.reject_unknown_keys();
  const KinetoOptions options{.communication = communication == "simulated"
                                                   ? KinetoOptions::Communication::simulated
                                                   : KinetoOptions::Communication::recorded,
                              .ranks = static_cast<Rank>(ranks)};
  const std::vector<std::string> paths = files.paths(ranks);
  return files.replay(
      paths,
      {{"files", json_string(files.pattern())}, {"communication", json_string(communication)}},
      [&] {
        std::vector<RecordedTrace> traces;
        for (const std::string& path : paths) {
          traces.push_back(read_trace_events(read_trace_file(path), path));
        }
        return kineto_programs(traces, options);
      });
}

}  // namespace

Registry<WorkloadFactory> with_replays(Registry<WorkloadFactory> workloads) {
  workloads.add({"chakra_replay", make_chakra_replay,
                 "MLCommons Chakra execution traces, a file for each rank: durations as recorded, "
                 "or by the cost model"});
  workloads.add({"goal_replay", make_goal_replay,
                 "a GOAL schedule of calc, send and recv (LogGOPSim, ATLAHS)"});
  workloads.add({"kineto_replay", make_kineto_replay,
                 "what PyTorch's profiler recorded, on another network: the same kernels, "
                 "collectives simulated or as recorded"});
  return workloads;
}

}  // namespace orrery
