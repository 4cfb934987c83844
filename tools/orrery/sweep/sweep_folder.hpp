#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/orrery/sweep/point_run.hpp"
#include "tools/orrery/sweep/sweep_file.hpp"

namespace orrery {

/// A point as the folder knows it: which file its result is in, and what its row begins with.
struct PlannedPoint {
  std::string id;
  std::vector<std::string> labels;  // by column
};

/// What a table needs of a result.
struct PointRow {
  std::string status;
  int exit_code = 0;
  std::string error;
  std::vector<std::pair<std::string, double>> metrics;

  bool is_failure() const { return status == "failed" || status == "invalid"; }
  /// Nothing where the point has no such figure. Communication of a category that is nowhere
  /// exposed is 0.
  std::optional<double> metric(const std::string& name) const;
};

/// The folder of a sweep.
///
///   sweep.json              the sweep, with its scenario inside
///   points.jsonl            the names of the axes; then for each point its id and its labels
///   points/ab/ab…12.jsonl   one result a file, named by its id; of 256 folders none has more than
///   a
///                           thousand with kMaximumPoints
///   slurm/001/ …            what was submitted; pbs/, lsf/
///
/// A result appears whole or not at all (AtomicFile: a temporary name in the same folder, synced,
/// renamed), and it alone says that a point is done: there is no lock and no list of what is done,
/// so that nothing else can be wrong after a crash, on NFS and Lustre either. Its first line has
/// the number and the FNV-1a hash of the bytes that follow, the second the row, the third the
/// result.
class SweepFolder {
 public:
  explicit SweepFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  /// Throws UsageError when it has another sweep, unless `adopt`. Writes nothing.
  void expect(const SweepFile& file, bool adopt) const;
  /// The same; then makes the folder, or finds that it has this sweep.
  void open(const SweepFile& file, bool adopt) const;
  void write_plan(const std::vector<std::string>& columns,
                  const std::vector<PlannedPoint>& points) const;

  struct Plan {
    std::vector<std::string> columns;
    std::vector<PlannedPoint> points;
  };
  /// Throws UsageError when there is none.
  Plan read_plan() const;

  void write_result(const std::string& id, const PointOutcome& outcome) const;
  /// Nothing when it is not there, or broken.
  std::optional<PointRow> read_result(const std::string& id) const;
  /// Temporary files that killed processes left behind, by their age.
  void remove_temporary_files() const;

 private:
  std::string folder_of(const std::string& id) const {
    return path_of("points/" + id.substr(0, 2));
  }
  std::string file_of(const std::string& id) const { return folder_of(id) + "/" + id + ".jsonl"; }

  std::string path_;
};

}  // namespace orrery
