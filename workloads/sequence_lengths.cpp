#include "workloads/sequence_lengths.hpp"

#include <string>
#include <utility>
#include <vector>

namespace orrery {

void read_sequences(JsonCursor& parameters, Division& division) {
  JsonCursor sequences = parameters.find("sequences");
  if (!sequences.present()) {
    return;
  }
  const std::size_t mistakes = sequences.diagnostics().count();
  if (sequences.at("kind").as_choice({"fixed", "packed"}) == "packed") {
    JsonCursor lengths = sequences.at("lengths");
    std::int64_t sum = 0;
    for (JsonCursor& item : lengths.items()) {
      division.packed.push_back(item.as_count({1, 1 << 24}));
      sum += division.packed.back();
    }
    if (sequences.diagnostics().count() == mistakes && division.sequence_length > 0 &&
        sum != division.sequence_length) {
      lengths.error("the lengths add up to " + std::to_string(sum) +
                    ", not to the sequence length " + std::to_string(division.sequence_length));
    }
  }
  sequences.reject_unknown_keys();
}

JsonValue sequences_json(const Division& division) {
  std::vector<JsonValue> lengths;
  for (const std::int64_t length : division.packed) {
    lengths.push_back(json_integer(length));
  }
  return json_object(
      {{"kind", json_string("packed")}, {"lengths", json_array(std::move(lengths))}});
}

}  // namespace orrery
