#include "workloads/sublayer_graph.hpp"

#include <numeric>
#include <utility>

#include "workloads/kernel_forms.hpp"

namespace orrery {
namespace {

RankSetId all_of(TaskGraph& graph) {
  std::vector<Rank> ranks(static_cast<std::size_t>(graph.world_size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return graph.rank_set(std::move(ranks));
}

}  // namespace

SublayerGraph::SublayerGraph(const SublayerSettings& settings)
    : settings_(settings),
      ranks_(static_cast<Rank>(settings.tensor)),
      job_{.graph = TaskGraph(ranks_), .headline = "sublayer_time_s", .facts = {}},
      graph_(job_.graph),
      all_(all_of(graph_)),
      reduce_(graph_.label(settings.reduces() ? "reduce_scatter" : "all_to_all")),
      gather_(graph_.label("all_gather")),
      product_(graph_, plan()) {
  job_.precision = settings.precision;
  product_.add_kernels(all_);
}

StagedProduct::Plan SublayerGraph::plan() {
  const bool triggered = settings_.overlap == Overlap::triggered;
  const UnusedSlots unused = unused_slots(settings_.product(), settings_.producer);
  Kernel whole =
      gemm(settings_.precision, settings_.m(), settings_.n(), settings_.k() / settings_.tensor);
  job_.model_operations = whole.operations.as_double() * static_cast<double>(settings_.tensor);
  whole.operations += unused.edges;
  return {.kernel = whole,
          .reads = product_reads(settings_.product(), settings_.producer, triggered),
          .exposed_reads = settings_.producer.exposed_reads,
          .unused = unused.last_stage,
          .stores_apart = settings_.producer.main_loop,
          .output = settings_.output(),
          .chunks = settings_.tensor,
          .blocks = settings_.blocks,
          .updates = triggered && settings_.reduces(),
          .remote = !triggered  ? 0
                    : is_ring() ? 1
                                : settings_.tensor - 1,
          .product = graph_.label("product"),
          .reduction = reduce_};
}

OpId SublayerGraph::add_kernel(const std::string& label, const char* stream, LabelId category,
                               Kernel kernel) {
  Op op;
  op.kind = OpKind::compute;
  op.stream = graph_.stream(stream);
  op.ranks = all_;
  op.label = graph_.label(label);
  op.category = category;
  op.kernel = graph_.kernel(std::move(kernel));
  return graph_.add(op);
}

OpId SublayerGraph::add_collective(CollectiveKind kind, LabelId label) {
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.stream = graph_.stream("communication");
  op.ranks = all_;
  op.group_size = static_cast<std::uint32_t>(settings_.tensor);
  op.label = op.category = label;
  op.bytes = settings_.output();
  return graph_.add(op);
}

void SublayerGraph::add_facts() {
  job_.facts.push_back({"output_bytes", settings_.output().as_double(),
                        "The product's output on each rank, which is reduced over the ranks."});
  job_.facts.push_back({"chunk_bytes", chunk().as_double(), "What a rank keeps of it."});
  job_.facts.push_back({"blocks", static_cast<double>(settings_.blocks),
                        "Parts of a chunk, each of which is tracked and sent by itself."});
  const bool bypass = settings_.overlap == Overlap::triggered;
  const Bytes read = product_reads(settings_.product(), settings_.producer, bypass);
  job_.facts.push_back(
      {"product_read_bytes", read.as_double(), "What the product reads of each device's memory."});
}

}  // namespace orrery
