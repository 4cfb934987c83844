#include "tools/orrery/report_spans.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace orrery {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are packed as they lie");

std::string base64(std::span<const unsigned char> bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t there = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i) three = three << 8U | (i < there ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= there ? kDigits[three >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return text;
}

/// Short names for texts, in the order in which they come.
class Names {
 public:
  std::uint32_t operator()(const std::string& text) {
    const auto [known, is_new] =
        index_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
    if (is_new) texts_.push_back(json_string(text));
    return known->second;
  }
  JsonValue take() { return json_array(std::move(texts_)); }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<JsonValue> texts_;
};

using Place = std::tuple<std::size_t, std::uint32_t, std::size_t>;  // op, instance, position
Place place_of(const Span& span) {
  return {span.instance.op.index(), span.instance.instance, span.position};
}

class Packing {
 public:
  Packing(const TaskGraph& graph, const CostModel& cost, const DeviceSpec& device)
      : graph_(&graph) {
    for (const Kernel& kernel : graph.kernels()) bounds_.push_back(cost.cost(kernel, device));
  }

  void add(const Span& span, std::uint32_t lane, bool critical) {
    const Op& op = graph_->op(span.instance.op);
    if (critical) critical_.push_back(static_cast<std::uint32_t>(start_.size()));
    lane_.push_back(lane);
    start_.push_back(static_cast<double>(span.start.picoseconds()));
    length_.push_back(static_cast<float>((span.end - span.start).count()));
    wait_.push_back(static_cast<float>((span.start - span.ready).count()));
    label_.push_back(
        names_(op.label.valid() ? graph_->text(op.label) : std::string(to_string(op.kind))));
    cause_.push_back(static_cast<std::uint8_t>(causes_(cause_of(op))));
    const bool joins = op.kind == OpKind::transfer || op.kind == OpKind::collective;
    bytes_.push_back(joins ? op.bytes.as_double() : 0);
    const auto key = std::pair(span.instance.op.index(), span.instance.instance);
    const auto known = instances_.try_emplace(key, static_cast<std::uint32_t>(instances_.size()));
    instance_.push_back(known.first->second);
  }

  JsonValue finish(std::vector<JsonValue> lanes, std::size_t left_out_ranks,
                   std::size_t left_out_spans) {
    const auto count = [](std::size_t n) { return json_integer(static_cast<std::int64_t>(n)); };
    return json_object({{"count", count(start_.size())},
                        {"left_out_ranks", count(left_out_ranks)},
                        {"left_out_spans", count(left_out_spans)},
                        {"lanes", json_array(std::move(lanes))},
                        {"labels", names_.take()},
                        {"causes", causes_.take()},
                        {"lane", packed(lane_)},
                        {"start", packed(start_)},
                        {"length", packed(length_)},
                        {"wait", packed(wait_)},
                        {"label", packed(label_)},
                        {"cause", packed(cause_)},
                        {"bytes", packed(bytes_)},
                        {"instance", packed(instance_)},
                        {"critical", packed(critical_)}});
  }

 private:
  /// Kernels by what bounds them alone, communication by its category.
  std::string cause_of(const Op& op) const {
    if (op.kind == OpKind::compute) return std::string(to_string(bounds_[op.kernel.index()].bound));
    if (op.kind == OpKind::delay) return "delay";
    return op.category.valid() ? graph_->text(op.category) : "other";
  }

  const TaskGraph* graph_;
  std::vector<KernelCost> bounds_;
  Names names_;
  Names causes_;
  std::map<std::pair<std::size_t, std::uint32_t>, std::uint32_t> instances_;
  std::vector<std::uint32_t> lane_;
  std::vector<double> start_;  // picoseconds, as all times
  std::vector<float> length_;
  std::vector<float> wait_;
  std::vector<std::uint32_t> label_;
  std::vector<std::uint8_t> cause_;
  std::vector<double> bytes_;
  std::vector<std::uint32_t> instance_;
  std::vector<std::uint32_t> critical_;  // indices of spans
};

/// The ranks that are shown: the first ones, as long as all spans are no more than `maximum`.
Rank shown_ranks(const TaskGraph& graph, std::span<const Span> spans, std::size_t maximum) {
  std::vector<std::size_t> of_rank(static_cast<std::size_t>(graph.world_size()));
  for (const Span& span : spans) ++of_rank[static_cast<std::size_t>(span.rank)];
  std::size_t sum = 0;
  for (Rank rank = 0; rank < graph.world_size(); ++rank) {
    sum += of_rank[static_cast<std::size_t>(rank)];
    if (sum > maximum && rank > 0) return rank;
  }
  return graph.world_size();
}

}  // namespace

template <class Number>
JsonValue packed(const std::vector<Number>& numbers) {
  std::vector<unsigned char> bytes(numbers.size() * sizeof(Number));
  if (!bytes.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return json_string(base64(bytes));
}
template JsonValue packed(const std::vector<double>&);
template JsonValue packed(const std::vector<float>&);
template JsonValue packed(const std::vector<std::uint32_t>&);
template JsonValue packed(const std::vector<std::uint8_t>&);

JsonValue spans_json(const TaskGraph& graph, std::span<const Span> spans,
                     std::span<const CriticalStep> path, std::span<const RankClass> classes,
                     const CostModel& cost, const DeviceSpec& device, std::size_t maximum) {
  const Rank shown = shown_ranks(graph, spans, maximum);
  std::vector<const Span*> order;
  for (const Span& span : spans) {
    if (span.stream.valid() && span.rank < shown) order.push_back(&span);
  }
  std::stable_sort(order.begin(), order.end(), [](const Span* a, const Span* b) {
    return std::tuple(a->rank, a->stream, a->start) < std::tuple(b->rank, b->stream, b->start);
  });
  std::set<Place> critical;
  for (const CriticalStep& step : path) critical.insert(place_of(step.span));

  Packing packing(graph, cost, device);
  std::vector<JsonValue> lanes;
  std::pair<Rank, StreamId> lane;
  for (const Span* span : order) {
    if (lanes.empty() || lane != std::pair(span->rank, span->stream)) {
      lane = {span->rank, span->stream};
      const RankClass& of = classes[static_cast<std::size_t>(span->rank)];
      lanes.push_back(json_object({{"rank", json_integer(of.first)},
                                   {"alike", json_integer(of.count)},
                                   {"stream", json_string(graph.stream_name(span->stream))}}));
    }
    packing.add(*span, static_cast<std::uint32_t>(lanes.size() - 1),
                critical.contains(place_of(*span)));
  }
  const auto receiving = static_cast<std::size_t>(std::count_if(
      spans.begin(), spans.end(), [](const Span& span) { return !span.stream.valid(); }));
  return packing.finish(std::move(lanes), static_cast<std::size_t>(graph.world_size() - shown),
                        spans.size() - receiving - order.size());
}

}  // namespace orrery
