#pragma once

#include <string>

namespace orrery {

/// The whole of a file, unpacked when it is gzip (RFC 1952), whatever its name. Throws IoError when
/// it cannot be read, TraceError when the packing is broken, or holds more than 16 GiB.
std::string read_trace_file(const std::string& path);

/// Packs a text as gzip; the same text gives the same bytes. Throws TraceError where the program
/// was built without zlib.
std::string gzip(const std::string& text);

}  // namespace orrery
