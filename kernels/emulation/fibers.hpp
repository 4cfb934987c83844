#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/emulation/sanitizer.hpp"

namespace orrery::kernels::emulation {

/// A stack and what runs on it.
struct Fiber {
  std::unique_ptr<std::byte[]> stack;
  boost::context::fiber context;
  boost::context::fiber scheduler;
  FiberSwitch annotation;
  const std::function<void()>* task = nullptr;
  bool idle = true;
};

/// Fibers, kept from launch to launch because making one is slow. One pool for each thread of the
/// host.
class FiberPool {
 public:
  FiberPool() = default;
  ~FiberPool();
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;

  /// A fiber that will run `task`, which throws nothing and outlives it.
  Fiber& take(const std::function<void()>& task);
  /// Runs it until it pauses or its task ends; then it is idle and has gone back to the pool.
  void enter(Fiber& fiber);
  /// On the fiber: back to whoever entered it.
  void pause(Fiber& fiber);

 private:
  void make();

  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> idle_;
  FiberSwitch scheduler_annotation_;
  bool closing_ = false;
};

}  // namespace orrery::kernels::emulation
