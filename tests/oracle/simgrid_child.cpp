#include "tests/oracle/simgrid_child.hpp"

#include <stdexcept>
#include <utility>

#include "sim/base/json_value.hpp"

namespace orrery::oracle {
namespace {

using simgrid_program::Compute;
using simgrid_program::kNoBound;
using simgrid_program::Transfer;
using testing_program::Outcome;
using testing_program::TemporaryFolder;

#ifdef ORRERY_SIMGRID_PROGRAM
constexpr const char* kProgram = ORRERY_SIMGRID_PROGRAM;
#else
constexpr const char* kProgram = "";
#endif

/// Several cases side by side on one platform: no link or host of one is seen by another.
Case side_by_side(const std::vector<Case>& cases) {
  Case all;
  for (const Case& one : cases) {
    for (Transfer transfer : one.transfers) {
      for (std::size_t& link : transfer.links) {
        link += all.links_bytes_per_s.size();
      }
      all.transfers.push_back(std::move(transfer));
    }
    for (Compute compute : one.computes) {
      compute.host += all.hosts_flops_per_s.size();
      all.computes.push_back(compute);
    }
    all.links_bytes_per_s.insert(all.links_bytes_per_s.end(), one.links_bytes_per_s.begin(),
                                 one.links_bytes_per_s.end());
    all.hosts_flops_per_s.insert(all.hosts_flops_per_s.end(), one.hosts_flops_per_s.begin(),
                                 one.hosts_flops_per_s.end());
  }
  return all;
}

JsonValue rates_json(const std::vector<double>& rates, const std::string& key) {
  std::vector<JsonValue> items;
  for (const double rate : rates) {
    items.push_back(json_object({{key, json_real(rate)}}));
  }
  return json_array(std::move(items));
}

JsonValue transfer_json(const Transfer& transfer) {
  std::vector<JsonValue> links;
  for (const std::size_t link : transfer.links) {
    links.push_back(json_integer(static_cast<std::int64_t>(link)));
  }
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"links", json_array(std::move(links))},
      {"bytes", json_integer(static_cast<std::int64_t>(transfer.bytes))},
      {"start_s", json_real(transfer.start_s)}};
  if (transfer.bound_bytes_per_s != kNoBound) {
    members.emplace_back("bound_bytes_per_s", json_real(transfer.bound_bytes_per_s));
  }
  return json_object(std::move(members));
}

JsonValue compute_json(const Compute& compute) {
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"host", json_integer(static_cast<std::int64_t>(compute.host))},
      {"flops", json_real(compute.flops)},
      {"start_s", json_real(compute.start_s)}};
  if (compute.bound_flops_per_s != kNoBound) {
    members.emplace_back("bound_flops_per_s", json_real(compute.bound_flops_per_s));
  }
  return json_object(std::move(members));
}

std::string case_text(const Case& one) {
  std::vector<JsonValue> transfers;
  for (const Transfer& transfer : one.transfers) {
    transfers.push_back(transfer_json(transfer));
  }
  std::vector<JsonValue> computes;
  for (const Compute& compute : one.computes) {
    computes.push_back(compute_json(compute));
  }
  return to_text(json_object({{"orrery_simgrid", json_integer(1)},
                              {"links", rates_json(one.links_bytes_per_s, "bytes_per_s")},
                              {"hosts", rates_json(one.hosts_flops_per_s, "flops_per_s")},
                              {"transfers", json_array(std::move(transfers))},
                              {"computes", json_array(std::move(computes))}}),
                 false);
}

}  // namespace

bool simgrid_is_built() {
  return *kProgram != '\0';
}

std::size_t activity_count(const Case& one) {
  return one.transfers.size() + one.computes.size();
}

Outcome run_simgrid(const std::string& text) {
  TemporaryFolder folder;
  const std::string path = (folder / "case.json").string();
  testing_program::write_file(path, text);
  return testing_program::run_child(kProgram, {"activities", path});
}

std::vector<std::vector<double>> simgrid_completion_s(const std::vector<Case>& cases) {
  const Case all = side_by_side(cases);
  const Outcome outcome = run_simgrid(case_text(all));
  if (outcome.exit_code != 0 || !outcome.err.empty()) {
    throw std::runtime_error("orrery-simgrid ended with " + std::to_string(outcome.exit_code) +
                             ": " + outcome.err);
  }
  const JsonValue answer = parse_json(outcome.out, "orrery-simgrid");
  const std::vector<JsonValue>& times = answer.find("completion_s")->items;
  if (times.size() != activity_count(all)) {
    throw std::runtime_error("orrery-simgrid answered " + outcome.out);
  }
  std::vector<std::vector<double>> completion_s;
  std::size_t transfer = 0;
  std::size_t compute = all.transfers.size();
  for (const Case& one : cases) {
    std::vector<double>& mine = completion_s.emplace_back();
    for (std::size_t i = 0; i < activity_count(one); ++i) {
      mine.push_back(times[i < one.transfers.size() ? transfer++ : compute++].real);
    }
  }
  return completion_s;
}

}  // namespace orrery::oracle
