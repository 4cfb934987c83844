#pragma once

#include <memory>

#include "workloads/sequence/sequence_method.hpp"

namespace orrery {

/// Factories of the methods that come with orrery; each is defined in a source of its own.
std::unique_ptr<SequenceMethod> make_all_gather_kv(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_lasp(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_lasp2(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_megatron_sp(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_ring(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_token_ring(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_ulysses(JsonCursor parameters);
std::unique_ptr<SequenceMethod> make_usp(JsonCursor parameters);

/// What a ring of one rank does: attention alone, or also what a ring does before and after its
/// rounds, the sum begun in fp32 and rounded.
enum class LoneRank : unsigned char { attends, sums };
std::unique_ptr<SequenceMethod> make_ring(LoneRank lone);

}  // namespace orrery
