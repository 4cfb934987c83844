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
  const auto read = [&](JsonCursor& lengths) {
    LengthList list = read_length_list(lengths, seed);
    division.lengths_digest = std::move(list.digest);
    return std::move(list.tokens);
  };
  if (kind == "packed") {
    JsonCursor lengths = sequences.at("lengths");
    division.packed = read(lengths);
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
    division.documents = read(lengths);
    if (sequences.diagnostics().count() == mistakes) check_documents(lengths, division.documents);
  }
  sequences.reject_unknown_keys();
}

JsonValue sequences_json(const Division& division) {
  const bool packed = division.documents.empty();
  const JsonValue kind = json_string(packed ? "packed" : "variable");
  if (!division.lengths_digest.empty()) {
    return json_object(
        {{"kind", kind},
         {"lengths", json_object({{"digest", json_string(division.lengths_digest)}})}});
  }
  std::vector<JsonValue> lengths;
  for (const std::int64_t length : packed ? division.packed : division.documents) {
    lengths.push_back(json_integer(length));
  }
  return json_object({{"kind", kind}, {"lengths", json_array(std::move(lengths))}});
}

}  // namespace orrery
