#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/tools/child_program.hpp"
#include "traces/protobuf.hpp"
#include "traces/trace_error.hpp"

namespace orrery {

/// What protoc --decode says of a file, an oracle that is not ours; "" when there is no protoc.
inline std::string decoded(const std::string& path, const std::string& schema,
                           const std::string& message) {
  const std::string command = "command -v protoc >/dev/null && protoc --proto_path=" +
                              (std::string(ORRERY_SOURCE_DIR "/tests/traces/schemas ")) +
                              "--decode=" + message + " " + schema + " < " + path + " 2>&1";
  const testing_program::Outcome outcome = testing_program::run_child("/bin/sh", {"-c", command});
  return outcome.out;
}

inline std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++count;
  return count;
}

/// The message of the TraceError that `read` throws.
template <class Read>
std::string complaint(const Read& read) {
  try {
    read();
  } catch (const TraceError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace orrery
