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

/// What a transfer does at both ends. `copy` and `update` are an engine's, which reads the payload
/// at the source; `core_copy` and `core_reduce` are a communication kernel's, which reads it there,
/// or reads two such buffers and sends their sum; `remote_store` and `remote_update` are the stores
/// of a kernel that runs, straight from its registers. An update is an op-and-store: the memory
/// adds the payload to what is there.
enum class Movement : std::uint8_t {
  copy,
  update,
  core_copy,
  core_reduce,
  remote_store,
  remote_update
};
inline bool is_update(Movement m) {
  return m == Movement::update || m == Movement::remote_update;
}
inline bool is_by_cores(Movement m) {
  return m == Movement::core_copy || m == Movement::core_reduce;
}
/// Buffers of the payload's size that it reads at its source.
inline int reads_at_source(Movement m) {
  if (m == Movement::remote_store || m == Movement::remote_update) return 0;
  return m == Movement::core_reduce ? 2 : 1;
}

/// Which participants of a transfer a dependency holds back.
enum class Side : std::uint8_t { both, source, destination };

/// Which of its ops a stream of a rank runs next.
enum class StreamOrder : std::uint8_t {
  as_added,    // a CUDA stream: an op that waits holds up those behind it
  first_ready  // a processor of a schedule: of the ops that are ready, the one that was added first
};

}  // namespace orrery
