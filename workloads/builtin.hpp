#pragma once

#include <memory>

#include "workloads/workload.hpp"

namespace orrery {

/// Factories of the workloads that come with orrery; each is defined in a source of its own.
std::unique_ptr<Workload> make_collective_benchmark(JsonCursor parameters,
                                                    const WorkloadContext& context);
std::unique_ptr<Workload> make_sequence_parallel_attention(JsonCursor parameters,
                                                           const WorkloadContext& context);
std::unique_ptr<Workload> make_heterogeneous_sequence_parallel(JsonCursor parameters,
                                                               const WorkloadContext& context);
std::unique_ptr<Workload> make_tensor_parallel_sublayer(JsonCursor parameters,
                                                        const WorkloadContext& context);
std::unique_ptr<Workload> make_transformer_inference(JsonCursor parameters,
                                                     const WorkloadContext& context);
std::unique_ptr<Workload> make_transformer_training(JsonCursor parameters,
                                                    const WorkloadContext& context);

}  // namespace orrery
