#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/cost/op/op_model.hpp"
#include "models/cost/op_error.hpp"

namespace orrery {

/// The largest count that a size may have.
inline constexpr std::int64_t kMostOfSize = 1'000'000'000'000;

/// Text by column: "m" → "4096".
using OpFields = std::map<std::string, std::string>;

/// The field that names the precision: "dtype", else the first that ends in "_dtype" and does not
/// say how operands are stored (OpModel::stored_as); "" without either.
std::string dtype_field(const OpModel& model, const OpFields& fields);

/// The shape that fields describe: a count for each size of the model (its fallback where it has
/// one and there is no such field), the precision of dtype_field, bf16 without one, and the format
/// of OpModel::stored_as, else that precision. Other fields are left alone. Throws UsageError that
/// begins with `where` and names the field, also for a shape that the model refuses.
OpShape shape_from(const OpModel& model, const OpFields& fields, const std::string& where);

/// The CRC-32 of IEEE 802.3, as Python's zlib.crc32: what splits measured rows.
std::uint32_t crc32_of(const std::string& text);

/// Throws UsageError with the nearest name when there is none.
const Registry<OpModelFactory>::Entry& op_named(const Registry<OpModelFactory>& models,
                                                const std::string& name);

/// "bf16", and what libraries call it: "bfloat16", "half", "float16", …; none for others.
std::optional<Precision> precision_of(const std::string& name);

/// A file of comma-separated values: a line of names, then one line a row. No quotes, no names
/// twice.
struct OpTable {
  std::string path;
  std::string header;              // as written
  std::vector<std::string> lines;  // of the rows, as written; none of a JSON file
  std::vector<OpFields> rows;
  std::vector<std::size_t> numbers;  // of the rows: lines from 1, in a JSON file places from 0
  std::string device = {};  // what the driver calls the one that a JSON file was measured on
  std::int64_t sms = 0;     // of it; 0: the file does not say
  std::string origin = {};  // device, driver, CUDA version, git hash, date: as far as the file says

  bool is_json() const { return header.empty(); }
  /// "FILE, line 3", of a row; of a JSON file "FILE#/rows/1".
  std::string place(std::size_t row) const;
};

/// Where a table has its measured times, and in what.
struct TimeColumn {
  std::string name;
  double seconds = 1;  // of its unit
};

/// The rows as samples. One is judged when the CRC-32 of its sizes, joined by commas, is a multiple
/// of `judge`; none when that is 0. Throws UsageError that names the place.
std::vector<OpSample> samples_from(const OpTable& table, const OpModel& model,
                                   const DeviceSpec& device, const TimeColumn& times, int judge);

/// Throws IoError when the file cannot be read, and UsageError for a first line that names no
/// columns, or a row of another length.
OpTable read_op_table(const std::string& path);
/// A file that kernels/calibrate wrote: "rows" with "shape", "dtype", "median_s", "kernel",
/// "part", "flops" and "stable", and what it was measured on. Throws IoError and ScenarioError.
OpTable read_op_rows(const std::string& path);

}  // namespace orrery
