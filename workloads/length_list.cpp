#include "workloads/length_list.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <utility>

#include "sim/base/hash.hpp"
#include "sim/base/random.hpp"

namespace orrery {
namespace {

constexpr CountRange kLength = {1, 1 << 24};
constexpr std::int64_t kMostDrawn = 10'000'000;
constexpr std::uintmax_t kLargestFile = std::uintmax_t{64} << 20;

/// A length and how many sequences have it.
using Histogram = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// The file that a key names; nothing where it cannot be read, which is reported.
std::string read_file(JsonCursor& place, JsonCursor digest, LengthList& list) {
  const std::string name = place.as_string();
  if (name.empty()) return "";
  const std::string named_in = place.value().origin.file ? *place.value().origin.file : "";
  const std::string path = (std::filesystem::path(named_in).parent_path() / name).string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) ||
      std::filesystem::file_size(path, error) > kLargestFile) {
    place.error("there is no file of lengths that could be read at " + path);
    return "";
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  list.digest = fnv1a_hex(text);
  if (digest.present() && digest.as_string() != list.digest) {
    digest.error("the file is not that of this digest: its own is " + list.digest);
    return "";
  }
  return text;
}

/// The counts of a line, parted by commas; nothing when it holds anything else.
std::vector<std::int64_t> counts_of(std::string_view line) {
  std::vector<std::int64_t> counts;
  const char* at = line.data();
  const char* const end = at + line.size();
  while (at != end) {
    std::int64_t count = 0;
    const auto [rest, error] = std::from_chars(at, end, count);
    if (error != std::errc() || (rest != end && (*rest != ',' || rest + 1 == end))) return {};
    counts.push_back(count);
    at = rest == end ? end : rest + 1;
  }
  return counts;
}

/// Rows of so many counts; the first line may be a heading where there is more than one.
std::vector<std::vector<std::int64_t>> rows_of(JsonCursor& place, std::string_view text,
                                               std::size_t columns) {
  std::vector<std::vector<std::int64_t>> rows;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    std::vector<std::int64_t> counts = counts_of(line);
    const bool right = counts.size() == columns && counts[0] >= kLength.minimum &&
                       counts[0] <= kLength.maximum && counts.back() >= 0 &&
                       counts.back() <= kLength.maximum * 64;
    if (right) {
      rows.push_back(std::move(counts));
    } else if (number > 1 || columns == 1) {
      place.error("line " + std::to_string(number) + " of the file: expected " +
                  (columns == 1 ? "a length from 1 to 16777216 tokens"
                                : "a length from 1 to 16777216 tokens, a comma and a count"));
      return {};
    }
  }
  return rows;
}

void read_rows(JsonCursor& rows, Histogram& histogram) {
  for (JsonCursor& row : rows.items()) {
    std::vector<JsonCursor> pair = row.items();
    if (pair.size() != 2) {
      row.error("expected a length and how many sequences have it");
      continue;
    }
    const std::int64_t tokens = pair[0].as_count(kLength);
    histogram.emplace_back(tokens, pair[1].as_count({.maximum = kLength.maximum * 64}));
  }
}

std::vector<std::int64_t> drawn(const Histogram& histogram, std::int64_t count,
                                std::uint64_t seed) {
  std::vector<std::int64_t> upto;
  std::int64_t sum = 0;
  for (const auto& [tokens, sequences] : histogram) upto.push_back(sum += sequences);
  RandomStream random(seed, "sequence lengths");
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t place = random.integer(0, sum - 1);
    const auto found = std::upper_bound(upto.begin(), upto.end(), place);
    lengths.push_back(histogram[static_cast<std::size_t>(found - upto.begin())].first);
  }
  return lengths;
}

std::int64_t read_count(JsonCursor& place) {
  return place.at("count").as_count({.minimum = 1, .maximum = kMostDrawn});
}

void read_histogram(JsonCursor& place, std::uint64_t seed, LengthList& list) {
  Histogram histogram;
  JsonCursor rows = place.find("rows");
  JsonCursor file = rows.present() ? place.find("file") : place.at("file");
  if (rows.present() && file.present()) {
    file.error("rows and a file of rows do not go together");
    return;
  }
  if (rows.present()) {
    read_rows(rows, histogram);
  } else if (file.present()) {
    const std::string text = read_file(file, place.find("digest"), list);
    for (const auto& row : rows_of(file, text, 2)) histogram.emplace_back(row[0], row[1]);
  }
  const std::int64_t count = read_count(place);
  const std::int64_t sum =
      std::accumulate(histogram.begin(), histogram.end(), std::int64_t{0},
                      [](std::int64_t so_far, const auto& row) { return so_far + row.second; });
  if (!place.diagnostics().empty()) return;
  if (sum == 0) {
    (rows.present() ? rows : file).error("expected at least one sequence");
    return;
  }
  list.tokens = drawn(histogram, count, seed);
}

void read_log_normal(JsonCursor& place, std::uint64_t seed, LengthList& list) {
  const auto median = static_cast<double>(place.at("median").as_count(kLength));
  const double sigma = place.at("sigma").as_ratio({.minimum = 0, .maximum = 10});
  JsonCursor cut = place.find("maximum");
  const std::int64_t maximum = cut.present() ? cut.as_count(kLength) : kLength.maximum;
  const std::int64_t count = read_count(place);
  if (!place.diagnostics().empty()) return;
  RandomStream random(seed, "sequence lengths");
  for (std::int64_t i = 0; i < count; ++i) {
    const double length = std::round(median * std::exp(sigma * random.normal()));
    const double most = static_cast<double>(maximum);
    list.tokens.push_back(static_cast<std::int64_t>(std::clamp(length, 1.0, most)));
  }
}

}  // namespace

LengthList read_length_list(JsonCursor& place, std::uint64_t seed) {
  LengthList list;
  if (!place.present()) return list;
  if (place.value().kind != JsonValue::Kind::object) {
    for (JsonCursor& item : place.items()) list.tokens.push_back(item.as_count(kLength));
    return list;
  }
  const std::string kind = place.at("kind").as_choice({"list", "histogram", "log_normal"});
  if (kind == "list") {
    JsonCursor file = place.at("file");
    const std::string text = read_file(file, place.find("digest"), list);
    for (const auto& row : rows_of(file, text, 1)) list.tokens.push_back(row[0]);
  } else if (kind == "histogram") {
    read_histogram(place, seed, list);
  } else if (kind == "log_normal") {
    read_log_normal(place, seed, list);
  } else {
    return list;  // which keys belong to it nobody knows
  }
  place.reject_unknown_keys();
  return list;
}

}  // namespace orrery
