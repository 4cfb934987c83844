// simgrid_jobs JOB [--api=callbacks|mailboxes|sendto] [--zone=star|full] [--precise] [--cfg=...]:
// runs one of the jobs of the comparison on SimGrid and prints what it took, as JSON. Without
// options each job runs the way that is fastest for it.
#include "tests/bench/simgrid_jobs.hpp"

#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/jobs.hpp"

namespace orrery::jobs {
namespace {

// The fastest of what was tried for each job. User seconds with SimGrid 3.32, single runs on a
// shared machine of two AMD EPYC cores, Lazy / Full; the zone is full where a star is not named:
//   ring_256              callbacks 0.23 / 0.21 (star 0.32 / 0.26), mailboxes 0.32 / 0.27
//   ring_1024             callbacks 11.8 / 10.7, mailboxes 5.9 / 4.6 (star 6.3 / 7.0)
//   all_to_all_64_random  callbacks 1.96 / 1.01 (star - / 1.03), mailboxes - / 1.04, sendto -
//   / 1.03 all_to_all_256        mailboxes 3.7 / 3.4 (star 1.7 / 1.5), sendto 13 / 11, callbacks -
//   / 9 graph_1m              callbacks 1.4 / 3.1 (star 1.5), mailboxes 3.2
// Selective update and other context factories changed nothing, stacks of 16 KiB save 4 MB.
struct Job {
  Api api;
  Zone zone;
  const char* optim;  // of the sharing of links
  std::function<Activities(Api, Zone)> run;
};

constexpr double kHopSeconds = static_cast<double>(kHopPicoseconds) * 1e-12;

Activities ring(int ranks, Api api, Zone zone) {
  const Platform platform =
      star_platform({.hosts = ranks, .hop_s = kHopSeconds, .successors_only = true}, zone);
  return run_ring(platform, api);
}

Activities all_to_all(int ranks, Api api, Zone zone, const Sizes& bytes) {
  return run_all_to_all(leaf_spine_platform(ranks, zone), api, bytes);
}

Activities layered_graph(int layers, Api api, Zone zone) {
  return run_layered_graph(star_platform({.hosts = layered::kHosts}, zone), api, layers);
}

const std::map<std::string, Job>& jobs() {
  static const Sizes equal = [](int, int) { return static_cast<std::uint64_t>(kBlock); };
  static const Sizes random = [](int from, int to) {
    return static_cast<std::uint64_t>(
        random_bytes(static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to)));
  };
  static const std::map<std::string, Job> known = {
      {"ring_256",
       {Api::callbacks, Zone::full, "Full", [](Api a, Zone z) { return ring(256, a, z); }}},
      {"ring_1024",
       {Api::mailboxes, Zone::full, "Full", [](Api a, Zone z) { return ring(1024, a, z); }}},
      {"all_to_all_64_random",
       {Api::callbacks, Zone::full, "Full",
        [](Api a, Zone z) { return all_to_all(64, a, z, random); }}},
      {"all_to_all_256",
       {Api::mailboxes, Zone::full, "Full",
        [](Api a, Zone z) { return all_to_all(256, a, z, equal); }}},
      {"permutation_4096",
       {Api::callbacks, Zone::full, "Full", [](Api, Zone) { return run_permutation(); }}},
      {"graph_short",
       {Api::callbacks, Zone::full, "Lazy", [](Api a, Zone z) { return layered_graph(10, a, z); }}},
      {"graph_1m",
       {Api::callbacks, Zone::full, "Lazy",
        [](Api a, Zone z) { return layered_graph(8'000, a, z); }}},
  };
  return known;
}

/// The command line after the job: what is ours, and what SimGrid is to read.
struct Options {
  Api api;
  Zone zone;
  std::vector<std::string> words;
};

// Plain max–min sharing, as orrery's engine does it; see tools/simgrid/simulate.cpp for what CM02
// would do otherwise. Precise is for comparing answers: by default dates closer than 1e-9 s are one
// date and shares are solved to 1e-5, which is what SimGrid is timed with.
std::optional<Options> read(int count, char** arguments, const Job& job) {
  Options options{job.api, job.zone, {arguments[0], "--log=root.threshold:warning"}};
  for (const char* setting : {"network/model:CM02", "network/TCP-gamma:0", "network/crosstraffic:0",
                              "network/weight-S:0", "contexts/stack-size:16"}) {
    options.words.push_back(std::string("--cfg=") + setting);
  }
  options.words.push_back(std::string("--cfg=network/optim:") + job.optim);
  const std::map<std::string_view, Api> apis = {{"--api=callbacks", Api::callbacks},
                                                {"--api=mailboxes", Api::mailboxes},
                                                {"--api=sendto", Api::sendto}};
  const std::map<std::string_view, Zone> zones = {{"--zone=star", Zone::star},
                                                  {"--zone=full", Zone::full}};
  for (int i = 2; i < count; ++i) {
    const std::string_view word = arguments[i];
    if (apis.contains(word)) {
      options.api = apis.at(word);
    } else if (zones.contains(word)) {
      options.zone = zones.at(word);
    } else if (word == "--precise") {
      options.words.insert(options.words.end(),
                           {"--cfg=maxmin/precision:1e-9", "--cfg=surf/precision:1e-12"});
    } else if (word.starts_with("--cfg=") || word.starts_with("--log=")) {
      options.words.emplace_back(word);
    } else {
      std::cerr << "unknown option " << word << '\n';
      return std::nullopt;
    }
  }
  return options;
}

void run(const std::string& name, const Job& job, Options options) {
  std::vector<char*> words;
  for (std::string& word : options.words) words.push_back(word.data());
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  simgrid::s4u::Engine engine(&count, words.data());
  const Activities activities = job.run(options.api, options.zone);
  std::printf("{\"job\": \"%s\", \"makespan_s\": %.12f, \"activities\": %llu, \"peak_kib\": %ld}\n",
              name.c_str(), simgrid::s4u::Engine::get_clock(),
              static_cast<unsigned long long>(activities.count), peak_kib());
}

}  // namespace
}  // namespace orrery::jobs

int main(int count, char** arguments) {
  using namespace orrery::jobs;
  const std::string name = count > 1 ? arguments[1] : "";
  const auto found = jobs().find(name);
  if (found == jobs().end()) {
    for (const auto& [known, job] : jobs()) std::cerr << known << '\n';
    return 2;
  }
  auto options = read(count, arguments, found->second);
  if (!options) return 2;
  run(name, found->second, std::move(*options));
  return 0;
}
