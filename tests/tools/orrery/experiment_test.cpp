#include <algorithm>

#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

/// By folder of experiments/.
class Experiment : public ::testing::TestWithParam<const char*> {};

TEST_P(Experiment, StaysWithinTheTolerancesWrittenBesideIt) {
  testing_program::expect_within_tolerances(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Folders, Experiment,
                         ::testing::Values("quickstart", "inference", "ladder", "scale",
                                           "long_context", "stragglers",
                                           "sweeps/llama3_70b_on_64_h100"),
                         [](const auto& folder) {
                           std::string name(folder.param);
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace orrery
