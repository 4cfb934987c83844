#include "workloads/inference_steps.hpp"

#include "workloads/inference_graph.hpp"
#include "workloads/inference_layer.hpp"
#include "workloads/tensor_overlap.hpp"

namespace orrery {

OpId inference::add_shared(TaskGraph& graph, const InferenceSettings& settings, const Stage& stage,
                           const PreparedStep& step, StreamId compute, LabelId buffers) {
  const std::int64_t degree = settings.form.sequence;
  SequenceGraph into(graph, settings.grid.data_groups(stage.index), degree,
                     {.compute = compute,
                      .category = step.op.category,
                      .activations = buffers,
                      .buffers = buffers,
                      .name = graph.text(step.op.label) + "."});
  const SequenceMethod& method = settings.sequence.of(step.of_linear_layer);
  const SequenceLayer layer =
      sequence_layer(settings.network, settings.prompts(), settings.sequence, step.of_linear_layer,
                     settings.host_launch);
  const OpId id = method.forward(into, layer, stage.last_op);
  graph.free_memory(id, buffers,
                    method.saved(layer, degree) - layer.query(layer.tokens() / degree));
  return id;
}

OpId inference::add_crossing(TaskGraph& graph, const Op& next, Duration delay,
                             const std::vector<OpId>& after) {
  Op op;
  op.kind = OpKind::delay;
  op.stream = next.stream;
  op.ranks = next.ranks;
  op.label = graph.label("stream_crossing");
  op.category = next.category;
  op.delay = delay;
  const OpId id = graph.add(op);
  for (const OpId each : after) graph.depend(id, each);
  return id;
}

std::int64_t inference_ops(const InferenceSettings& settings) {
  const NetworkShape& network = settings.network;
  const InferencePass pass = {1, 1, 0};
  const auto count = [&](const Steps& steps) { return count_ops(steps, settings.grid.tensor); };
  const std::int64_t of_a_pass = count(inference_embedding(network, settings.form, pass)) +
                                 (count(inference_layer(network, settings.form, pass)) +
                                  (settings.form.sequence > 1 ? 6 * settings.form.sequence : 0)) *
                                     network.layers +
                                 count(inference_head(network, settings.form, pass)) +
                                 settings.grid.pipeline;
  const std::int64_t crossings =
      settings.stream_crossing > Duration(0) ? 2 : 1;  // one each at most
  const Bytes all = Bytes(of_a_pass) * crossings * settings.micro_batches * settings.output_length;
  return all.count();
}

}  // namespace orrery
