#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace orrery::kernels::emulation {

/// Tells the sanitizers of a change of stacks; without them it is nothing. One for each stack.
/// Source: compiler-rt, include/sanitizer/common_interface_defs.h and tsan_interface.h.
class FiberSwitch {
 public:
#if defined(__SANITIZE_ADDRESS__)
  void set_stack(const void* bottom, std::size_t bytes) {
    bottom_ = bottom, bytes_ = bytes;
  }
  /// On the stack that is left, before the switch.
  void leave(const FiberSwitch& next) {
    __sanitizer_start_switch_fiber(&saved_, next.bottom_, next.bytes_);
  }
  /// On the stack that was left, after it is back.
  void arrive() {
    __sanitizer_finish_switch_fiber(saved_, nullptr, nullptr);
  }
  /// On a new stack, for the one from which it was entered.
  void entered_new_stack() {
    __sanitizer_finish_switch_fiber(nullptr, &bottom_, &bytes_);
  }

 private:
  void* saved_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
#elif defined(__SANITIZE_THREAD__)
  FiberSwitch() = default;
  FiberSwitch(const FiberSwitch&) = delete;
  FiberSwitch(FiberSwitch&& other) noexcept : fiber_(other.fiber_), owned_(other.owned_) {
    other.owned_ = false;
  }
  FiberSwitch& operator=(const FiberSwitch&) = delete;
  FiberSwitch& operator=(FiberSwitch&&) = delete;
  ~FiberSwitch() {
    if (owned_) __tsan_destroy_fiber(fiber_);
  }
  void set_stack(const void*, std::size_t) {
    fiber_ = __tsan_create_fiber(0);
    owned_ = true;
  }
  void leave(const FiberSwitch& next) {
    if (fiber_ == nullptr) fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(next.fiber_, 0);
  }
  void arrive() {}
  void entered_new_stack() {}

 private:
  void* fiber_ = nullptr;
  bool owned_ = false;
#else
  void set_stack(const void*, std::size_t) {}
  void leave(const FiberSwitch&) {}
  void arrive() {}
  void entered_new_stack() {}
#endif
};

}  // namespace orrery::kernels::emulation
