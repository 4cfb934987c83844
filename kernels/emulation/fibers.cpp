#include "kernels/emulation/fibers.hpp"

#include <utility>

namespace orrery::kernels::emulation {

namespace {

constexpr std::size_t kStackBytes = std::size_t{128} << 10;

/// Hands a context a stack that the Fiber owns.
struct BorrowedStack {
  std::byte* bottom;
  boost::context::stack_context allocate() {
    boost::context::stack_context context;
    context.size = kStackBytes;
    context.sp = bottom + kStackBytes;
    return context;
  }
  void deallocate(boost::context::stack_context&) noexcept {}
};

}  // namespace

FiberPool::~FiberPool() {
  closing_ = true;
  for (const auto& fiber : all_) {
    enter(*fiber);
  }
}

void FiberPool::make() {
  Fiber& fiber = *all_.emplace_back(std::make_unique<Fiber>());
  fiber.stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  fiber.annotation.set_stack(fiber.stack.get(), kStackBytes);
  // The constructor enters the new stack for a moment and comes back.
  scheduler_annotation_.leave(fiber.annotation);
  fiber.context = boost::context::fiber(std::allocator_arg, BorrowedStack{fiber.stack.get()},
                                        [this, &fiber](boost::context::fiber&& scheduler) {
                                          scheduler_annotation_.entered_new_stack();
                                          fiber.scheduler = std::move(scheduler);
                                          while (!closing_) {
                                            (*fiber.task)();
                                            fiber.idle = true;
                                            pause(fiber);
                                          }
                                          fiber.annotation.leave(scheduler_annotation_);
                                          return std::move(fiber.scheduler);
                                        });
  scheduler_annotation_.arrive();
  idle_.push_back(&fiber);
}

Fiber& FiberPool::take(const std::function<void()>& task) {
  if (idle_.empty()) {
    make();
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  fiber.task = &task;
  fiber.idle = false;
  return fiber;
}

void FiberPool::enter(Fiber& fiber) {
  scheduler_annotation_.leave(fiber.annotation);
  fiber.context = std::move(fiber.context).resume();
  scheduler_annotation_.arrive();
  if (fiber.idle && !closing_) {
    idle_.push_back(&fiber);
  }
}

void FiberPool::pause(Fiber& fiber) {
  fiber.annotation.leave(scheduler_annotation_);
  fiber.scheduler = std::move(fiber.scheduler).resume();
  fiber.annotation.arrive();
}

}  // namespace orrery::kernels::emulation
