// Methods of sequence parallelism: what ranks send, how much they work, what is refused.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/workloads/sequence_fixture.hpp"
#include "workloads/builtin.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kElement = 2;  // bytes of bf16

std::unique_ptr<SequenceMethod> method_of(const std::string& text) {
  Diagnostics mistakes;
  const JsonValue value = parse_json(text, "method");
  auto method = read_sequence_method(JsonCursor(value, mistakes));
  mistakes.throw_if_any();
  return method;
}

/// What goes over the links of one layer, forward or backward, as its graph has it.
struct Traffic {
  std::map<Rank, std::int64_t> sent;  // by rank
  std::int64_t total = 0;
  std::map<std::string, std::map<std::pair<Rank, Rank>, std::int64_t>> messages;  // by label, pair
  std::map<std::string, double> operations;                                       // of attention
};

enum class Pass { forward, backward };

Traffic traffic_of(const std::string& method_text, const SequenceLayer& layer, std::int64_t degree,
                   Pass pass) {
  OneSequenceGroup group(degree);
  auto& [graph, into] = group;
  const auto method = method_of(method_text);
  EXPECT_FALSE(method->refusal(layer, degree).has_value()) << method_text;
  const OpId last = pass == Pass::forward ? method->forward(into, layer, OpId())
                                          : method->backward(into, layer, OpId());
  EXPECT_EQ(graph.ranks(graph.op(last).ranks).size(), static_cast<std::size_t>(degree))
      << "comes last on all ranks";
  Traffic traffic;
  for (const Op& op : graph.ops()) {
    const auto from = graph.ranks(op.ranks);
    if (op.kind == OpKind::transfer) {
      for (std::size_t i = 0; i < from.size(); ++i) {
        traffic.sent[from[i]] += op.bytes.count();
        traffic.messages[graph.text(op.label)][{from[i], graph.ranks(op.peers)[i]}] +=
            op.bytes.count();
      }
    } else if (op.kind == OpKind::collective) {
      // All-gathers, reduce-scatters and all-to-alls: all of a rank's buffer but its own part.
      for (const Rank rank : from) {
        traffic.sent[rank] +=
            op.bytes.count() / op.group_size * static_cast<std::int64_t>(op.group_size - 1);
      }
    } else if (op.kind == OpKind::compute &&
               graph.kernel(op.kernel).kind.starts_with("attention")) {
      traffic.operations[graph.text(op.label)] +=
          graph.kernel(op.kernel).operations.as_double() * static_cast<double>(from.size());
    }
  }
  for (const auto& [rank, bytes] : traffic.sent) traffic.total += bytes;
  const Bytes closed = pass == Pass::forward ? method->sent_forward(layer, degree)
                                             : method->sent_backward(layer, degree);
  EXPECT_EQ(traffic.total, closed.count()) << method_text << " says of itself";
  return traffic;
}

void expect_all_send(const Traffic& traffic, std::int64_t degree, std::int64_t bytes,
                     const std::string& what) {
  ASSERT_EQ(traffic.sent.size(), static_cast<std::size_t>(degree)) << what;
  for (const auto& [rank, sent] : traffic.sent) EXPECT_EQ(sent, bytes) << what << " rank " << rank;
}

// The table of bytes that each device sends in one layer: N tokens, h = heads x head size, h_kv
// likewise, e bytes an element, P devices.
TEST(SequenceMethods, SendWhatTheLiteratureCounts) {
  const std::int64_t tokens = 6144;
  for (const std::int64_t kv_heads : {32, 8}) {
    const SequenceLayer layer = layer_of(tokens, 32, kv_heads, AttentionMask::full);
    const std::int64_t h = 32 * 128;
    const std::int64_t h_kv = kv_heads * 128;
    for (const std::int64_t p : {2, 4, 8}) {
      const std::int64_t each = tokens / p * (p - 1) * kElement;  // N (P-1)/P e
      const auto expect = [&](const char* method, std::int64_t forward, std::int64_t backward) {
        expect_all_send(traffic_of(method, layer, p, Pass::forward), p, forward, method);
        expect_all_send(traffic_of(method, layer, p, Pass::backward), p, backward, method);
      };
      expect("\"ring\"", 2 * each * h_kv, 4 * each * h_kv);
      expect("\"all_gather_kv\"", 2 * each * h_kv, 4 * each * h_kv);
      expect(R"({"kind": "all_gather_kv", "gathers": 4})", 2 * each * h_kv, 4 * each * h_kv);
      // 4 N h / P where keys and values are as wide as queries.
      expect("\"ulysses\"", (2 * h + 2 * h_kv) * each / p, (2 * h + 2 * h_kv) * each / p);
      // Of the two all-gathers and two reduce-scatters of a layer those of its attention.
      expect("\"megatron_sp\"", 2 * each * h, 2 * each * h);
      const std::int64_t statistics = tokens / p * (p - 1) * 32 * 4;  // fp32, one for each head
      expect("\"token_ring\"", 2 * each * h + statistics, 3 * each * h + 2 * statistics);
    }
    // USP: Ulysses among U neighbours, then a ring over P/U groups with heads/U.
    const std::int64_t p = 8, u = 4;
    const std::int64_t own = tokens / p * kElement;
    const Traffic usp = traffic_of(R"({"kind": "usp", "ulysses": 4})", layer, p, Pass::forward);
    expect_all_send(usp, p, own * (2 * h + 2 * h_kv) / u * (u - 1) + (p / u - 1) * own * 2 * h_kv,
                    "usp");
  }
}

// Whatever the method, the ranks together do what the mask leaves: 2 operations per pair and
// element of a head in two products, and 5 products backward.
TEST(SequenceMethods, DoAllOfTheWorkAndNoMore) {
  for (const char* method :
       {"\"ring\"", "\"token_ring\"", "\"ulysses\"", "\"megatron_sp\"", "\"all_gather_kv\"",
        R"({"kind": "all_gather_kv", "gathers": 2})", R"({"kind": "usp", "ulysses": 2})"}) {
    for (const TokenLayout layout :
         {TokenLayout::contiguous, TokenLayout::zigzag, TokenLayout::striped}) {
      for (const AttentionMask mask : {AttentionMask::causal, AttentionMask::full}) {
        SequenceLayer layer = layer_of(0, 16, 4, mask, layout);
        layer.lengths = {512, 1280, 256};
        layer.batch = 3;
        const double twice_pairs =
            (512.0 * 512 + 1280.0 * 1280 + 256.0 * 256) * (mask == AttentionMask::full ? 2 : 1);
        const double forward = twice_pairs * 3 * 16 * 2 * 128;
        for (const Pass pass : {Pass::forward, Pass::backward}) {
          double sum = 0;
          for (const auto& [label, operations] : traffic_of(method, layer, 4, pass).operations) {
            sum += operations;
          }
          EXPECT_DOUBLE_EQ(sum, pass == Pass::forward ? forward : 2.5 * forward)
              << method << " " << to_string(layout) << " " << to_string(mask);
        }
      }
    }
  }
}

// Round by round: who sends how much to whom.
TEST(SequenceMethods, SendToTheRightNeighbourInEachRound) {
  const std::int64_t p = 8, tokens = 4096;
  const SequenceLayer layer = layer_of(tokens, 16, 16, AttentionMask::full);
  const std::int64_t block = tokens / p * 16 * 128 * kElement;
  const Traffic ring = traffic_of("\"ring\"", layer, p, Pass::forward);
  EXPECT_EQ(ring.messages.size(), static_cast<std::size_t>(p - 1)) << "P-1 rounds send";
  for (const auto& [label, pairs] : ring.messages) {
    ASSERT_EQ(pairs.size(), static_cast<std::size_t>(p)) << label;
    for (const auto& [pair, bytes] : pairs) {
      EXPECT_EQ(pair.second, (pair.first + 1) % p) << label;
      EXPECT_EQ(bytes, 2 * block) << label << ": keys and values";
    }
  }
  const Traffic token = traffic_of("\"token_ring\"", layer, p, Pass::forward);
  EXPECT_EQ(token.messages.size(), static_cast<std::size_t>(2 * (p - 1)));
  const std::int64_t statistics = tokens / p * 16 * 4;
  for (std::int64_t s = 1; s < p; ++s) {
    for (const auto& [pair, bytes] : token.messages.at("send q " + std::to_string(s - 1))) {
      EXPECT_EQ(pair.second, (pair.first + p - 1) % p);
      EXPECT_EQ(bytes, block) << "half of what a ring sends one way";
    }
    for (const auto& [pair, bytes] : token.messages.at("send output " + std::to_string(s))) {
      EXPECT_EQ(pair.second, (pair.first + s) % p) << "straight to the owner";
      EXPECT_EQ(bytes, block + statistics);
    }
  }
}

// Zigzag: queries that have passed position 0 are needed by half, so half of P(P-1) hops of queries
// and as many returns carry half.
TEST(SequenceMethods, TokenRingSendsHalvesUnderZigzag) {
  const std::int64_t p = 4, tokens = 4096;
  const SequenceLayer layer = layer_of(tokens, 16, 16, AttentionMask::causal, TokenLayout::zigzag);
  const Traffic token = traffic_of("\"token_ring\"", layer, p, Pass::forward);
  const std::int64_t queries = tokens / p * 16 * 128 * kElement;
  const std::int64_t outputs = queries + tokens / p * 16 * 4;
  EXPECT_EQ(token.total, p * (p - 1) * (queries + outputs) * 3 / 4);
  for (std::int64_t s = 0; s + 1 < p; ++s) {
    for (const auto& [pair, bytes] : token.messages.at("send q " + std::to_string(s))) {
      const std::int64_t owner = (pair.first + s) % p;
      EXPECT_EQ(bytes, owner > pair.second ? queries : queries / 2)
          << "to " << pair.second << " of " << owner;
    }
  }
}

TEST(SequenceMethods, TokenRingHalvesADirectionForManyHeadsAndLosesForSharedKeys) {
  const std::int64_t p = 8, tokens = 8192;
  for (const std::int64_t group : {1, 2, 4, 8}) {
    const SequenceLayer layer = layer_of(tokens, 32, 32 / group, AttentionMask::full);
    const Traffic ring = traffic_of("\"ring\"", layer, p, Pass::forward);
    const Traffic token = traffic_of("\"token_ring\"", layer, p, Pass::forward);
    std::int64_t around = 0;
    for (const auto& [label, pairs] : token.messages) {
      for (const auto& [pair, bytes] : pairs) around += label.starts_with("send q") ? bytes : 0;
    }
    EXPECT_EQ(around * 2, ring.total * group) << "a half, times the query heads of a key head";
    const double log_sum_exp = 4.0 / (2 * 128 * kElement);
    EXPECT_DOUBLE_EQ(static_cast<double>(token.total) / static_cast<double>(ring.total),
                     static_cast<double>(group) * (1 + log_sum_exp));
  }
}

// A causal ring over contiguous chunks: in round s only the positions from s on work.
TEST(SequenceMethods, ZigzagAndStripesGiveEveryRoundTheSameWork) {
  const std::int64_t p = 8, tokens = 8192;
  const double whole = 2.0 * tokens * tokens * 16 * 128;
  for (const TokenLayout layout : {TokenLayout::contiguous, TokenLayout::zigzag}) {
    const SequenceLayer layer = layer_of(tokens, 16, 16, AttentionMask::causal, layout);
    const Traffic ring = traffic_of("\"ring\"", layer, p, Pass::forward);
    double sum = 0;
    for (std::int64_t s = 0; s < p; ++s) {
      const double round = ring.operations.at("attention " + std::to_string(s));
      const double block = whole / static_cast<double>(p * p);  // half of the pairs of two chunks
      const double working = static_cast<double>(s == 0 ? p : 2 * (p - s));
      EXPECT_DOUBLE_EQ(round, block * (layout == TokenLayout::zigzag ? double(p) : working)) << s;
      sum += round;
    }
    EXPECT_DOUBLE_EQ(sum, whole);
  }
  const SequenceLayer striped =
      layer_of(tokens, 16, 16, AttentionMask::causal, TokenLayout::striped);
  for (std::int64_t q = 0; q < p; ++q) {
    for (std::int64_t k = 0; k < p; ++k) {
      const double pairs = static_cast<double>(block_between(striped, p, q, k).twice_pairs);
      const double own = static_cast<double>(tokens / p);
      EXPECT_NEAR(pairs / (own * own), 1, 1 / own) << "all but the diagonal";
    }
  }
}

TEST(SequenceMethods, RefuseWhatTheyCannotDivide) {
  const SequenceLayer layer = layer_of(4096, 32, 8, AttentionMask::causal);
  const auto ulysses = method_of("\"ulysses\"")->refusal(layer, 16);
  ASSERT_TRUE(ulysses.has_value());
  EXPECT_EQ(ulysses->key, "degree");
  EXPECT_NE(ulysses->message.find("16 ranks do not divide 8 key-value heads"), std::string::npos)
      << ulysses->message;
  EXPECT_FALSE(method_of("\"ulysses\"")->refusal(layer, 8).has_value()) << "as many as there are";
  EXPECT_FALSE(method_of(R"({"kind": "usp", "ulysses": 8})")->refusal(layer, 16).has_value());
  EXPECT_TRUE(method_of(R"({"kind": "usp", "ulysses": 16})")->refusal(layer, 16).has_value());
  EXPECT_TRUE(method_of(R"({"kind": "usp", "ulysses": 3})")->refusal(layer, 16).has_value());
  SequenceLayer packed = layer;
  packed.lengths = {1000, 3096};
  packed.layout = TokenLayout::zigzag;
  EXPECT_TRUE(method_of("\"ring\"")->refusal(packed, 8).has_value()) << "1000 has no 16 chunks";
  packed.layout = TokenLayout::striped;
  EXPECT_FALSE(method_of("\"ring\"")->refusal(packed, 8).has_value());
}

// Zigzag has two chunks for each position of a ring, and Ulysses, or one rank, has none.
TEST(SequenceMethods, SequencesOfOddLengthDivideWhereNoRingLaysThemOut) {
  SequenceLayer layer = layer_of(8192, 32, 8, AttentionMask::causal, TokenLayout::zigzag);
  layer.lengths = {4095, 4097};
  const double twice_pairs = 4095.0 * 4095 + 4097.0 * 4097;
  for (const char* method : {"\"ulysses\"", R"({"kind": "usp", "ulysses": 8})"}) {
    for (const auto& [label, operations] : traffic_of(method, layer, 8, Pass::forward).operations) {
      EXPECT_DOUBLE_EQ(operations, twice_pairs * 32 * 2 * 128) << method << " " << label;
    }
  }
  EXPECT_TRUE(method_of(R"({"kind": "usp", "ulysses": 4})")->refusal(layer, 8).has_value());
  layer.lengths = {8191};
  for (const char* method : {"\"ulysses\"", "\"ring\"", "\"token_ring\"", "\"all_gather_kv\""}) {
    EXPECT_FALSE(method_of(method)->refusal(layer, 1).has_value()) << method;
    EXPECT_TRUE(method_of(method)->refusal(layer, 8).has_value()) << method;
  }
}

// Of eight heads eight ranks hold one each, over all tokens, and one of keys and values, whether it
// is theirs alone or the same on all of them.
TEST(SequenceMethods, MegatronsRanksEachHoldAKeyValueHeadOfAllTokens) {
  const std::int64_t tokens = 65536, head = 128;
  for (const std::int64_t kv_heads : {8, 2, 1}) {
    const JsonValue scenario = parse_json(
        R"({"method": "megatron_sp", "heads": 8, "head_size": 128, "sequence_length": 65536,
            "pass": "forward_backward", "kv_heads": )" +
            std::to_string(kv_heads) + "}",
        "scenario.json");
    Diagnostics mistakes;
    const auto workload =
        make_sequence_parallel_attention(JsonCursor(scenario, mistakes), {.devices = 8});
    mistakes.throw_if_any();
    const Job job = workload->build();
    std::map<std::string, std::int64_t> taken;  // on each rank
    std::map<std::string, std::int64_t> left;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      taken[job.graph.text(effect.category)] += effect.taken.count();
      left[job.graph.text(effect.category)] += effect.taken.count() - effect.freed.count();
    }
    const std::int64_t each = tokens * head * kElement;  // Q, K, V or the output, or a gradient
    EXPECT_EQ(taken["activations"], 4 * each + tokens * 4) << kv_heads;
    const std::int64_t states = 4 * 8 * each;  // gathered and reduced, forward and backward
    EXPECT_EQ(taken["buffers"], states + 4 * each) << kv_heads << ": dO, dQ, dK, dV";
    for (const auto& [category, bytes] : left) EXPECT_EQ(bytes, 0) << category;
  }
}

/// Bytes that all ranks' kernels of these kinds read and write.
std::int64_t moved_by(const SequenceLayer& layer, std::int64_t degree,
                      const std::set<std::string>& kinds) {
  OneSequenceGroup group(degree);
  auto& [graph, into] = group;
  method_of("\"ring\"")->forward(into, layer, OpId());
  std::int64_t sum = 0;
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::compute || !kinds.contains(graph.kernel(op.kernel).kind)) continue;
    const Kernel& kernel = graph.kernel(op.kernel);
    sum += (kernel.read + kernel.written).count() *
           static_cast<std::int64_t>(graph.ranks(op.ranks).size());
  }
  return sum;
}

// ring-flash-attention by PyTorch's operations: of a slice the output and its log-sum-exp, fp32,
// are written back to their place; of packed rows halves are copied out by an index, and back.
TEST(SequenceMethods, PyTorchCopiesBackWhatItSlicedAndOutWhatItIndexes) {
  const std::int64_t p = 4, tokens = 4096, heads = 8;
  const std::int64_t own = tokens / p;
  const std::int64_t row = heads * 128 * 4 + heads * 4;  // of a token
  const std::int64_t pairs = p * (p - 1) / 2;            // of positions, either side
  SequenceLayer striped =
      layer_of(tokens, heads, heads, AttentionMask::causal, TokenLayout::striped);
  const std::set<std::string> passes = {"elementwise"};
  for (const MergeKernels kernels : {MergeKernels::scripted, MergeKernels::pytorch}) {
    striped.kernels = kernels;
    SequenceLayer whole = striped;
    whole.mask = AttentionMask::full;
    EXPECT_EQ(moved_by(striped, p, passes) - moved_by(whole, p, passes), pairs * own * row * 2);
  }

  SequenceLayer packed = layer_of(tokens, heads, heads, AttentionMask::causal, TokenLayout::zigzag);
  packed.kernels = MergeKernels::pytorch;
  packed.lengths = {tokens / 4, tokens / 2, tokens / 4};
  const std::int64_t half = own / 2;
  const std::int64_t queries = half * heads * 128 * kElement * 2;  // read and written
  const std::int64_t bounds = 2 * (1 + 2 * 3) * 4 * 2;
  EXPECT_EQ(moved_by(packed, p, {kIndexKernel}),
            p * (queries + bounds) + pairs * (2 * queries + 2 * half * row * 2));
  packed.lengths = {tokens};
  EXPECT_EQ(moved_by(packed, p, {kIndexKernel}), 0) << "halves of one sequence are slices";
  packed.lengths = {tokens / 2, tokens / 2};
  packed.kernels = MergeKernels::fused;
  EXPECT_EQ(moved_by(packed, p, {kIndexKernel}), 0);
}

}  // namespace
}  // namespace orrery
