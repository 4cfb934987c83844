#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

TEST(Quickstart, StaysWithinTheTolerancesWrittenBesideIt) {
  testing_program::expect_within_tolerances("quickstart");
}

}  // namespace
}  // namespace orrery
