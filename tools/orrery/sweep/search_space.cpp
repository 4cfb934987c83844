#include <string_view>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/sweep/search.hpp"

namespace orrery {
namespace {

std::vector<std::int64_t> divisors(std::int64_t number) {
  std::vector<std::int64_t> result;
  for (std::int64_t i = 1; i <= number; ++i) {
    if (number % i == 0) result.push_back(i);
  }
  return result;
}

JsonValue counts(const std::vector<std::int64_t>& numbers) {
  std::vector<JsonValue> items;
  for (const std::int64_t number : numbers) items.push_back(json_integer(number));
  return json_array(std::move(items));
}

JsonValue kinds(std::initializer_list<const char*> names) {
  std::vector<JsonValue> items;
  for (const char* name : names) items.push_back(json_object({{"kind", json_string(name)}}));
  return json_array(std::move(items));
}

JsonValue order(std::initializer_list<const char*> names) {
  std::vector<JsonValue> items;
  for (const char* name : names) items.push_back(json_string(name));
  return json_array(std::move(items));
}

/// Sequences of so many tokens are worth dividing among ranks.
constexpr std::int64_t kLongSequence = 32'768;

/// One rank a sequence, and where sequences are long, more by several methods.
JsonValue sequence_methods(const JsonValue& workload, const std::vector<std::int64_t>& degrees) {
  const JsonValue* length = workload.find("sequence_length");
  const bool is_long = length != nullptr && length->integer >= kLongSequence;
  std::vector<JsonValue> items;
  for (const std::int64_t degree : degrees) {
    for (const char* method : {"ulysses", "ring", "all_gather_kv"}) {
      if (degree > 1 && !is_long) continue;
      items.push_back(
          json_object({{"degree", json_integer(degree)}, {"method", json_string(method)}}));
      if (std::string_view(method) == "ring") {
        items.back().members.push_back({"layout", json_string("zigzag")});
      }
      if (degree == 1) break;  // the same by each
    }
  }
  return json_array(std::move(items));
}

}  // namespace

JsonValue standard_space(JsonValue& scenario, std::int64_t devices) {
  JsonValue* workload = scenario.find("workload");
  const JsonValue* kind = workload == nullptr ? nullptr : workload->find("kind");
  if (kind == nullptr || kind->string != "transformer_training") {
    throw UsageError(
        "a search without axes of its own is for transformer_training; for other workloads write "
        "a sweep file (`orrery sweep --help`)");
  }
  if (JsonValue* parallel = workload->find("parallel")) {
    std::erase_if(parallel->members, [](const auto& member) { return member.key == "data"; });
  }
  const std::vector<std::int64_t> degrees = divisors(devices);
  JsonValue axes = json_object(
      {{"/workload/parallel/tensor", counts(degrees)},
       {"/workload/parallel/pipeline", counts(degrees)},
       {"/workload/parallel/sequence", sequence_methods(*workload, degrees)},
       {"/workload/micro_batch", counts({1, 2, 4, 8})},
       {"/workload/recompute", kinds({"none", "selective", "full"})},
       {"/workload/sharding", kinds({"none", "zero1", "zero2", "zero3"})},
       {"/workload/placement",
        json_array({order({"tensor", "data", "pipeline"}), order({"tensor", "pipeline", "data"})})},
       {"/collectives/all_reduce", json_array({json_string("auto"), json_string("ring")})}});
  return json_object(
      {{"axes", std::move(axes)},
       {"where", json_string("tensor * pipeline * sequence.degree <= devices and "
                             "devices % (tensor * pipeline * sequence.degree) == 0")}});
}

}  // namespace orrery
