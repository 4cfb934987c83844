// Damages a valid scenario at random. Whatever comes out either loads or is refused in words: never
// an internal error, never a foreign exception, never a crash.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"
#include "sim/base/random.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 2;
constexpr int kMutations = 300;  // of each sort
constexpr int kWrongInput = 2;
constexpr int kFileError = 5;

/// One node, a network of two layers, and every section that a scenario may have.
constexpr const char* kScenario = R"({
  "orrery": 1, "name": "small", "seed": 7,
  "cluster": { "use": "dgx_h100_superpod", "with": {
    "nodes": 1,
    "fabric": { "oversubscription": 2, "nodes_per_leaf": 4,
                "link": { "use": "infiniband_hdr", "with": { "latency": "1.5 us" } } },
    "node": { "device": { "hbm": { "capacity": "80 GiB" }, "kernel_launch": "2 us" } } } },
  "workload": {
    "kind": "transformer_training",
    "network": { "description": "small", "source": "made up", "layers": 2, "hidden": 256,
                 "heads": 4, "kv_heads": 2, "feed_forward": 1024, "vocabulary": 1000,
                 "max_positions": 512, "activation": "swiglu", "norm": "rmsnorm",
                 "positions": "rotary", "biases": false, "tied_embeddings": true },
    "parallel": { "tensor": 2, "pipeline": 2, "data": 2, "sequence_parallel": true },
    "placement": ["tensor", "data", "pipeline"],
    "sequence_length": 512, "micro_batch": 1, "global_batch": 8, "precision": "bf16",
    "gradient_bucket": "25 MiB" },
  "collectives": { "all_reduce": "ring", "chunk": "4 MiB", "launch": "4.9 us" },
  "cost": { "kind": "roofline" },
  "faults": [ { "at": "1 ms", "link": "node 0, device 3 -> switch", "capacity": 0.5 },
              { "at": "2 ms", "switch": "node 0, device 2", "down": true } ] }
)";

std::size_t below(RandomStream& random, std::size_t count) {
  return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(count) - 1));
}

/// Deletes, doubles, replaces or inserts up to 16 bytes.
std::string with_damaged_bytes(std::string text, RandomStream& random) {
  const std::size_t place = below(random, text.size());
  const std::size_t length = 1 + below(random, 16);
  const std::string piece = text.substr(place, length);
  switch (below(random, 4)) {
    case 0:
      return text.erase(place, length);
    case 1:
      return text.insert(place, piece);
    case 2:
      text[place] = static_cast<char>(random.bits() & 0xFFU);
      return text;
    default:
      return text.insert(below(random, text.size()), piece);
  }
}

void collect(JsonValue& value, std::vector<JsonValue*>& places) {
  places.push_back(&value);
  for (JsonValue& item : value.items) {
    collect(item, places);
  }
  for (JsonValue::Member& member : value.members) {
    collect(member.value, places);
  }
}

/// A value of any type, among them what is small, large, negative or nearly right.
JsonValue strange_value(RandomStream& random) {
  switch (below(random, 14)) {
    case 0:
      return JsonValue{};
    case 1:
      return json_boolean(random.bits() % 2 == 0);
    case 2:
      return json_integer(0);
    case 3:
      return json_integer(random.integer(-3, 20));
    case 4:
      return json_integer(std::numeric_limits<std::int64_t>::max());
    case 5:
      return json_integer(std::numeric_limits<std::int64_t>::min());
    case 6:
      return json_real(0.5);
    case 7:
      return json_real(1e308);
    case 8:
      return json_string("");
    case 9:
      return json_string("dgx_h100");
    case 10:
      return json_string("9e18 B");
    case 11:
      return json_string("1 ps");
    case 12:
      return json_array({json_string("tensor"), json_integer(2)});
    default:
      return json_object({{"use", json_string("nvlink4")}, {"value", json_integer(4)}});
  }
}

void scale(JsonValue& value, RandomStream& random) {
  constexpr std::array kFactors = {-1.0, 0.0, 0.5, 2.0, 3.0, 1e3, 1e6, 1e9, 1e12};
  const double factor = kFactors[below(random, kFactors.size())];
  if (value.kind == JsonValue::Kind::integer) {
    const double scaled = std::floor(static_cast<double>(value.integer) * factor);
    value.integer = static_cast<std::int64_t>(std::clamp(scaled, -1e18, 1e18));
  } else if (value.kind == JsonValue::Kind::string) {
    value.string = std::to_string(static_cast<std::int64_t>(factor)) + value.string;
  } else {
    value.real = std::clamp(value.real * factor, -1e300, 1e300);
  }
}

/// Removes, renames or moves a key, or does something to one value.
std::string with_damaged_values(const std::string& text, RandomStream& random) {
  JsonValue document = parse_json(text, "scenario");
  std::vector<JsonValue*> places;
  collect(document, places);
  JsonValue& value = *places[below(random, places.size())];
  if (value.members.empty()) {
    if (random.bits() % 2 == 0) {
      scale(value, random);
    } else {
      value = strange_value(random);
    }
    return to_text(document, true);
  }
  const auto any_member = [&] {
    return value.members.begin() + static_cast<std::ptrdiff_t>(below(random, value.members.size()));
  };
  const auto member = any_member();
  const auto other = any_member();
  switch (below(random, 4)) {
    case 0:
      value.members.erase(member);
      break;
    case 1:
      member->key = with_damaged_bytes(member->key + "_", random);
      break;
    case 2:
      std::swap(member->value, other->value);
      break;
    default:
      value = strange_value(random);
  }
  return to_text(document, true);
}

class BadInputMutation : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    file_ = (fs::path(::testing::TempDir()) / ("orrery_mutation_" + std::string(test->name()) +
                                               "_" + std::to_string(getpid()) + ".json"))
                .string();
  }
  void TearDown() override { fs::remove(file_); }

  /// What `orrery check` does. True when the scenario loads.
  bool loads(const std::string& text) {
    std::ofstream(file_, std::ios::binary) << text;
    try {
      const Scenario scenario = load_scenario(file_, {}, builtins_, catalog_);
      build_job(scenario);
      return true;
    } catch (const Error& error) {
      const bool is_words = error.exit_code() == kWrongInput || error.exit_code() == kFileError;
      EXPECT_TRUE(is_words) << error.what() << "\nfrom\n" << text;
      EXPECT_STRNE(error.what(), "") << text;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "no error of ours: " << error.what() << "\nfrom\n" << text;
    }
    return false;
  }

  /// Mutation after mutation, each of one to three steps away from the valid scenario.
  template <class Mutate>
  void expect_words(Mutate mutate) {
    RandomStream random(kSeed, ::testing::UnitTest::GetInstance()->current_test_info()->name());
    int loaded = 0;
    for (int count = 0; count < kMutations && !HasFailure(); ++count) {
      loaded += loads(mutate(kScenario, random)) ? 1 : 0;
    }
    EXPECT_GT(loaded, 0);
    EXPECT_LT(loaded, kMutations);
  }

 private:
  Builtins builtins_;
  Catalog catalog_ = open_catalog(find_data_folders());
  std::string file_;
};

TEST_F(BadInputMutation, ScenarioToBeDamagedIsValid) {
  EXPECT_TRUE(loads(kScenario));
}

TEST_F(BadInputMutation, DamagedBytesAreRefusedInWords) {
  expect_words(with_damaged_bytes);
}

TEST_F(BadInputMutation, DamagedValuesAreRefusedInWords) {
  expect_words(with_damaged_values);
}

TEST_F(BadInputMutation, SeveralDamagedValuesAreRefusedInWords) {
  expect_words([](std::string text, RandomStream& random) {
    for (int step = 0; step < 3; ++step) {
      text = with_damaged_values(text, random);
    }
    return text;
  });
}

}  // namespace
}  // namespace orrery
