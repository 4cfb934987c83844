#include "sim/base/precision.hpp"

#include <string>

#include "sim/base/errors.hpp"

namespace orrery {

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp16:
      return "fp16";
    case Precision::fp8:
      return "fp8";
    case Precision::int8:
      return "int8";
    case Precision::int4:
      return "int4";
  }
  internal_error(__FILE__, __LINE__, "no such precision");
}

std::optional<Precision> precision_from(std::string_view name) {
  for (const Precision precision : kPrecisions) {
    if (to_string(precision) == name) {
      return precision;
    }
  }
  return std::nullopt;
}

Bytes storage(Precision precision, std::int64_t elements) {
  ORRERY_CHECK(elements >= 0, "elements must be >= 0, got " + std::to_string(elements));
  switch (precision) {
    case Precision::fp32:
    case Precision::tf32:
      return Bytes(4) * elements;
    case Precision::bf16:
    case Precision::fp16:
      return Bytes(2) * elements;
    case Precision::fp8:
    case Precision::int8:
      return Bytes(elements);
    case Precision::int4:
      return Bytes(elements / 2 + elements % 2);
  }
  internal_error(__FILE__, __LINE__, "no such precision");
}

}  // namespace orrery
