#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

TEST(Scale, StaysWithinTheTolerancesWrittenBesideIt) {
  testing_program::expect_within_tolerances("scale");
}

}  // namespace
}  // namespace orrery
