#pragma once

#include "sim/base/json_cursor.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Reads the key "sequences" of a workload, after its sequence length:
///   {"kind": "fixed"}                       one sequence a row; the default
///   {"kind": "packed", "lengths": [...]}    each row is packed from sequences of these lengths,
///                                           which add up to the sequence length
/// Every row of every micro-batch is packed alike. Materialized attention works on whole rows and
/// masks, so that packing changes FlashAttention only.
void read_sequences(JsonCursor& parameters, Division& division);

/// The key as read_sequences reads it; not for kind "fixed", which is the default.
JsonValue sequences_json(const Division& division);

}  // namespace orrery
