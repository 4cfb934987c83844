#include "tools/orrery/op_table.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <charconv>
#include <cstdlib>
#include <fstream>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/command_line.hpp"

namespace orrery {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts(1);
  for (const char each : line) {
    if (each == ',') {
      parts.emplace_back();
    } else {
      parts.back() += each;
    }
  }
  return parts;
}

/// Throws UsageError for a first line that does not name the columns plainly, each once.
void check_names(const std::vector<std::string>& names, const std::string& path) {
  const std::string where = path + ", line 1: ";
  if (names.front().starts_with("\xEF\xBB\xBF")) {
    throw UsageError(where + "expected names of columns, got a byte order mark before them");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const auto unfit = [](char each) { return each == '"' || each == '\'' || each == '\t'; };
    if (name.empty() || name.front() == ' ' || name.back() == ' ' ||
        std::any_of(name.begin(), name.end(), unfit)) {
      throw UsageError(where +
                       "expected names of columns without quotes and spaces around them, got " +
                       json_string(name).describe());
    }
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), name) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw UsageError(where + "two columns are called " + json_string(name).describe());
    }
  }
}

bool next_line(std::istream& stream, std::string& line) {
  if (!std::getline(stream, line)) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

std::string choices_of(const OpSize& size) {
  std::string all;
  for (const std::string_view choice : size.choices) {
    all += (all.empty() ? "" : ", ") + std::string(choice);
  }
  return all;
}

std::int64_t choice_from(const OpSize& size, const std::string& text, const std::string& where) {
  const auto at = std::find(size.choices.begin(), size.choices.end(), text);
  if (at != size.choices.end()) return at - size.choices.begin();
  throw UsageError(where + ": " + std::string(size.name) + ": expected one of " + choices_of(size) +
                   ", got " + json_string(text).describe());
}

std::int64_t count_from(const OpSize& size, const std::string& text, const std::string& where) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::int64_t least = size.fallback.value_or(1) == 0 ? 0 : 1;
  const bool may_be_none = size.name == "cache_write";
  if (error != std::errc() || end != text.data() + text.size() || value > kMostOfSize ||
      value < (may_be_none ? 0 : least)) {
    throw UsageError(where + ": " + std::string(size.name) + ": expected a count from " +
                     std::to_string(may_be_none ? 0 : least) + " to " +
                     std::to_string(kMostOfSize) + ", got " + json_string(text).describe());
  }
  return value;
}

std::string known_names(const OpModel& model) {
  std::string all;
  for (const OpSize& size : model.sizes()) {
    all += (all.empty() ? "" : ", ") + std::string(size.name);
  }
  if (!model.stored_as().empty()) all += ", " + std::string(model.stored_as());
  return all + ", dtype";
}

/// Of a field that may be missing.
Precision precision_in(const OpFields& fields, const std::string& name, Precision otherwise,
                       const std::string& where) {
  const auto field = fields.find(name);
  if (field == fields.end()) return otherwise;
  const std::optional<Precision> precision = precision_of(field->second);
  if (!precision) {
    throw UsageError(where + ": " + name +
                     ": expected fp32, tf32, bf16, fp16, fp8, int8 or int4, got " +
                     json_string(field->second).describe());
  }
  return *precision;
}

double seconds_from(const OpFields& row, const TimeColumn& times, const std::string& where) {
  const auto field = row.find(times.name);
  if (field == row.end()) throw UsageError(where + ": no column " + times.name);
  char* end = nullptr;
  const double value = std::strtod(field->second.c_str(), &end);
  if (field->second.empty() || *end != '\0' || !(value > 0) || value > 1e9) {
    throw UsageError(where + ": " + times.name + ": expected a time above 0, got " +
                     json_string(field->second).describe());
  }
  return value * times.seconds;
}

bool is_judged(const OpShape& shape, int one_in) {
  if (one_in == 0) return false;
  std::string sizes;
  for (const std::int64_t size : shape.sizes) {
    if (!sizes.empty()) sizes += ',';
    sizes += std::to_string(size);
  }
  return crc32_of(sizes) % static_cast<unsigned>(one_in) == 0;
}

}  // namespace

std::uint32_t crc32_of(const std::string& text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

const Registry<OpModelFactory>::Entry& op_named(const Registry<OpModelFactory>& models,
                                                const std::string& name) {
  if (const auto* entry = models.find(name)) return *entry;
  const std::string nearest = nearest_name(name, models.names());
  throw UsageError("no op is called " + json_string(name).describe() +
                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?") +
                   " (`orrery list ops` shows all)");
}

std::optional<Precision> precision_of(const std::string& name) {
  static constexpr std::array<std::pair<const char*, Precision>, 7> kOthers = {
      {{"bfloat16", Precision::bf16},
       {"half", Precision::fp16},
       {"float16", Precision::fp16},
       {"float", Precision::fp32},
       {"float32", Precision::fp32},
       {"float8", Precision::fp8},
       {"fp8_block", Precision::fp8}}};
  for (const auto& [other, precision] : kOthers) {
    if (name == other) return precision;
  }
  return precision_from(name);
}

std::string dtype_field(const OpModel& model, const OpFields& fields) {
  if (fields.contains("dtype")) return "dtype";
  const auto field = std::find_if(fields.begin(), fields.end(), [&](const auto& each) {
    return each.first.ends_with("_dtype") && each.first != model.stored_as();
  });
  return field == fields.end() ? "" : field->first;
}

OpShape shape_from(const OpModel& model, const OpFields& fields, const std::string& where) {
  OpShape shape{precision_in(fields, dtype_field(model, fields), Precision::bf16, where), {}};
  const Precision stored =
      precision_in(fields, std::string(model.stored_as()), shape.precision, where);
  shape.stored = element_bytes(stored) / element_bytes(shape.precision);
  for (const OpSize& size : model.sizes()) {
    const auto field = fields.find(std::string(size.name));
    if (field != fields.end()) {
      shape.sizes.push_back(size.choices.empty() ? count_from(size, field->second, where)
                                                 : choice_from(size, field->second, where));
    } else if (size.fallback) {
      shape.sizes.push_back(*size.fallback);
    } else {
      throw UsageError(where + ": no " + std::string(size.name) +
                       (size.choices.empty() ? "; known are " + known_names(model)
                                             : "; expected one of " + choices_of(size)));
    }
  }
  const std::string refusal = model.refusal(shape);
  if (!refusal.empty()) throw UsageError(where + ": " + refusal);
  return shape;
}

std::string OpTable::place(std::size_t row) const {
  return path + (is_json() ? "#/rows/" : ", line ") + std::to_string(numbers.at(row));
}

OpTable read_op_table(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  OpTable table{.path = path, .header = {}, .lines = {}, .rows = {}, .numbers = {}};
  if (!stream || stream.peek() == std::ifstream::traits_type::eof()) {
    if (!stream.eof() || stream.bad()) throw IoError("cannot read " + path);
    throw UsageError(path + ": expected a first line with the names of the columns, got nothing");
  }
  next_line(stream, table.header);
  const std::vector<std::string> names = split(table.header);
  check_names(names, path);
  std::size_t number = 1;
  for (std::string line; next_line(stream, line);) {
    ++number;
    if (line.empty()) continue;
    const std::vector<std::string> values = split(line);
    table.lines.push_back(line);
    table.numbers.push_back(number);
    if (values.size() != names.size()) {
      throw UsageError(table.place(table.rows.size()) + ": expected " +
                       std::to_string(names.size()) + " values, as the first line has names, got " +
                       std::to_string(values.size()));
    }
    OpFields fields;
    for (std::size_t i = 0; i < names.size(); ++i) fields.emplace(names[i], values[i]);
    table.rows.push_back(std::move(fields));
  }
  if (stream.bad()) throw IoError("cannot read " + path);
  return table;
}

std::vector<OpSample> samples_from(const OpTable& table, const OpModel& model,
                                   const DeviceSpec& device, const TimeColumn& times, int judge) {
  std::vector<OpSample> samples;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string where = table.place(row);
    OpSample sample;
    sample.shape = shape_from(model, table.rows[row], where);
    if (!device.peak_of(sample.shape.precision)) {
      throw UsageError(where + ": " + device.name + " has no " +
                       std::string(to_string(sample.shape.precision)) + " peak rate");
    }
    sample.seconds = seconds_from(table.rows[row], times, where);
    sample.judged = is_judged(sample.shape, judge);
    samples.push_back(std::move(sample));
  }
  if (samples.empty()) throw UsageError(table.path + ": expected rows below the first line");
  return samples;
}

}  // namespace orrery
