#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/graph/kernel.hpp"
#include "sim/graph/op_kind.hpp"

namespace orrery {

/// What orrery writes into Chakra attributes beyond the schema, as JSON texts.

inline constexpr std::string_view kNotePrefix = "orrery.";  // of attributes of the whole file
inline constexpr std::string_view kStaticMemoryNote = "static_memory";
inline constexpr std::string_view kFirstReadyNote = "first_ready_streams";
inline constexpr std::string_view kHostCategoriesNote = "host_categories";

std::string kernel_text(const Kernel& kernel);
/// Throws TraceError that names `file`.
Kernel kernel_from(const std::string& text, const std::string& file);

std::string_view movement_text(Movement movement);
Movement movement_from(const std::string& text, const std::string& file);

struct MemoryNote {
  std::string category;
  Bytes taken;
  Bytes freed;
};
std::string memory_text(const std::vector<MemoryNote>& notes);
std::vector<MemoryNote> memory_notes(const std::string& text, const std::string& file);

}  // namespace orrery
