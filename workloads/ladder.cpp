#include "workloads/ladder.hpp"

#include <string>
#include <utility>
#include <vector>

#include "sim/base/errors.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"

namespace orrery {
namespace {

const std::vector<Block> kBoth = {Block::attention, Block::feed_forward};

Block block_of(const Step& step) {
  return step.label.starts_with("attention") ? Block::attention : Block::feed_forward;
}

bool is_of_block_end(const Step& step, const std::string& what) {
  return step.label == "attention." + what || step.label == "feed_forward." + what;
}

/// The steps of one block, in order, without those of `moved`, which are given apart.
struct Taken {
  Steps stay;
  Steps moved;
};
template <class Moves>
Taken take(const Steps& steps, Block block, Moves moves) {
  Taken taken;
  for (const Step& step : steps) {
    if (block_of(step) == block) (moves(step) ? taken.moved : taken.stay).push_back(step);
  }
  return taken;
}

/// Its all-reduce runs on while others follow.
void append_block(Steps& layer, const Steps& steps) {
  for (Step step : steps) {
    if (step.collective == CollectiveKind::all_reduce) step.posts = block_of(step);
    layer.push_back(std::move(step));
  }
}

/// They follow the kernels before them on the stream they share, and no all-reduce but this one's.
void append_waiting(Steps& layer, const Steps& steps, Block block) {
  ORRERY_CHECK(!steps.empty(), "a block without its end");
  for (Step step : steps) {
    step.after.clear();
    layer.push_back(std::move(step));
  }
  layer[layer.size() - steps.size()].waits_for = {block};
}

Steps ladder_forward(const Steps& standard) {
  Steps layer;
  for (const Block block : kBoth) {
    const Taken taken =
        take(standard, block, [](const Step& step) { return is_of_block_end(step, "residual"); });
    append_waiting(layer, taken.moved, block);
    append_block(layer, taken.stay);
  }
  return layer;
}

Steps ladder_backward(const Steps& standard) {
  const auto moves = [](const Step& step) {
    return is_of_block_end(step, "norm") || is_of_block_end(step, "around");
  };
  const Taken attention = take(standard, Block::attention, moves);
  const Taken feed_forward = take(standard, Block::feed_forward, moves);
  Steps layer;
  append_block(layer, feed_forward.stay);
  append_waiting(layer, attention.moved, Block::attention);
  append_block(layer, attention.stay);
  append_waiting(layer, feed_forward.moved, Block::feed_forward);
  return layer;
}

}  // namespace

void make_ladder(const NetworkShape& shape, const Division& division, Passes& embedding,
                 Passes& layer, Passes& head) {
  layer.forward = ladder_forward(layer.forward);
  layer.backward = ladder_backward(layer.backward);
  for (Step& step : embedding.forward) {
    if (step.collective) step.posts = Block::attention;  // the first layer finds it there
  }
  head.forward.front().waits_for = kBoth;
  embedding.backward.front().waits_for = kBoth;
  // What blocks leave behind for sums and norms that come later.
  const Bytes output = matrix_bytes(division.precision, division.tokens(), shape.hidden);
  const Bytes gradient = output + hidden_state(shape, division);
  embedding.forward.back().memory.buffer += output * 2;
  head.forward.front().memory.unbuffer += output * 2;
  head.backward.back().memory.buffer += gradient;
  embedding.backward.front().memory.unbuffer += gradient;
}

}  // namespace orrery
