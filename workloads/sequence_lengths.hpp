#pragma once

#include <cstdint>

#include "sim/base/json_cursor.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Reads the key "sequences" of a workload, after its sequence length:
///   {"kind": "fixed"}                       one sequence a row; the default
///   {"kind": "packed", "lengths": [...]}    each row is packed from sequences of these lengths,
///                                           which add up to the sequence length; all rows alike
///   {"kind": "variable", "lengths": [...]}  documents of these lengths, one behind the other and
///                                           over again, are cut into rows: rows differ
/// Lengths stand there, or in a file, or are drawn: length_list.hpp.
/// Rows are dealt out as Megatron-LM does: a micro-batch of the first replica, one of the second,
/// …, then the next micro-batch of each. Materialized attention works on whole rows and masks, so
/// that both change FlashAttention only. Leaves out rows with fewer tokens than others: without
/// packing they are padded, which costs as much as tokens do.
void read_sequences(JsonCursor& parameters, std::uint64_t seed, Division& division);

/// The key as read_sequences reads it; not for kind "fixed", which is the default. Of lengths that
/// were read from a file the digest alone: their list goes with the scenario's own object.
JsonValue sequences_json(const Division& division);

}  // namespace orrery
