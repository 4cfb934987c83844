#include "workloads/sublayer_graph.hpp"

#include <utility>

#include "workloads/kernel_forms.hpp"

namespace orrery {
namespace {

/// The i-th of `of` nearly equal parts that sum to `total`.
std::int64_t part(std::int64_t total, std::int64_t i, std::int64_t of) {
  const auto upto = [&](std::int64_t n) { return total / of * n + total % of * n / of; };
  return upto(i + 1) - upto(i);
}
}  // namespace

SublayerGraph::SublayerGraph(const SublayerSettings& settings)
    : settings_(settings),
      ranks_(static_cast<Rank>(settings.tensor)),
      job_{.graph = TaskGraph(ranks_), .headline = "sublayer_time_s", .facts = {}},
      graph_(job_.graph),
      all_(set_shifted_by(0)),
      product_(graph_.label("product")),
      reduce_(graph_.label(settings.reduces() ? "reduce_scatter" : "all_to_all")),
      gather_(graph_.label("all_gather")) {
  job_.precision = settings.precision;
}

Bytes SublayerGraph::block(std::int64_t b) const {
  return Bytes(part(chunk().count(), b, settings_.blocks));
}

bool SublayerGraph::is_remote(std::int64_t s) const {
  if (settings_.overlap != Overlap::triggered) return false;
  return is_ring() ? s == 0 : s < chunks() - 1;
}

std::string SublayerGraph::name(const char* what, std::int64_t s, std::int64_t b) {
  return std::string(what) + " " + std::to_string(s) + "." + std::to_string(b);
}

RankSetId SublayerGraph::set_shifted_by(std::int64_t hops) {
  std::vector<Rank> ranks(static_cast<std::size_t>(ranks_));
  for (Rank r = 0; r < ranks_; ++r) {
    ranks[static_cast<std::size_t>(r)] = static_cast<Rank>((r + hops) % ranks_);
  }
  return graph_.rank_set(std::move(ranks));
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

OpId SublayerGraph::add_transfer(const std::string& label, const std::string& stream,
                                 Movement movement, Bytes bytes, std::int64_t hops) {
  Op op;
  op.kind = OpKind::transfer;
  op.movement = movement;
  op.stream = graph_.stream(stream);
  op.ranks = all_;
  op.peers = set_shifted_by(hops);
  op.label = graph_.label(label);
  op.category = reduce_;
  op.bytes = bytes;
  return graph_.add(op);
}

void SublayerGraph::add_product() {
  const bool triggered = settings_.overlap == Overlap::triggered;
  const std::int64_t count = chunks() * settings_.blocks;
  const std::int64_t reads = product_reads(settings_, triggered).count();
  const std::int64_t depth = settings_.k() / settings_.tensor;
  const Kernel whole = gemm(settings_.precision, settings_.m(), settings_.n(), depth);
  job_.model_operations = whole.operations.as_double() * static_cast<double>(settings_.tensor);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t s = i / settings_.blocks;
    const std::int64_t b = i % settings_.blocks;
    Kernel kernel = whole;
    kernel.kind = "gemm_stage";
    kernel.shape.clear();
    kernel.continues = i > 0;
    const std::int64_t read = part(reads, i, count);
    const auto exposed =
        static_cast<std::int64_t>(settings_.producer.exposed_reads * static_cast<double>(read));
    Block of;
    if (exposed > 0) {
      kernel.operations = Flops(0);
      kernel.read = Bytes(exposed);
      kernel.written = Bytes(0);
      of.first = add_kernel(name("reads", s, b), "compute", product_, kernel);
      kernel.continues = true;
    }
    kernel.operations = Flops(part(whole.operations.count(), i, count));
    kernel.read = Bytes(read - exposed);
    kernel.written = Bytes(0);
    of.multiply = add_kernel(name("product", s, b), "compute", product_, kernel);
    if (!of.first.valid()) of.first = of.multiply;
    kernel.continues = true;
    last_of_product_ = of.multiply;
    if (!is_remote(s)) {
      kernel.operations = Flops(0);
      kernel.read = Bytes(0);
      kernel.written = block(b);
      kernel.updates = triggered && settings_.reduces();
      of.stores = add_kernel(name("stores", s, b), "compute", product_, kernel);
      last_of_product_ = of.stores;
    }
    made_.push_back(of);
  }
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
  job_.facts.push_back({"product_read_bytes", product_reads(settings_, bypass).as_double(),
                        "What the product reads of each device's memory."});
}

}  // namespace orrery
