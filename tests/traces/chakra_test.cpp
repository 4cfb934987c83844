#include "traces/chakra.hpp"

#include <gtest/gtest.h>

#include "tests/traces/trace_fixture.hpp"
#include "traces/chakra_fields.hpp"
#include "traces/chakra_kernel.hpp"
#include "traces/protobuf.hpp"
#include "traces/trace_file.hpp"
#include "traces/trace_formats.hpp"

namespace orrery {
namespace {

using namespace chakra;
using namespace literals;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// A node as other writers make it, with whatever type of integer.
struct Written {
  explicit Written(std::uint64_t id, std::uint64_t type, const char* name = "op") {
    if (id != 0) message.varint(kNodeId, id);
    message.bytes(kNodeName, name);
    message.varint(kNodeType, type);
  }
  Written& attribute(const char* name, std::uint32_t field, std::uint64_t value) {
    ProtobufWriter made;
    made.bytes(kAttributeName, name);
    made.varint(field, value);
    message.message(kNodeAttributes, made);
    return *this;
  }
  Written& text(const char* name, const char* value) {
    ProtobufWriter made;
    made.bytes(kAttributeName, name);
    made.bytes(kString, value);
    message.message(kNodeAttributes, made);
    return *this;
  }
  Written& number(std::uint32_t field, std::uint64_t value) {
    message.varint(field, value);
    return *this;
  }
  ProtobufWriter message;
};

std::string file_of(const std::vector<Written>& nodes) {
  ProtobufWriter metadata;
  metadata.bytes(kMetadataVersion, "0.0.4");
  ProtobufWriter file;
  file.element(metadata.text().size());
  std::string text = file.text() + metadata.text();
  for (const Written& node : nodes) {
    ProtobufWriter size;
    size.element(node.message.text().size());
    text += size.text() + node.message.text();
  }
  return text;
}

constexpr std::uint64_t kComp = 4;
constexpr std::uint64_t kColl = 7;

/// An all-reduce, with all that the schema's readers need.
Written all_reduce(std::uint64_t id, std::uint32_t size_field = kUint64,
                   std::uint64_t size = 1 << 20) {
  return Written(id, kColl)
      .attribute("comm_type", kInt64, 0)
      .attribute("comm_size", size_field, size);
}

/// A metadata node that gives groups.
Written groups(std::uint64_t id, const char* text) {
  Written metadata(id, 1, "## process_group:init ##");
  ProtobufWriter inputs;
  inputs.bytes(kInputValues, text);
  metadata.message.message(kNodeInputs, inputs);
  return metadata;
}

class ChakraTest : public testing::Test {
 protected:
  RankPrograms read(const std::string& text, const ChakraOptions& options = {}) {
    const std::string path = folder_ / "0.et";
    write_file(path, text);
    return read_chakra(std::span(&path, 1), options);
  }

  TemporaryFolder folder_;
};

TEST_F(ChakraTest, TheBytesOfAnOfficialTraceAreRead) {
  // The first bytes of a micro-benchmark of 8 NPUs: metadata, and the head of its one node.
  std::string bytes =
      "\x07\x0a\x05"
      "0.0.4";
  std::string node =
      "\x08\x03\x12\x14"
      "all_reduce_8npus_1MB"
      "\x18\x07";
  node += std::string(
      "\x52\x0e\x0a\x09"
      "is_cpu_op"
      "\xd8\x01\x00",
      16);
  bytes += static_cast<char>(node.size());
  bytes += node;
  const File file = chakra::read(bytes, "x");
  EXPECT_EQ(file.version, "0.0.4");
  ASSERT_EQ(file.nodes.size(), 1U);
  EXPECT_EQ(file.nodes[0].id, 3U);
  EXPECT_EQ(file.nodes[0].name, "all_reduce_8npus_1MB");
  EXPECT_EQ(file.nodes[0].type, NodeType::comm_coll);
  EXPECT_EQ(file.nodes[0].integer("is_cpu_op", 1), 0);
}

TEST_F(ChakraTest, EveryIntegerTypeIsTaken) {
  constexpr std::int64_t kSize = 1 << 20;
  for (const std::uint32_t field : {7U, kInt64, 11U, kUint64}) {
    const RankPrograms programs = read(file_of({all_reduce(1, field, kSize)}));
    EXPECT_EQ(programs.ranks[0][0].bytes, Bytes(kSize)) << field;
  }
  const RankPrograms zigzag = read(file_of({all_reduce(1, kSint64, 2 * kSize)}));
  EXPECT_EQ(zigzag.ranks[0][0].bytes, Bytes(kSize));
}

TEST_F(ChakraTest, BothKindsOfDependencyCount) {
  const std::string text =
      file_of({Written(5, kComp).number(kNodeDuration, 3), Written(6, kComp),
               Written(7, kComp).number(kNodeControl, 5).number(kNodeData, 6)});
  const RankPrograms programs = read(text);
  EXPECT_EQ(programs.ranks[0][2].after, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(programs.ranks[0][0].took, 3_us);
}

TEST_F(ChakraTest, MissingNodesAreCountedOrRefused) {
  const std::string text = file_of({Written(5, kComp).number(kNodeData, 99).number(kNodeData, 98)});
  const RankPrograms programs = read(text);
  ASSERT_EQ(programs.left_out.size(), 1U);
  EXPECT_EQ(programs.left_out[0].count, 2U);
  EXPECT_NE(complaint([&] {
              read(text, {.missing_is_error = true});
            }).find("node 5, \"op\": depends on node 99, which is not there"),
            std::string::npos);
}

TEST_F(ChakraTest, GroupsComeFromMetadata) {
  const Written metadata = groups(1, R"(["[{\"pg_name\": \"3\", \"ranks\": [0]}]"])");
  const RankPrograms programs = read(
      file_of({metadata, all_reduce(2).text("pg_name", "3"), all_reduce(3).text("pg_name", "0"),
               all_reduce(4), all_reduce(5).attribute("pg_name", kInt64, 3)}));
  EXPECT_EQ(programs.groups, (std::vector<std::vector<Rank>>{{0}, {0}}));
  EXPECT_NE(programs.ranks[0][1].group, programs.ranks[0][2].group) << "everybody's is another";
  EXPECT_EQ(programs.ranks[0][2].group, programs.ranks[0][3].group) << "which needs no name";
  EXPECT_EQ(programs.ranks[0][1].group, programs.ranks[0][4].group) << "a number is a name too";
  EXPECT_NE(complaint([&] {
              read(file_of({all_reduce(2).text("pg_name", "4")}));
            }).find("runs in group \"4\", which no metadata node gives"),
            std::string::npos);
}

TEST_F(ChakraTest, GroupsOfTheSameRanksAreApart) {
  // Each rank begins with another of two groups that both are in: as PyTorch may, they do not wait
  // for each other.
  const char* kGroups = R"([{"pg_name": "1", "ranks": [0, 1]}, {"pg_name": "2", "ranks": [0, 1]}])";
  std::vector<std::string> paths;
  for (const auto& [first, second] : {std::pair("1", "2"), {"2", "1"}}) {
    paths.push_back(folder_ / (std::string(first) + ".et"));
    write_file(paths.back(), file_of({groups(1, kGroups), all_reduce(2).text("pg_name", first),
                                      all_reduce(3).text("pg_name", second)}));
  }
  EXPECT_EQ(link(read_chakra(paths, {})).ops().size(), 2U + 2U) << "and the metadata nodes";
}

TEST_F(ChakraTest, AttributesThatAreMissingOrOfAnotherTypeAreNamed) {
  const auto says = [this](const Written& node) {
    return complaint([&] { read(file_of({node})); });
  };
  const auto has = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  EXPECT_EQ(
      read(file_of({Written(1, kColl).text("comm_type", "ALL_TO_ALL").text("comm_size", "1024")}))
          .ranks[0][0]
          .collective,
      CollectiveKind::all_to_all);
  has(says(Written(1, kColl).text("comm_type", "ALL_TO_ONE")),
      "comm_type: expected one of the schema's, got the text \"ALL_TO_ONE\"");
  has(says(Written(1, kColl).attribute("comm_size", kInt64, 8)), "has no attribute \"comm_type\"");
  has(says(Written(1, kColl).attribute("comm_type", kInt64, 0)), "has no attribute \"comm_size\"");
  has(says(Written(1, kColl).attribute("comm_type", kInt64, 0).text("comm_size", "big")),
      "comm_size: expected an integer, got the text \"big\"");
  has(says(Written(1, 5).attribute("comm_dst", kInt64, 0)), "has no attribute \"comm_size\"");
  has(says(Written(1, 5)), "has no attribute \"comm_dst\"");
  has(says(Written(1, kComp).attribute("duration_ps", kSint64, 1)), "duration_ps is -1");
  has(says(Written(1, kComp).attribute("priority", kInt64, 40'000)), "priority is 40000");
}

TEST_F(ChakraTest, ComputesAreRecordedOrPriced) {
  const std::string text = file_of({Written(1, kComp)
                                        .attribute("num_ops", kInt64, 1000)
                                        .attribute("tensor_size", kUint64, 64)
                                        .number(kNodeDuration, 9)});
  const RankPrograms recorded = read(text);
  EXPECT_EQ(recorded.ranks[0][0].kind, RankOp::Kind::delay);
  EXPECT_EQ(recorded.ranks[0][0].took, 9_us);
  const RankPrograms priced =
      read(text, {.durations = ChakraOptions::Durations::cost_model, .precision = Precision::fp32});
  EXPECT_EQ(priced.ranks[0][0].kind, RankOp::Kind::compute);
  EXPECT_EQ(priced.kernels.at(0).operations, Flops(1000));
  EXPECT_EQ(priced.kernels.at(0).read, Bytes(64));
  EXPECT_EQ(priced.kernels.at(0).precision, Precision::fp32);
}

TEST_F(ChakraTest, PackedFilesAreReadAndRecognised) {
  const std::string text = file_of({Written(1, kComp).number(kNodeDuration, 9)});
  std::string packed;
  try {
    packed = gzip(text);
  } catch (const TraceError& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(read(packed).ranks[0][0].took, 9_us);
  const RecordedTrace trace = load_trace(folder_ / "0.et");
  EXPECT_EQ(trace.format, "Chakra execution trace 0.0.4");
  EXPECT_FALSE(trace.has_times);
  EXPECT_NE(complaint([&] { read(packed.substr(0, packed.size() / 2)); }).find("broken gzip"),
            std::string::npos);
}

TEST_F(ChakraTest, WhatIsMalformedIsNamedWithItsByte) {
  const std::string text = file_of({Written(1, kComp), Written(1, kComp)});
  const auto says = [this](const std::string& bytes) { return complaint([&] { read(bytes); }); };
  EXPECT_NE(says(text).find("a second node with the id 1"), std::string::npos);
  EXPECT_NE(says(text.substr(0, text.size() - 1)).find("the file is cut off"), std::string::npos);
  EXPECT_NE(says(text.substr(0, 3)).find(": byte 1: expected 7 bytes"), std::string::npos);
  EXPECT_NE(says("").find("the file is empty"), std::string::npos);
  EXPECT_NE(says(file_of({Written(1, 8)})).find("a node of type 8"), std::string::npos);
  EXPECT_NE(says(file_of({Written(1, 0)})).find("a node without a type"), std::string::npos);
  EXPECT_NE(
      says(file_of({Written(1, kColl).attribute("comm_type", kInt64, 10)})).find("comm_type is 10"),
      std::string::npos);
  EXPECT_NE(
      says(file_of({Written(1, 5).attribute("comm_dst", kInt64, 7)})).find("sends to rank 7 of 1"),
      std::string::npos);
  for (std::size_t at = 0; at < text.size(); ++at) {  // any byte may be wrong: an error or a trace
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    try {
      read(changed);
    } catch (const TraceError&) {
    }
  }
}

TEST_F(ChakraTest, KernelsAndMemoryComeBackWhole) {
  Kernel kernel;
  kernel.kind = "gemm";
  kernel.precision = Precision::fp8;
  kernel.unit = MathUnit::vector;
  kernel.operations = Flops(123);
  kernel.read = 4_KiB;
  kernel.written = 1_KiB;
  kernel.shape = {{"m", 16}, {"a \"name\"", 32}};
  kernel.host = 5_us;
  const Kernel back = kernel_from(kernel_text(kernel), "x");
  EXPECT_EQ(kernel_text(back), kernel_text(kernel));
  EXPECT_EQ(back.shape.at(1).name, "a \"name\"");
  EXPECT_EQ(back.host, 5_us);
  const std::vector<MemoryNote> notes = memory_notes(memory_text({{"weights", 7_B, 3_B}}), "x");
  EXPECT_EQ(notes.at(0).category, "weights");
  EXPECT_EQ(notes.at(0).freed, 3_B);
}

TEST_F(ChakraTest, ProtocReadsWhatIsWritten) {
  RankPrograms programs;
  programs.ranks.resize(1);
  programs.groups = {{0}};
  RankOp op;
  op.kind = RankOp::Kind::collective;
  op.collective = CollectiveKind::all_gather;
  op.label = op.category = op.stream = programs.names.intern("gather weights");
  op.group = 0;
  op.bytes = 3_MiB;
  op.took = 1_ps;  // a microsecond, rounded up
  programs.ranks[0] = {op};
  const std::string path = folder_ / "1.et";
  write_chakra(programs, [&](Rank) { return path; });
  // A record at a time: metadata, the groups, the op.
  const std::string bytes = read_trace_file(path);
  ProtobufReader records(bytes, path);
  std::vector<std::string> texts;
  for (const char* message : {"GlobalMetadata", "Node", "Node"}) {
    const std::uint64_t size = records.take_varint();
    const std::uint64_t at = records.offset();
    records.take_message(size);
    write_file(folder_ / "record", bytes.substr(at, size));
    texts.push_back(decoded(folder_ / "record", "chakra.proto", message));
  }
  if (texts[0].empty()) GTEST_SKIP() << "no protoc";
  EXPECT_NE(texts[0].find("version: \"0.0.4\""), std::string::npos);
  EXPECT_NE(texts[1].find("type: METADATA_NODE"), std::string::npos);
  EXPECT_NE(texts[2].find("type: COMM_COLL_NODE"), std::string::npos) << texts[2];
  EXPECT_NE(texts[2].find("duration_micros: 1\n"), std::string::npos);
  EXPECT_NE(texts[2].find("uint64_val: 3145728"), std::string::npos);
}

}  // namespace
}  // namespace orrery
