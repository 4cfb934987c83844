#pragma once

#include <cstdint>
#include <string>

#include "sim/base/errors.hpp"

namespace orrery {

/// A file of another program that does not say what its format asks for: the user's input is wrong.
class TraceError : public Error {
 public:
  explicit TraceError(const std::string& what) : Error(what, 2) {}
  TraceError(const std::string& file, std::uint64_t offset, const std::string& what)
      : TraceError(file + ": byte " + std::to_string(offset) + ": " + what) {}
};

}  // namespace orrery
