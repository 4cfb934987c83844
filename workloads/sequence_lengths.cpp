#include "workloads/sequence_lengths.hpp"

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "workloads/length_list.hpp"

namespace orrery {

namespace {

constexpr std::int64_t kMaximumTokens = std::int64_t{1} << 38;  // times a row stays in 64 bits

void check_documents(JsonCursor& place, const std::vector<std::int64_t>& documents) {
  const std::int64_t sum = std::accumulate(documents.begin(), documents.end(), std::int64_t{0});
  if (documents.empty()) {
    place.error("expected the length of at least one document");
  } else if (sum > kMaximumTokens) {
    place.error("documents of " + std::to_string(sum) + " tokens are more than " +
                std::to_string(kMaximumTokens));
  }
}

}  // namespace

void read_sequences(JsonCursor& parameters, std::uint64_t seed, Division& division) {
  JsonCursor sequences = parameters.find("sequences");
  if (!sequences.present()) {
    return;
  }
  const std::size_t mistakes = sequences.diagnostics().count();
  const std::string kind = sequences.at("kind").as_choice({"fixed", "packed", "variable"});
  if (kind == "packed") {
    JsonCursor lengths = sequences.at("lengths");
    division.packed = read_length_list(lengths, seed).tokens;
    const std::int64_t sum =
        std::accumulate(division.packed.begin(), division.packed.end(), std::int64_t{0});
    if (sequences.diagnostics().count() == mistakes && division.sequence_length > 0 &&
        sum != division.sequence_length) {
      lengths.error("the lengths add up to " + std::to_string(sum) +
                    ", not to the sequence length " + std::to_string(division.sequence_length));
    }
  }
  if (kind == "variable") {
    JsonCursor lengths = sequences.at("lengths");
    division.documents = read_length_list(lengths, seed).tokens;
    if (sequences.diagnostics().count() == mistakes) check_documents(lengths, division.documents);
  }
  sequences.reject_unknown_keys();
}

JsonValue sequences_json(const Division& division) {
  std::vector<JsonValue> lengths;
  const bool packed = division.documents.empty();
  for (const std::int64_t length : packed ? division.packed : division.documents) {
    lengths.push_back(json_integer(length));
  }
  return json_object({{"kind", json_string(packed ? "packed" : "variable")},
                      {"lengths", json_array(std::move(lengths))}});
}

}  // namespace orrery
