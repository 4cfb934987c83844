// NVLink moves packets of flits of 16 B: a header flit and up to 16 of data, 256 B (Foley and
// Danskin 2017, Ultra-Performance Pascal GPU and NVLink Interconnect, IEEE Micro 37(2), as
// remembered). "max_payload" P and "header" H give P / (P + H) of the rate; the catalogue has the
// share that was measured instead, which credits, replays and NCCL lower further. Otherwise a wire.
#include "models/link/builtin.hpp"

namespace orrery {

std::unique_ptr<LinkModel> make_nvlink(const LinkSpec& spec) {
  return std::make_unique<LinkModel>(spec);
}

}  // namespace orrery
