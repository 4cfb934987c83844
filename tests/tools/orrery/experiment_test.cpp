#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

/// By folder of experiments/.
class Experiment : public ::testing::TestWithParam<const char*> {};

TEST_P(Experiment, StaysWithinTheTolerancesWrittenBesideIt) {
  testing_program::expect_within_tolerances(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Folders, Experiment,
                         ::testing::Values("quickstart", "inference", "scale", "stragglers"),
                         [](const auto& folder) { return std::string(folder.param); });

}  // namespace
}  // namespace orrery
