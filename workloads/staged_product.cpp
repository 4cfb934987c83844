#include "workloads/staged_product.hpp"

#include <utility>

namespace orrery {
namespace {

/// The i-th of `of` nearly equal parts that sum to `total`.
std::int64_t share(std::int64_t total, std::int64_t i, std::int64_t of) {
  const auto upto = [&](std::int64_t n) { return total / of * n + total % of * n / of; };
  return upto(i + 1) - upto(i);
}

}  // namespace

StagedProduct::StagedProduct(TaskGraph& graph, Plan plan) : graph_(&graph), plan_(std::move(plan)) {
  if (plan_.kernel.kind != "gemm") plan_.kernel.shape.clear();
  plan_.kernel.kind = "gemm_stage";  // of the product whose shape it has
  Kernel nothing;
  nothing.kind = "trigger";
  nothing.precision = plan_.kernel.precision;
  nothing.continues = true;
  nothing_ = graph_->kernel(std::move(nothing));
  for (std::int64_t s = 0; s < plan_.chunks; ++s) {
    for (std::int64_t b = 0; b < plan_.blocks; ++b) parts_.push_back(parts_of(s, b));
  }
}

Bytes StagedProduct::block(std::int64_t b) const {
  return Bytes(share(chunk().count(), b, plan_.blocks));
}

std::string StagedProduct::name(const char* what, std::int64_t s, std::int64_t b) const {
  return plan_.name + what + " " + std::to_string(s) + "." + std::to_string(b);
}

StagedProduct::Part StagedProduct::part_of(const Kernel& kernel, const char* what, std::int64_t s,
                                           std::int64_t b) {
  return {graph_->kernel(kernel), graph_->label(name(what, s, b))};
}

StagedProduct::Parts StagedProduct::parts_of(std::int64_t s, std::int64_t b) {
  const std::int64_t count = plan_.chunks * plan_.blocks;
  const std::int64_t i = s * plan_.blocks + b;
  const std::int64_t read = share(plan_.reads.count(), i, count);
  const auto exposed = static_cast<std::int64_t>(plan_.exposed_reads * static_cast<double>(read));
  Kernel kernel = plan_.kernel;
  kernel.continues = kernel.continues || i > 0;
  Parts parts;
  if (exposed > 0) {
    kernel.operations = Flops(0);
    kernel.read = Bytes(exposed);
    kernel.written = Bytes(0);
    parts.reads = part_of(kernel, "reads", s, b);
    kernel.continues = true;
  }
  const bool stored_beside = !plan_.stores_apart && !is_remote(s);
  kernel.operations = Flops(share(plan_.kernel.operations.count(), i, count));
  if (i + 1 == count) kernel.operations += plan_.unused;
  kernel.read = Bytes(read - exposed);
  kernel.written = stored_beside ? block(b) : Bytes(0);
  kernel.updates = stored_beside && plan_.updates;
  parts.multiply = part_of(kernel, "product", s, b);
  if (plan_.stores_apart && !is_remote(s)) {
    kernel.operations = Flops(0);
    kernel.read = Bytes(0);
    kernel.written = block(b);
    kernel.updates = plan_.updates;
    kernel.continues = true;
    parts.stores = part_of(kernel, "stores", s, b);
  }
  return parts;
}

OpId StagedProduct::add_kernel(const Part& part, const char* stream, LabelId category) {
  Op op;
  op.kind = OpKind::compute;
  op.stream = graph_->stream(stream);
  op.ranks = groups_;
  op.label = part.label;
  op.category = category;
  op.kernel = part.kernel;
  return graph_->add(op);
}

void StagedProduct::add_kernels(RankSetId groups) {
  groups_ = groups;
  made_.clear();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Parts& parts = parts_[i];
    Block block;
    if (parts.reads.kernel.valid()) block.first = add_kernel(parts.reads, "compute", plan_.product);
    block.multiply = last_ = add_kernel(parts.multiply, "compute", plan_.product);
    if (!block.first.valid()) block.first = block.multiply;
    if (parts.stores.kernel.valid()) {
      block.stores = last_ = add_kernel(parts.stores, "compute", plan_.product);
    } else if (!is_remote(static_cast<std::int64_t>(i) / plan_.blocks)) {
      block.stores = block.multiply;
    }
    made_.push_back(block);
  }
}

RankSetId StagedProduct::shifted_by(std::int64_t hops) {
  RankSetId& known = shifted_[{groups_, hops}];
  if (known.valid()) return known;
  const std::span<const Rank> ranks = graph_->ranks(groups_);
  const auto size = static_cast<std::size_t>(plan_.chunks);
  std::vector<Rank> peers;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    peers.push_back(ranks[i / size * size + (i % size + static_cast<std::size_t>(hops)) % size]);
  }
  return known = graph_->rank_set(std::move(peers));
}

OpId StagedProduct::add_transfer(const std::string& label, const std::string& stream,
                                 Movement movement, Bytes bytes, std::int64_t hops) {
  Op op;
  op.kind = OpKind::transfer;
  op.movement = movement;
  op.stream = graph_->stream(stream);
  op.ranks = groups_;
  op.peers = shifted_by(hops);
  op.label = graph_->label(label);
  op.category = plan_.reduction;
  op.bytes = bytes;
  return graph_->add(op);
}

/// Follows a block's own stores and what `incoming` brings to it; ends when all have landed.
OpId StagedProduct::add_trigger(std::int64_t s, std::int64_t b, const std::vector<OpId>& incoming) {
  const OpId trigger =
      add_kernel({nothing_, graph_->label(name("trigger", s, b))}, "tracker", plan_.reduction);
  graph_->track(made(s, b).first, block(b));
  graph_->trigger(trigger, block(b));
  graph_->depend(trigger, made(s, b).stores);
  for (const OpId each : incoming) graph_->depend(trigger, each);
  return trigger;
}

std::vector<OpId> StagedProduct::add_ring() {
  std::vector<OpId> sent(static_cast<std::size_t>(plan_.blocks));  // by block, of the chunk
  std::vector<OpId> done;
  for (std::int64_t s = 0; s < plan_.chunks; ++s) {
    for (std::int64_t b = 0; b < plan_.blocks; ++b) {
      OpId& last = sent[static_cast<std::size_t>(b)];
      if (is_remote(s)) {
        last = add_transfer(name("remote stores", s, b), "remote stores", Movement::remote_update,
                            block(b), 1);
        graph_->depend(last, made(s, b).multiply, Side::source);
        continue;
      }
      const OpId trigger = add_trigger(s, b, {last});
      if (s == plan_.chunks - 1) {
        done.push_back(trigger);
        continue;
      }
      last = add_transfer(name("dma", s, b), "dma", Movement::update, block(b), 1);
      graph_->depend(last, trigger, Side::source);
    }
  }
  return done;
}

std::vector<OpId> StagedProduct::add_direct(Movement movement) {
  std::vector<std::vector<OpId>> incoming(static_cast<std::size_t>(plan_.blocks));
  std::vector<OpId> done;
  for (std::int64_t s = 0; s < plan_.chunks; ++s) {
    for (std::int64_t b = 0; b < plan_.blocks; ++b) {
      std::vector<OpId>& of = incoming[static_cast<std::size_t>(b)];
      if (!is_remote(s)) {
        done.push_back(add_trigger(s, b, of));
        continue;
      }
      of.push_back(add_transfer(name("remote stores", s, b),
                                "remote stores to " + std::to_string(s + 1), movement, block(b),
                                s + 1));
      graph_->depend(of.back(), made(s, b).multiply, Side::source);
    }
  }
  return done;
}

}  // namespace orrery
