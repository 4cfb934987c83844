#include "tools/orrery/progress.hpp"

#include <unistd.h>

#include <cstdio>

#include "sim/base/unit_text.hpp"
#include "sim/graph/timeline.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kSpansBetweenLooks = 4096;
constexpr std::chrono::milliseconds kBetweenLines{500};

}  // namespace

Progress::Progress(const TaskGraph& graph)
    : expected_(count_spans(graph)),
      is_terminal_(::isatty(STDERR_FILENO) != 0),
      last_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (has_shown_) {
    std::fputs("\r\033[K", stderr);
  }
}

void Progress::on_span(const Span& span) {
  if (++ended_ % kSpansBetweenLooks != 0 || !is_terminal_) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kBetweenLines) {
    return;
  }
  last_ = now;
  has_shown_ = true;
  const double share = static_cast<double>(ended_) / static_cast<double>(expected_);
  std::fprintf(stderr, "\r\033[K%3.0f %%  simulated %s", 100 * share,
               to_text(span.end.since_start()).c_str());
  std::fflush(stderr);
}

}  // namespace orrery
