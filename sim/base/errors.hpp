#pragma once

#include <cstddef>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace orrery {

/// Root of everything orrery throws. `exit_code()` is what the program returns (DESIGN: 1 our bug,
/// 2 wrong input, 3 verdict no, 4 deadlock, 5 file or disk).
class Error : public std::runtime_error {
 public:
  Error(const std::string& what, int exit_code) : std::runtime_error(what), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// One mistake of the user: where it stands and what is wrong with it, in one sentence.
struct Diagnostic {
  std::string file;     // as the user named it; "--set" for an override
  std::string pointer;  // JSON pointer (RFC 6901) inside that file; "" is the whole document
  std::string message;

  std::string text() const { return file + "#" + pointer + ": " + message; }
};

/// The user's mistakes, all that could be found at once. `what()` shows one per line, the first 50
/// of them, with control characters escaped.
class ScenarioError : public Error {
 public:
  explicit ScenarioError(std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// A quantity left its 64-bit range. The message names the quantity and the operation.
class OverflowError : public Error {
 public:
  explicit OverflowError(const std::string& what) : Error(what, 2) {}
};

/// A named limit was reached (events per instant, nesting depth, …).
class LimitError : public Error {
 public:
  explicit LimitError(const std::string& what) : Error(what, 2) {}
};

/// The workload can make no further step. The message names the stuck ops and what they wait for.
class DeadlockError : public Error {
 public:
  explicit DeadlockError(const std::string& what) : Error(what, 4) {}
};

/// A file could not be read or written.
class IoError : public Error {
 public:
  explicit IoError(const std::string& what) : Error(what, 5) {}
};

/// Our own mistake; no input may cause it.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& what) : Error(what, 1) {}
};

/// Collects mistakes so that a scenario is reported whole, not one error at a time.
class Diagnostics {
 public:
  /// A mistake that is there already is not added again.
  void add(Diagnostic diagnostic);
  bool empty() const { return items_.empty(); }
  std::size_t count() const { return items_.size(); }
  const std::vector<Diagnostic>& items() const { return items_; }
  /// Throws ScenarioError with everything collected, if anything was.
  void throw_if_any() const;

 private:
  std::vector<Diagnostic> items_;
  std::set<std::string> texts_;
};

[[noreturn]] void internal_error(const char* file, int line, const std::string& what);

/// Stops at our own mistakes, in release builds too.
#define ORRERY_CHECK(condition, what)                                       \
  do {                                                                      \
    if (!(condition)) ::orrery::internal_error(__FILE__, __LINE__, (what)); \
  } while (false)

}  // namespace orrery
