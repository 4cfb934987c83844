#pragma once

#include "sim/graph/runner.hpp"

namespace orrery {

/// One op on one rank's stream. ready <= start <= end: `ready` is when this rank could have gone
/// on, `start` when its partners had come too.
struct Span {
  InstanceId instance;
  std::size_t position =
      0;  // participant within the instance: 0 source, 1 destination; group index
  Rank rank = 0;
  StreamId stream;  // none: the receiving end of a one-sided transfer
  Time ready;
  Time start;
  Time end;
};

/// Sees a run without changing it.
class Observer {
 public:
  virtual ~Observer() = default;
  /// After the span has ended, in order of end.
  virtual void on_span(const Span& span) = 0;
  /// Memory in use on `rank` changes by `delta` (negative: freed).
  virtual void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) = 0;
};

}  // namespace orrery
