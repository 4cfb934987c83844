// Strided packing and unpacking by bytes and by block length, to device memory and to mapped pinned
// memory of the host: the tables that TEMPI chooses its way of sending from.
#include <memory>

#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/pack/check.hpp"

namespace orrery::kernels {

namespace {

struct FreeHost {
  void operator()(void* place) const { cudaFreeHost(place); }
};

/// Mapped pinned memory of the host, and where the device sees it.
class MappedArray {
 public:
  explicit MappedArray(std::size_t bytes) {
    void* place = nullptr;
    require(cudaHostAlloc(&place, bytes, cudaHostAllocMapped), "cudaHostAlloc");
    place_.reset(place);
    require(cudaHostGetDevicePointer(&on_device_, place, 0), "cudaHostGetDevicePointer");
  }
  std::uint8_t* on_device() const { return static_cast<std::uint8_t*>(on_device_); }

 private:
  std::unique_ptr<void, FreeHost> place_;
  void* on_device_ = nullptr;
};

/// `bytes` in blocks of `length` with gaps as long, in two dimensions or in three.
StridedBlock block_of(std::int64_t bytes, std::int64_t length, int dimensions) {
  const std::int64_t rows = bytes / length;
  const std::int64_t planes = dimensions == 3 ? std::min<std::int64_t>(16, rows) : 1;
  return {.start = 0,
          .counts = {length, rows / planes, planes},
          .strides = {1, 2 * length, 2 * length * (rows / planes)}};
}

void measure(Session& session, std::int64_t bytes, std::int64_t length, int dimensions) {
  const StridedBlock block = block_of(bytes, length, dimensions);
  const auto strided = arbitrary<std::uint8_t>(2 * bytes);
  const DeviceArray<std::uint8_t> device(static_cast<std::size_t>(bytes));
  const MappedArray host(static_cast<std::size_t>(bytes));
  const Shape shape{{"bytes", bytes}, {"block_bytes", length}, {"dimensions", dimensions}};
  const auto moved = 2 * static_cast<double>(bytes);
  struct Target {
    const char* name;
    std::uint8_t* packed;
  };
  for (const Target& target : {Target{"", device.data()}, Target{"_host", host.on_device()}}) {
    const int word = word_bytes(block, strided.data(), target.packed);
    const Launch shape_of = move_strided_launch(block, word, 8 * session.sms());
    with_word<Direction::kPack>(word, [&](auto kernel) {
      session.measure({std::string("pack") + target.name, shape, "bytes", 0, moved},
                      [&](cudaStream_t stream) {
                        launch(shape_of, stream, kernel, block, strided.data(), target.packed);
                      });
    });
    with_word<Direction::kUnpack>(word, [&](auto kernel) {
      session.measure({std::string("unpack") + target.name, shape, "bytes", 0, moved},
                      [&](cudaStream_t stream) {
                        launch(shape_of, stream, kernel, block, strided.data(), target.packed);
                      });
    });
  }
}

/// Packs into mapped memory of the host and back; what arrives must be what left.
void check_host(Session& session) {
  const StridedBlock block = block_of(1 << 16, 24, 2);
  const auto count = static_cast<std::size_t>(block.counts[0] * block.counts[1]);
  const auto from = narrow<std::uint8_t>(reference::uniform(2 * count, "pack host", 0, 256));
  const DeviceArray<std::uint8_t> source(from);
  const DeviceArray<std::uint8_t> target(2 * count);
  const MappedArray host(count);
  const int word = word_bytes(block, source.data(), host.on_device());
  const Launch shape = move_strided_launch(block, word, 64);
  with_word<Direction::kPack>(word, [&](auto kernel) {
    launch(shape, nullptr, kernel, block, source.data(), host.on_device());
  });
  with_word<Direction::kUnpack>(word, [&](auto kernel) {
    launch(shape, nullptr, kernel, block, target.data(), host.on_device());
  });
  std::vector<double> expected(2 * count);
  for (const std::size_t offset : bytes_of(block)) {
    expected[offset] = from[offset];
  }
  const double error = reference::largest_error(widen(target.host()), expected);
  for (const char* name : {"pack_host", "unpack_host"}) {
    session.check(name, {{"bytes", static_cast<std::int64_t>(count)}, {"block_bytes", 24}}, error,
                  0);
  }
}

}  // namespace

void run_pack(Session& session) {
  DeviceRunner runner;
  const StridedBlock blocks[] = {
      {.start = 3, .counts = {1, 2000, 1}, .strides = {1, 5, 0}},
      {.start = 2, .counts = {6, 700, 3}, .strides = {1, 14, 10000}},
      {.start = 4, .counts = {12, 33, 5}, .strides = {1, 20, 700}},
      {.start = 8, .counts = {24, 10, 7}, .strides = {1, 64, 1000}},
      {.start = 64, .counts = {256, 9, 8}, .strides = {1, 512, 8192}},
  };
  for (const StridedBlock& block : blocks) {
    report(session, check_pack(runner, block, bytes_of(block).back() + 1));
  }
  check_host(session);
  if (session.checks_only()) return;
  for (const std::int64_t bytes : {1 << 20, 1 << 26, 1 << 14, 1 << 17, 1 << 23}) {
    for (std::int64_t length = 4; length <= std::min<std::int64_t>(bytes, 1 << 16); length *= 4) {
      measure(session, bytes, length, 2);
    }
  }
  for (std::int64_t length = 1; length <= 256; length *= 4) {
    measure(session, 1 << 20, length, 3);
  }
}

}  // namespace orrery::kernels
