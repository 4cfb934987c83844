#pragma once

#include <cstdint>
#include <string>

namespace orrery {

/// A step that PyTorch's profiler would have recorded of one rank: made up, in the form that it
/// writes (torch.profiler, export_chrome_trace: host operators, runtime calls, kernels with
/// arguments, copies, annotations on host and device, Python functions, flows from launch to
/// kernel, counters, metadata; as remembered). Layers of two matrix products on stream 7, behind
/// the second an all-reduce on stream 20 beside the first product of the next layer, and at the end
/// a copy to the host. Everything in microseconds.
struct KinetoProfile {
  std::int32_t rank = 0;
  std::int32_t world_size = 4;
  std::int64_t layers = 200;
  std::int64_t first_product = 60;
  std::int64_t second_product = 40;
  std::int64_t all_reduce = 50;  // begins with the next layer's first product, which is longer
  std::int64_t gap = 2;          // of the host, in front of each layer
  std::int64_t copy = 5;

  std::int64_t layer() const { return gap + first_product + second_product; }
  std::int64_t compute() const { return layers * (first_product + second_product); }
  std::int64_t communication() const { return layers * all_reduce; }
  /// From the first kernel's begin: layers without the first gap, the last all-reduce, the copy.
  std::int64_t length() const { return layers * layer() - gap + all_reduce + copy; }
  /// Each all-reduce but the last starts behind a layer, as its gap does, and hides nothing of
  /// that.
  std::int64_t exposed() const { return (layers - 1) * gap + all_reduce; }

  std::string text() const;

 private:
  std::string event(const std::string& category, const std::string& name, int process, int thread,
                    std::int64_t start, std::int64_t duration, const std::string& args) const {
    // Microseconds since 1970, of another clock on each host.
    const std::int64_t epoch = 1'700'000'000'000'000 + 1'234 * rank;
    return R"({"ph": "X", "cat": ")" + category + R"(", "name": ")" + name + R"(", "pid": )" +
           std::to_string(process) + R"(, "tid": )" + std::to_string(thread) + R"(, "ts": )" +
           std::to_string(epoch + start) + ".250, \"dur\": " + std::to_string(duration) +
           ".000, \"args\": {" + args + "}},\n";
  }
  /// What the host does for a kernel: an operator, in it a launch, an arrow to the kernel.
  std::string launched(const std::string& name, std::int64_t start,
                       std::int64_t correlation) const {
    const std::string id = std::to_string(correlation);
    std::string text = event("cpu_op", "aten::" + name, 4242, 4242, start - 30, 9,
                             R"("External id": )" + id + R"(, "Input Dims": [[8192, 8192], []])");
    text += event("cuda_runtime", "cudaLaunchKernel", 4242, 4242, start - 28, 5,
                  R"("correlation": )" + id);
    text += R"({"ph": "s", "id": )" + id + R"(, "pid": 4242, "tid": 4242, "ts": )" +
            std::to_string(start - 28) +
            R"(, "cat": "ac2g", "name": "ac2g"},)"
            "\n";
    return text;
  }
  std::string kernel(const std::string& name, int stream, std::int64_t start, std::int64_t duration,
                     std::int64_t correlation, const std::string& more = "") const {
    return event("kernel", name, rank, stream, start, duration,
                 R"("device": )" + std::to_string(rank) + R"(, "stream": )" +
                     std::to_string(stream) + R"(, "correlation": )" + std::to_string(correlation) +
                     R"(, "grid": [132, 1, 1], "block": [384, 1, 1])" + more);
  }
};

inline std::string KinetoProfile::text() const {
  const std::string arguments =
      R"(, "Collective name": "allreduce", "In msg nelems": 4194304, "Out msg nelems": 4194304, )"
      R"("Group size": )" +
      std::to_string(world_size) +
      R"(, "dtype": "BFloat16", "Process Group Name": "0", "Process Group Description": "default_pg", )"
      R"("Process Group Ranks": "[0, 1, 2, 3]")";
  std::string text = R"({"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "made up"}],
 "distributedInfo": {"backend": "nccl", "rank": )" +
                     std::to_string(rank) + R"(, "world_size": )" + std::to_string(world_size) +
                     R"(, "pg_config": [{"pg_name": "0", "backend_config": "cuda:nccl"}]},
 "with_flops": 0, "record_shapes": 1, "traceName": "made_up.json", "displayTimeUnit": "ms",
 "traceEvents": [
)";
  text += event("user_annotation", "ProfilerStep#3", 4242, 4242, 0, length() + 100, "");
  text +=
      event("python_function", "train.py(41): step", 4242, 4242, 1, length(), R"("Python id": 1)");
  text += event("gpu_user_annotation", "ProfilerStep#3", rank, 7, 100, length(), "");
  std::int64_t correlation = 1;
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::int64_t start = 100 + i * layer();
    text += launched("mm", start, correlation);
    text += kernel("sm90_xmma_gemm_bf16bf16_up", 7, start, first_product, correlation++);
    text += launched("addmm", start + first_product, correlation);
    text += kernel("sm90_xmma_gemm_bf16bf16_down", 7, start + first_product, second_product,
                   correlation++);
    text += launched("c10d::allreduce_", start + first_product, correlation);
    text += kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)", 20,
                   start + layer() - gap, all_reduce, correlation++, arguments);
  }
  text += event("gpu_memcpy", "Memcpy DtoH (Device -> Pinned)", rank, 7,
                100 + layers * layer() - gap + all_reduce, copy, R"("bytes": 4, "stream": 7)");
  text +=
      R"({"ph": "C", "name": "[memory]", "pid": 4242, "tid": 0, "ts": 1700000000000000, "args": {"Total Allocated": 1024}},
  {"ph": "M", "name": "thread_name", "pid": )" +
      std::to_string(rank) +
      R"(, "tid": 7, "args": {"name": "stream 7 7"}},
  {"ph": "M", "name": "process_sort_index", "pid": 4242, "tid": 0, "ts": 0, "args": {"sort_index": 4242}},
  {"ph": "i", "s": "g", "name": "Record Window End", "pid": "", "tid": "", "ts": 1700000000999999}
 ]}
)";
  return text;
}

}  // namespace orrery
