// One forward, one backward (1F1B): the schedule of PipeDream-Flush, Narayanan et al. 2021 (SC21),
// §2.2.1. Stage i of p runs min(m, p-1-i) forwards to warm up, then pairs of one forward and one
// backward, then the backwards left. Of m + p - 1 times a forward and a backward, each stage works
// m: it idles for (p-1)/(m+p-1) of the run.
//
//   p = 3, m = 4, stage 0   F1 F2 F3 B1 . …       drawn for equal F and B
//                 stage 1      F1 F2 B1 F3 B2 …
//                 stage 2         F1 B1 F2 B2 …
#include <map>

#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

struct Pipeline {
  int stages = 1;
  int microbatches = 1;
  Duration forward;
  Duration backward;
};

class OneForwardOneBackward {
 public:
  explicit OneForwardOneBackward(const Pipeline& pipeline) : p_(pipeline), graph_(pipeline.stages) {
    for (int stage = 0; stage < p_.stages; ++stage) add_stage(stage);
    // Activations and gradients of no size: what is left is the order.
    for (int m = 0; m < p_.microbatches; ++m) {
      for (int stage = 0; stage + 1 < p_.stages; ++stage) {
        send(forward_.at({stage, m}), stage, forward_.at({stage + 1, m}), stage + 1, "activations");
        send(backward_.at({stage + 1, m}), stage + 1, backward_.at({stage, m}), stage, "gradients");
      }
    }
  }

  Finished run_on(const LinkSpec& link) const { return run(crossbar_of(p_.stages, link), graph_); }

 private:
  void add_stage(int stage) {
    const int warm_up = std::min(p_.microbatches, p_.stages - 1 - stage);
    for (int m = 0; m < warm_up; ++m) add(forward_, stage, m, p_.forward);
    for (int m = warm_up; m < p_.microbatches; ++m) {
      add(forward_, stage, m, p_.forward);
      add(backward_, stage, m - warm_up, p_.backward);
    }
    for (int m = p_.microbatches - warm_up; m < p_.microbatches; ++m) {
      add(backward_, stage, m, p_.backward);
    }
  }

  void add(std::map<std::pair<int, int>, OpId>& ops, int stage, int microbatch, Duration time) {
    const DeviceNumbers device;
    const double rate = device.peak.as_double() * device.math_efficiency;
    const Flops work(static_cast<std::int64_t>(rate * to_seconds(time)));
    ops[{stage, microbatch}] = graph_.compute({stage}, kernel_of(work, Bytes(0)));
  }

  void send(OpId after, int from, OpId before, int to, const std::string& stream) {
    const OpId transfer = graph_.transfer(from, to, Bytes(0), stream);
    graph_.depend(transfer, after);
    graph_.depend(before, transfer);
  }

  Pipeline p_;
  GraphOf graph_;
  std::map<std::pair<int, int>, OpId> forward_;   // stage, microbatch
  std::map<std::pair<int, int>, OpId> backward_;  // stage, microbatch
};

constexpr Duration kForward = 20_us;
constexpr Duration kBackward = 40_us;
const LinkSpec kInstant = wire(100_GBps, Duration(0));

TEST(PipelineBubble, EveryStageIdlesForStagesLessOneOfTheSlots) {
  for (const int p : {1, 2, 3, 4, 8}) {
    for (const int m : {1, 2, 3, 4, 8, 16}) {
      const Pipeline pipeline{p, m, kForward, kBackward};
      const Finished done = OneForwardOneBackward(pipeline).run_on(kInstant);
      EXPECT_EQ(done.end, Time((m + p - 1) * (kForward + kBackward))) << p << ", " << m;
      std::vector<Duration> busy(static_cast<std::size_t>(p));
      for (const Span& span : done.spans) {
        busy[static_cast<std::size_t>(span.rank)] += span.end - span.start;
      }
      for (const Duration work : busy) {
        // bubble / end = (p-1) / (m+p-1), without dividing.
        const Duration bubble = done.end.since_start() - work;
        EXPECT_EQ((m + p - 1) * bubble, (p - 1) * done.end.since_start()) << p << ", " << m;
      }
    }
  }
}

TEST(PipelineBubble, IsLongerByTheLatenciesOnItsLongestPath) {
  // One microbatch goes to the last stage and back: 2(p-1) hops of a crossbar's two links.
  const int p = 5;
  const Duration hop = 1_us;
  const Finished done =
      OneForwardOneBackward({p, 1, kForward, kBackward}).run_on(wire(100_GBps, hop));
  EXPECT_EQ(done.end, Time(p * (kForward + kBackward) + 2 * (p - 1) * 2 * hop));
}

}  // namespace
}  // namespace orrery
