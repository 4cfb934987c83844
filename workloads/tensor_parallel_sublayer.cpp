#include <string>
#include <utility>
#include <vector>

#include "workloads/builtin.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/sublayer_graph.hpp"

namespace orrery {
namespace {

/// One matrix product and the collective that follows it, as T3 (Pati et al., ASPLOS 2024) runs
/// them.
///
///   none        product; ring: step s sends the sum of what step s-1 brought and the own chunk,
///               at last the final sum is stored; all-gather
///   triggered   as StagedProduct says, updates being op-and-stores in memory; all-gather
class Sublayer final : private SublayerGraph {
 public:
  explicit Sublayer(const SublayerSettings& settings) : SublayerGraph(settings) {}

  Job build() {
    last_of_product_ = product_.last();
    job_.timed_figures.push_back({"product_s", OpId(), last_of_product_});
    std::vector<OpId> done;  // that the all-gather waits for
    if (settings_.overlap == Overlap::triggered) {
      done = is_ring() ? product_.add_ring()
                       : product_.add_direct(settings_.reduces() ? Movement::remote_update
                                                                 : Movement::remote_store);
    } else if (settings_.reduction == Reduction::library) {
      done = by_library();
    } else {
      done = is_ring() ? ring() : direct();
    }
    const OpId last_of_reduction = done.back();
    if (settings_.overlap != Overlap::all_reduce) done.push_back(last_of_product_);
    const OpId end = settings_.reduces() ? add_all_gather(done) : last_of_reduction;
    if (settings_.overlap == Overlap::none) {
      job_.timed_figures.push_back({"reduce_scatter_s", last_of_product_, last_of_reduction});
      job_.timed_figures.push_back({"all_reduce_s", last_of_product_, end});
    }
    add_facts();
    return std::move(job_);
  }

 private:
  // Behind the product, or beside it.

  bool is_beside() const { return settings_.overlap != Overlap::none; }
  bool near_memory() const { return settings_.reduction == Reduction::near_memory; }

  /// What launches the communication kernel; of a DMA there is nothing to launch.
  OpId begin() {
    Kernel nothing;
    nothing.kind = "communication";
    nothing.precision = settings_.precision;
    nothing.continues = near_memory();
    const OpId launch = add_kernel("launch", "communication", reduce_, nothing);
    if (!is_beside()) graph_.depend(launch, last_of_product_);
    return launch;
  }

  /// Cores read all ranks' chunks and store their sum.
  OpId add_sum() {
    Kernel sum = elementwise({.elements = settings_.m() * settings_.n() / chunks(),
                              .operations_per_element = chunks() - 1,
                              .read = chunk() * chunks(),
                              .written = chunk()});
    sum.continues = true;
    return add_kernel("sum", "communication", reduce_, sum);
  }

  std::vector<OpId> ring() {
    OpId before = begin();
    for (std::int64_t s = 0; s + 1 < chunks(); ++s) {
      const Movement by_cores = s == 0 ? Movement::core_copy : Movement::core_reduce;
      const OpId step =
          product_.add_transfer("step " + std::to_string(s), "communication",
                                near_memory() ? Movement::update : by_cores, chunk(), 1);
      graph_.depend(step, before, Side::source);
      before = step;
    }
    if (near_memory()) return {before};
    // As every step of the same kernel, but that the sum stays.
    const OpId sum =
        product_.add_transfer("sum", "communication", Movement::core_reduce, chunk(), 0);
    graph_.depend(sum, before, Side::source);
    return {sum};
  }

  std::vector<OpId> direct() {
    const OpId launch = begin();
    std::vector<OpId> sent;
    for (std::int64_t s = 0; s + 1 < chunks(); ++s) {
      const bool updates = near_memory() && settings_.reduces();
      sent.push_back(
          product_.add_transfer("chunk " + std::to_string(s), "to peer " + std::to_string(s + 1),
                                updates ? Movement::update : Movement::core_copy, chunk(), s + 1));
      graph_.depend(sent.back(), launch, Side::source);
    }
    if (near_memory() || !settings_.reduces()) return sent;
    const OpId sum = add_sum();
    for (const OpId each : sent) graph_.depend(sum, each);
    return {sum};
  }

  std::vector<OpId> by_library() {
    const OpId all = add_collective(
        settings_.reduces() ? CollectiveKind::reduce_scatter : CollectiveKind::all_to_all, reduce_);
    if (!is_beside()) graph_.depend(all, last_of_product_);
    return {all};
  }

  OpId add_all_gather(const std::vector<OpId>& after) {
    const OpId gather = add_collective(CollectiveKind::all_gather, gather_);
    for (const OpId each : after) graph_.depend(gather, each);
    return gather;
  }

  OpId last_of_product_;
};

class SublayerWorkload final : public Workload {
 public:
  explicit SublayerWorkload(SublayerSettings settings) : settings_(std::move(settings)) {}
  Job build() const override { return Sublayer(settings_).build(); }
  JsonValue resolved() const override { return to_json(settings_); }

 private:
  SublayerSettings settings_;
};

}  // namespace

std::unique_ptr<Workload> make_tensor_parallel_sublayer(JsonCursor parameters,
                                                        const WorkloadContext& context) {
  std::optional<SublayerSettings> settings = read_sublayer(std::move(parameters), context);
  if (!settings) return nullptr;
  return std::make_unique<SublayerWorkload>(std::move(*settings));
}

}  // namespace orrery
