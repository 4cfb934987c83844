#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace orrery {

enum class OpKind : std::uint8_t { compute, transfer, collective, delay };
enum class CollectiveKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  broadcast,
  reduce,
  gather,
  scatter,
  barrier,
  send_recv,    // every member sends to the next, around the end
  all_to_all_v  // all-to-all with a size of its own for each pair: SizeTable
};
inline constexpr std::array kCollectiveKinds = {
    CollectiveKind::all_reduce, CollectiveKind::all_gather,  CollectiveKind::reduce_scatter,
    CollectiveKind::all_to_all, CollectiveKind::broadcast,   CollectiveKind::reduce,
    CollectiveKind::gather,     CollectiveKind::scatter,     CollectiveKind::barrier,
    CollectiveKind::send_recv,  CollectiveKind::all_to_all_v};
std::string_view to_string(OpKind kind);
std::string_view to_string(CollectiveKind kind);
/// Whether one member gives or gets more than the others.
bool has_root(CollectiveKind kind);

/// Between which memories a transfer copies: those of two devices (or of one), or that of a device
/// and that of the host it hangs on, within which `peers` are `ranks`.
enum class CopyKind : std::uint8_t { device_to_device, device_to_host, host_to_device };

/// Which participants of a transfer a dependency holds back.
enum class Side : std::uint8_t { both, source, destination };

}  // namespace orrery
