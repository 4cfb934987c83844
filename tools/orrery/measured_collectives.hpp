#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "hw/spec.hpp"
#include "models/nccl/deepep.hpp"
#include "models/nccl/reckoning.hpp"
#include "sim/graph/task_graph.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/reproduce_file.hpp"

namespace orrery {

/// One measured time of one collective alone.
struct MeasuredCollective {
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::string datatype;  // or DeepEP's kernel
  DeepEpOptions deepep{};
  int ranks = 0;
  Bytes size;  // as nccl-tests defines it
  double measured_s = 0;
  bool fitted = false;    // constants were chosen by it; it counts for no limit
  bool apart = false;     // something else was measured; it counts neither, and was not fitted
  std::int64_t draw = 0;  // CRC-32, by which it was chosen
  double simulated_s = 0;
  std::string algorithm;
  std::string protocol;

  double error() const;  // |simulated - measured| / measured
};

/// Sizes of errors over some rows.
struct ErrorSpread {
  std::size_t rows = 0;
  double median = 0;
  double ninth_decile = 0;
  double maximum = 0;
};

struct MeasuredSystem {
  std::string label;
  ClusterSpec cluster;
  std::string library;    // that ran
  NcclGraphs graphs{};    // that it found between nodes
  std::string constants;  // where those of its simulation are from
  std::vector<MeasuredCollective> rows;
  std::optional<double> median_limit;  // of the rows that were not fitted; none: shown only
  std::optional<double> ninth_limit;
  std::string reason;
  std::string apart_reason;           // "": no rows are apart
  std::vector<std::size_t> together;  // places of the systems before it whose rows are its own

  /// Of the rows that were fitted, or were not, and of one kind or all; none of those apart.
  ErrorSpread spread(bool fitted, std::optional<CollectiveKind> kind = std::nullopt) const;
  /// Of those apart.
  ErrorSpread spread_apart() const;
  bool holds() const;
};

/// Measured collectives and what they take here: a reproduce.json with "measured" in place of
/// "figures" and "cases".
struct MeasuredCollectives : ReproduceFile {
  std::vector<MeasuredSystem> systems;
  std::optional<double> median_goal;  // of every system, whether it has limits or not
  std::optional<double> ninth_goal;

  bool reaches_goal(const MeasuredSystem& system) const;
  bool holds() const;
};

/// Reads `folder`/reproduce.json, called `name`, and its tables; none when it holds cases of
/// another form. Throws ScenarioError with all mistakes, IoError when a file cannot be read.
///
/// A table has the columns op_name, kernel_source, nccl_dtype, num_gpus, message_size (elements)
/// and latency (ms), as NVIDIA's aiconfigurator has them; "send_recv" is one way, from one rank to
/// the other. With "fitted_every": n a row is fitted
/// when the CRC-32 of "TABLE,op,dtype,gpus,bytes" is a multiple of n, TABLE being the file's name
/// without its ending, as in tools/fit_nccl; with "fitted_below" only below that size, and
/// never more than a third of a table: of more those with the highest CRCs are not. With "apart":
/// {"up_to": size, "reason": text} rows up to that size are shown by themselves. In place of
/// "table" and of how it is split a system of the library "deepep" has "deepep"
/// (measured_deepep.hpp). One with "together": [labels of
/// systems before it] has their rows, and neither a cluster nor a table of its own.
std::optional<MeasuredCollectives> load_measured_collectives(const std::string& folder,
                                                             const std::string& name,
                                                             const Catalog& catalog);

/// Fills in what is simulated.
void simulate(MeasuredCollectives& measured, const Builtins& builtins);

std::string to_text(const MeasuredCollectives& measured);
JsonValue to_json(const MeasuredCollectives& measured);

}  // namespace orrery
