#pragma once

#include <cstdint>
#include <string_view>

namespace orrery {

enum class OpKind : std::uint8_t { compute, transfer, collective, delay };
enum class CollectiveKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  broadcast
};
std::string_view to_string(OpKind kind);
std::string_view to_string(CollectiveKind kind);

/// Between which memories a transfer copies: those of two devices (or of one), or that of a device
/// and that of the host it hangs on, within which `peers` are `ranks`.
enum class CopyKind : std::uint8_t { device_to_device, device_to_host, host_to_device };

/// Which participants of a transfer a dependency holds back.
enum class Side : std::uint8_t { both, source, destination };

}  // namespace orrery
