// What it costs to get work to a device: launches, graphs, events, copies between host and device
// and between devices. Host time is what the enqueuing thread spends, device time what passes on an
// otherwise idle device when everything is enqueued beforehand.
#include <chrono>
#include <memory>

#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr int kChain = 100;  // launches in a row, each waiting for the one before

/// The smallest kernel whose runs can be counted.
__global__ void count_up(unsigned* counter) {
  *counter += 1;
}

/// Keeps a stream busy for a number of cycles, so that what follows is enqueued before it begins.
__global__ void hold(long long cycles) {
  const long long start = clock64();
  while (clock64() - start < cycles) {
  }
}

struct Stream {
  cudaStream_t raw = nullptr;
  Stream() { require(cudaStreamCreateWithFlags(&raw, cudaStreamNonBlocking), "cudaStreamCreate"); }
  ~Stream() { cudaStreamDestroy(raw); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

struct Event {
  cudaEvent_t raw = nullptr;
  explicit Event(unsigned flags = cudaEventDefault) {
    require(cudaEventCreateWithFlags(&raw, flags), "cudaEventCreate");
  }
  ~Event() { cudaEventDestroy(raw); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void hold_stream(const Stream& stream) {
  launch({.grid = {1, 1, 1}, .block = {1, 1, 1}}, stream.raw, hold, 4'000'000LL);  // 2 ms or so
}

/// {host, device} seconds of what `enqueue` enqueues on the stream, from an idle device.
template <class Enqueue>
std::vector<double> host_and_device(const Stream& stream, const Enqueue& enqueue) {
  const Event start;
  const Event stop;
  require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  hold_stream(stream);
  require(cudaEventRecord(start.raw, stream.raw), "cudaEventRecord");
  const auto begin = std::chrono::steady_clock::now();
  enqueue();
  const double host = seconds_since(begin);
  require(cudaEventRecord(stop.raw, stream.raw), "cudaEventRecord");
  require(cudaEventSynchronize(stop.raw), "cudaEventSynchronize");
  float milliseconds = 0;
  require(cudaEventElapsedTime(&milliseconds, start.raw, stop.raw), "cudaEventElapsedTime");
  return {host, milliseconds / 1e3};
}

void enqueue_count(const Stream& stream, unsigned* counter) {
  launch({.grid = {1, 1, 1}, .block = {1, 1, 1}}, stream.raw, count_up, counter);
}

/// A chain of launches, captured as a graph.
class Graph {
 public:
  Graph(const Stream& stream, unsigned* counter, int nodes) {
    cudaGraph_t graph = nullptr;
    require(cudaStreamBeginCapture(stream.raw, cudaStreamCaptureModeThreadLocal), "BeginCapture");
    for (int i = 0; i < nodes; ++i) enqueue_count(stream, counter);
    require(cudaStreamEndCapture(stream.raw, &graph), "cudaStreamEndCapture");
    require(cudaGraphInstantiate(&executable_, graph, 0), "cudaGraphInstantiate");
    cudaGraphDestroy(graph);
  }
  ~Graph() { cudaGraphExecDestroy(executable_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void launch_on(const Stream& stream) const {
    require(cudaGraphLaunch(executable_, stream.raw), "cudaGraphLaunch");
  }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

/// Runs alternate between two streams, each waiting for an event of the other's last.
void enqueue_ping_pong(const Stream (&streams)[2], const Event (&events)[2], unsigned* counter) {
  for (int i = 0; i < kChain; ++i) {
    const int from = i % 2;
    const int to = 1 - from;
    require(cudaEventRecord(events[from].raw, streams[from].raw), "cudaEventRecord");
    require(cudaStreamWaitEvent(streams[to].raw, events[from].raw), "cudaStreamWaitEvent");
    enqueue_count(streams[to], counter);
  }
}

void measure_launches(Session& session) {
  const Stream streams[2];
  const Event events[2] = {Event(cudaEventDisableTiming), Event(cudaEventDisableTiming)};
  const DeviceArray<unsigned> counter(1);
  unsigned runs = 0;
  const auto expect = [&](const char* kernel, int more) {
    runs += static_cast<unsigned>(more);
    session.check(kernel, {{"runs", more}}, counter.host()[0] == runs ? 0 : 1, 0);
  };
  const auto chain = [&] {
    for (int i = 0; i < kChain; ++i) enqueue_count(streams[0], counter.data());
  };
  const std::vector<std::string> parts{"host", "device"};

  chain();
  expect("launch", kChain);
  session.measure_parts({"launch", {{"launches", kChain}}, "none"}, parts,
                        [&] { return host_and_device(streams[0], chain); });
  runs = counter.host()[0];

  enqueue_ping_pong(streams, events, counter.data());
  expect("event_wait", kChain);
  session.measure_parts({"event_wait", {{"hops", kChain}}, "none"}, parts, [&] {
    return host_and_device(streams[0], [&] { enqueue_ping_pong(streams, events, counter.data()); });
  });
  runs = counter.host()[0];

  for (const int nodes : {1, 10, 100, 1000}) {
    const Graph graph(streams[0], counter.data(), nodes);
    graph.launch_on(streams[0]);
    expect("graph_launch", nodes);
    session.measure_parts({"graph_launch", {{"nodes", nodes}}, "none"}, parts, [&] {
      return host_and_device(streams[0], [&] { graph.launch_on(streams[0]); });
    });
    runs = counter.host()[0];
  }

  const auto round_trip = [&] {
    enqueue_count(streams[0], counter.data());
    require(cudaStreamSynchronize(streams[0].raw), "cudaStreamSynchronize");
  };
  round_trip();
  expect("launch_and_wait", 1);
  session.measure_parts({"launch_and_wait", {{"launches", 1}}, "none"}, {"host"}, [&] {
    require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    const auto begin = std::chrono::steady_clock::now();
    round_trip();
    return std::vector<double>{seconds_since(begin)};
  });
}

struct FreePinned {
  void operator()(std::uint8_t* place) const { cudaFreeHost(place); }
};
using Pinned = std::unique_ptr<std::uint8_t, FreePinned>;

Pinned pinned(std::size_t bytes) {
  void* place = nullptr;
  require(cudaMallocHost(&place, bytes), "cudaMallocHost");
  return Pinned(static_cast<std::uint8_t*>(place));
}

/// What goes out and comes back must be the same; names are those that may be timed then.
template <class There, class Back>
void check_copy(Session& session, const std::vector<std::string>& names, const There& there,
                const Back& back) {
  const auto sent = narrow<std::uint8_t>(reference::uniform(100'003, "copied", 0, 256));
  std::vector<std::uint8_t> received(sent.size());
  there(sent);
  back(received);
  for (const std::string& name : names) {
    session.check(name, {{"bytes", static_cast<std::int64_t>(sent.size())}},
                  reference::largest_error(widen(received), widen(sent)), 0);
  }
}

void measure_host_copies(Session& session, std::int64_t most) {
  const DeviceArray<std::uint8_t> device(static_cast<std::size_t>(most));
  const Pinned locked = pinned(static_cast<std::size_t>(most));
  std::vector<std::uint8_t> pageable(static_cast<std::size_t>(most));
  const auto copies = [&](std::uint8_t* host, const std::string& suffix) {
    const std::string to_device = "host_to_device" + suffix;
    const std::string to_host = "device_to_host" + suffix;
    check_copy(
        session, {to_device, to_host},
        [&](const std::vector<std::uint8_t>& sent) {
          std::copy(sent.begin(), sent.end(), host);
          require(cudaMemcpy(device.data(), host, sent.size(), cudaMemcpyHostToDevice),
                  "cudaMemcpy");
          std::fill_n(host, sent.size(), std::uint8_t{0});
        },
        [&](std::vector<std::uint8_t>& received) {
          require(cudaMemcpy(host, device.data(), received.size(), cudaMemcpyDeviceToHost),
                  "cudaMemcpy");
          std::copy_n(host, received.size(), received.begin());
        });
    for (std::int64_t bytes = 64; bytes <= most; bytes *= 4) {
      const auto size = static_cast<std::size_t>(bytes);
      const auto moved = static_cast<double>(bytes);
      session.measure({to_device, {{"bytes", bytes}}, "bytes", 0, moved}, [&](cudaStream_t stream) {
        require(cudaMemcpyAsync(device.data(), host, size, cudaMemcpyHostToDevice, stream),
                "cudaMemcpyAsync");
      });
      session.measure({to_host, {{"bytes", bytes}}, "bytes", 0, moved}, [&](cudaStream_t stream) {
        require(cudaMemcpyAsync(host, device.data(), size, cudaMemcpyDeviceToHost, stream),
                "cudaMemcpyAsync");
      });
    }
  };
  copies(locked.get(), "_pinned");
  copies(pageable.data(), "_pageable");
}

/// Between this device and the first that it can reach directly, if there is one.
void measure_peer_copies(Session& session, std::int64_t most) {
  int devices = 0;
  int own = 0;
  require(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  require(cudaGetDevice(&own), "cudaGetDevice");
  for (int peer = 0; peer < devices; ++peer) {
    int reachable = 0;
    if (peer != own) {
      require(cudaDeviceCanAccessPeer(&reachable, own, peer), "cudaDeviceCanAccessPeer");
    }
    if (reachable == 0) continue;
    require(cudaDeviceEnablePeerAccess(peer, 0), "cudaDeviceEnablePeerAccess");
    const DeviceArray<std::uint8_t> here(static_cast<std::size_t>(most));
    require(cudaSetDevice(peer), "cudaSetDevice");
    const DeviceArray<std::uint8_t> there(static_cast<std::size_t>(most));
    require(cudaSetDevice(own), "cudaSetDevice");
    check_copy(
        session, {"peer_copy"},
        [&](const std::vector<std::uint8_t>& sent) {
          require(cudaMemcpy(here.data(), sent.data(), sent.size(), cudaMemcpyHostToDevice),
                  "cudaMemcpy");
          require(cudaMemcpyPeer(there.data(), peer, here.data(), own, sent.size()),
                  "cudaMemcpyPeer");
        },
        [&](std::vector<std::uint8_t>& received) {
          require(
              cudaMemcpy(received.data(), there.data(), received.size(), cudaMemcpyDeviceToHost),
              "cudaMemcpy");
        });
    for (std::int64_t bytes = 64; bytes <= most; bytes *= 4) {
      session.measure({"peer_copy", {{"bytes", bytes}}, "bytes", 0, static_cast<double>(bytes)},
                      [&](cudaStream_t stream) {
                        require(cudaMemcpyPeerAsync(there.data(), peer, here.data(), own,
                                                    static_cast<std::size_t>(bytes), stream),
                                "cudaMemcpyPeerAsync");
                      });
    }
    require(cudaDeviceDisablePeerAccess(peer), "cudaDeviceDisablePeerAccess");
    return;
  }
}

}  // namespace

void run_launch(Session& session) {
  constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;
  measure_launches(session);
  measure_host_copies(session, kMostBytes);
  measure_peer_copies(session, kMostBytes);
}

}  // namespace orrery::kernels
