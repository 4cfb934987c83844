#include "tools/simgrid/interchange.hpp"

#include <set>
#include <utility>

#include "sim/base/json_cursor.hpp"

namespace orrery::simgrid_program {
namespace {

// Wide enough for every machine, narrow enough that a sum of products stays far from overflow.
constexpr RatioRange kRates = {.minimum = 1, .maximum = 1e18};
constexpr RatioRange kFlops = {.minimum = 1, .maximum = 1e21};
constexpr RatioRange kStarts = {.minimum = 0, .maximum = 1e6};
constexpr CountRange kBytes = {.minimum = 1, .maximum = 1'000'000'000'000'000};

/// The elements under `key`; none when the key is missing.
std::vector<JsonCursor> optional_items(JsonCursor& object, std::string_view key) {
  JsonCursor list = object.find(key);
  return list.present() ? list.items() : std::vector<JsonCursor>();
}

std::vector<double> read_rates(JsonCursor& root, std::string_view list, std::string_view key) {
  std::vector<double> rates;
  for (JsonCursor& item : optional_items(root, list)) {
    rates.push_back(item.at(key).as_ratio(kRates));
    item.reject_unknown_keys();
  }
  return rates;
}

double read_bound(JsonCursor& activity, std::string_view key) {
  JsonCursor bound = activity.find(key);
  return bound.present() ? bound.as_ratio(kRates) : kNoBound;
}

std::size_t read_index(JsonCursor place, std::size_t count, const std::string& what) {
  if (count == 0) {
    place.error("there are no " + what);
    return 0;
  }
  return static_cast<std::size_t>(
      place.as_count({.minimum = 0, .maximum = static_cast<std::int64_t>(count) - 1}));
}

std::vector<std::size_t> read_links(JsonCursor list, std::size_t count) {
  std::vector<std::size_t> links;
  std::set<std::size_t> seen;
  for (const JsonCursor& item : list.items()) {
    const std::size_t mistakes = list.diagnostics().count();
    links.push_back(read_index(item, count, "links"));
    const bool known = list.diagnostics().count() == mistakes;
    if (known && !seen.insert(links.back()).second) {
      list.error("link " + std::to_string(links.back()) + " is named twice");
    }
  }
  if (list.present() && links.empty()) {
    list.expected("at least one link");
  }
  return links;
}

Transfer read_transfer(JsonCursor& item, std::size_t link_count) {
  Transfer transfer;
  transfer.links = read_links(item.at("links"), link_count);
  transfer.bytes = static_cast<std::uint64_t>(item.at("bytes").as_count(kBytes));
  transfer.start_s = item.at("start_s").as_ratio(kStarts);
  transfer.bound_bytes_per_s = read_bound(item, "bound_bytes_per_s");
  item.reject_unknown_keys();
  return transfer;
}

Compute read_compute(JsonCursor& item, std::size_t host_count) {
  Compute compute;
  compute.host = read_index(item.at("host"), host_count, "hosts");
  compute.flops = item.at("flops").as_ratio(kFlops);
  compute.start_s = item.at("start_s").as_ratio(kStarts);
  compute.bound_flops_per_s = read_bound(item, "bound_flops_per_s");
  item.reject_unknown_keys();
  return compute;
}

}  // namespace

Input read_input(const std::string& path) {
  const JsonValue document = load_json(path, path);
  Diagnostics diagnostics;
  JsonCursor root(document, diagnostics);
  root.at("orrery_simgrid").as_count({.minimum = 1, .maximum = 1});

  Input input;
  for (JsonCursor& item : optional_items(root, "links")) {
    input.links_bytes_per_s.push_back(item.at("bytes_per_s").as_ratio(kRates));
    JsonCursor latency = item.find("latency_s");
    input.links_latency_s.push_back(latency.present() ? latency.as_ratio(kStarts) : 0);
    item.reject_unknown_keys();
  }
  input.hosts_flops_per_s = read_rates(root, "hosts", "flops_per_s");
  for (JsonCursor& item : optional_items(root, "transfers")) {
    input.transfers.push_back(read_transfer(item, input.links_bytes_per_s.size()));
  }
  for (JsonCursor& item : optional_items(root, "computes")) {
    input.computes.push_back(read_compute(item, input.hosts_flops_per_s.size()));
  }
  root.reject_unknown_keys();
  if (diagnostics.empty() && input.transfers.empty() && input.computes.empty()) {
    root.error("expected at least one transfer or compute");
  }
  diagnostics.throw_if_any();
  return input;
}

std::string answer_text(const std::vector<double>& completion_s) {
  std::vector<JsonValue> times;
  times.reserve(completion_s.size());
  for (const double time : completion_s) {
    times.push_back(json_real(time));
  }
  return to_text(json_object({{"completion_s", json_array(std::move(times))}}), false) + "\n";
}

}  // namespace orrery::simgrid_program
