#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/experiment.hpp"
#include "tests/tools/orrery/program.hpp"

/// Helper of the tests that simulate single cases of a reproduction: all of them take too long.
namespace orrery::testing_program {

struct ReproducedCase {
  JsonValue document;   // reproduce.json
  JsonValue published;  // the case in it
  JsonValue result;     // what the simulation says
  int exit_code = 0;

  double simulated(const std::string& pointer) const { return number(*value_at(result, pointer)); }
};

/// The case of that label of experiments/reproduce/<name>, from the scenario beside reproduce.json.
inline ReproducedCase run_case(const std::string& name, const std::string& label) {
  const std::string folder = ORRERY_SOURCE_DIR "/experiments/reproduce/" + name;
  ReproducedCase of;
  of.document = load_json(folder + "/reproduce.json", "reproduce.json");
  for (const JsonValue& each : of.document.find("cases")->items) {
    if (each.find("label")->string != label) continue;
    of.published = each;
    std::vector<std::string> words = {"run", folder + "/scenario.json", "--json"};
    for (const JsonValue::Member& set : each.find("set")->members) {
      words.insert(words.end(), {"--set", set.key + "=" + to_text(set.value, false)});
    }
    const Outcome outcome = run_orrery(words);
    of.exit_code = outcome.exit_code;
    of.result = parse_json(outcome.out, "stdout");
    return of;
  }
  ADD_FAILURE() << "no case is called " << label;
  return of;
}

}  // namespace orrery::testing_program
