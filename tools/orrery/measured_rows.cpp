#include "tools/orrery/measured_rows.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "sim/base/json_value.hpp"
#include "tools/orrery/command_line.hpp"

namespace orrery {
namespace {

std::string field_of(const OpFields& row, const std::string& name) {
  const auto field = row.find(name);
  return field == row.end() ? "" : field->second;
}

/// Why a row is left out whoever wrote it; "" when it is not.
std::string unusual_place(const OpFields& row, const DeviceSpec& device) {
  const std::string text = field_of(row, "sms");
  std::int64_t sms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sms);
  if (text.empty() || error != std::errc() || sms >= device.cores) return {};
  return "ran on fewer than the " + std::to_string(device.cores) + " cores of " + device.name;
}

/// Why a row that kernels/calibrate wrote is left out; "" when it is not.
std::string other_kernel(const OpFields& row, const OpModel& model, const DeviceSpec& device,
                         const std::string& kernel) {
  const std::string own = field_of(row, "kernel");
  if (row.contains("stable")) return "did not settle (\"stable\": false)";
  if (row.contains("part")) return "ran beside other kernels (" + own + ")";
  if (!kernel.empty() && own != kernel) return "are of other kernels than " + kernel;
  for (const OpSize& size : model.sizes()) {
    if (!size.fallback && !row.contains(std::string(size.name))) {
      return "have no " + std::string(size.name) + " (" + own + ")";
    }
  }
  const std::string dtype = field_of(row, "dtype");
  const std::optional<Precision> precision = dtype.empty() ? Precision::bf16 : precision_of(dtype);
  if (!precision) return "are in " + dtype + ", which is no format of an op";
  if (!device.peak_of(*precision))
    return "are in " + dtype + ", for which " + device.name + " has no peak rate";
  return {};
}

/// Operations that a kernel may count apart from the op's: of a softmax, of half a causal row.
constexpr double kOtherWork = 0.05;

/// Whether it says that it does other work than the op: one of two products, say.
bool does_other_work(const OpFields& row, const OpModel& model, const OpShape& shape) {
  const double own = std::strtod(field_of(row, "flops").c_str(), nullptr);
  const double expected = model.work(shape).operations;
  return own > 0 && std::abs(own - expected) > kOtherWork * expected;
}

/// Letters and digits alone, small: "NVIDIA H100 80GB HBM3" to "nvidiah10080gbhbm3".
std::string plain(const std::string& name) {
  std::string text;
  for (const char each : name) {
    const auto character = static_cast<unsigned char>(each);
    if (std::isalnum(character) != 0) text += static_cast<char>(std::tolower(character));
  }
  return text;
}

/// Throws UsageError for a file of a device with other cores; a note when the names do not match.
std::string check_device(const OpTable& table, const DeviceSpec& device) {
  const std::string whose = table.device.empty() ? "another device" : table.device;
  if (table.sms > 0 && table.sms != device.cores) {
    throw UsageError(table.path + "#/device/sms: expected the " + std::to_string(device.cores) +
                     " cores of " + device.name + ", got " + std::to_string(table.sms) + " of " +
                     whose);
  }
  const std::string model = plain(device.name.substr(0, device.name.find('_')));
  if (table.device.empty() || plain(table.device).find(model) != std::string::npos) return {};
  return "measured on " + whose + ", fitted as " + device.name + ": are they the same?";
}

/// Two kernels that do the same cannot both be what an op takes.
class Kernels {
 public:
  void add(const OpShape& shape, const std::string& kernel, const std::string& where) {
    std::vector<std::int64_t> key = shape.sizes;
    key.push_back(static_cast<std::int64_t>(shape.precision));
    key.push_back(std::bit_cast<std::int64_t>(shape.stored));
    names_.insert(kernel);
    const auto [known, is_new] = known_.emplace(std::move(key), kernel);
    if (!is_new && known->second != kernel && ambiguous_.empty()) ambiguous_ = where;
  }
  void require_one() const {
    if (ambiguous_.empty()) return;
    std::string all;
    for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + name;
    throw UsageError(ambiguous_ +
                     ": another kernel has a time for the same shape; name the one to fit "
                     "with --kernel: " +
                     all);
  }

 private:
  std::map<std::vector<std::int64_t>, std::string> known_;
  std::set<std::string> names_;
  std::string ambiguous_;
};

/// Sizes in the rows that the op does not know.
std::string unknown_sizes(const OpTable& table, const OpModel& model) {
  std::set<std::string> unknown;
  for (const OpFields& row : table.rows) {
    for (const auto& [name, text] : row) unknown.insert(name);
  }
  for (const OpSize& size : model.sizes()) unknown.erase(std::string(size.name));
  for (const char* name : {"kernel", "dtype", "measured_s", "sms", "flops"}) unknown.erase(name);
  std::string all;
  for (const std::string& name : unknown) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

MeasuredRows rows_of(const OpTable& table, const std::string& op, const OpModel& model,
                     const DeviceSpec& device, const std::string& kernel) {
  MeasuredRows chosen;
  chosen.table = {.path = table.path,
                  .header = table.header,
                  .lines = {},
                  .rows = {},
                  .numbers = {},
                  .origin = table.origin};
  std::map<std::string, std::size_t> left_out;
  if (const std::string note = check_device(table, device); !note.empty()) {
    chosen.notes.push_back(note);
  }
  Kernels kernels;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const OpFields& fields = table.rows[row];
    std::string reason = unusual_place(fields, device);
    if (reason.empty() && table.is_json()) reason = other_kernel(fields, model, device, kernel);
    const std::string where = table.place(row);
    if (reason.empty() && table.is_json()) {
      const OpShape shape = shape_from(model, fields, where);
      if (does_other_work(fields, model, shape)) {
        reason = "do other work (\"flops\") than " + op + " (" + field_of(fields, "kernel") + ")";
      } else {
        kernels.add(shape, field_of(fields, "kernel"), where);
      }
    }
    if (!reason.empty()) {
      ++left_out[reason];
      continue;
    }
    if (!table.lines.empty()) chosen.table.lines.push_back(table.lines[row]);
    chosen.table.rows.push_back(fields);
    chosen.table.numbers.push_back(table.numbers[row]);
  }
  for (const auto& [reason, count] : left_out) {
    chosen.notes.push_back(std::to_string(count) + " rows are left out: they " + reason);
  }
  if (chosen.table.rows.empty() && !chosen.notes.empty()) {
    throw UsageError(table.path + ": no row is of " + op + "; " + chosen.notes.back());
  }
  kernels.require_one();
  const std::string unknown = table.is_json() ? unknown_sizes(chosen.table, model) : "";
  if (!unknown.empty()) chosen.notes.push_back(op + " does not look at " + unknown);
  return chosen;
}

}  // namespace orrery
