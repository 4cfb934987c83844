// A link of which nothing is known but latency, bandwidth and what a message costs its sender:
// L, G and o of LogGP (Alexandrov et al. 1995, LogGP: Incorporating Long Messages into the LogP
// Model, section 2), G over the achievable share of the bandwidth. Left out: the gap g between
// messages of one sender, unless o stands for it.
#include "models/link/builtin.hpp"

namespace orrery {

std::unique_ptr<LinkModel> make_wire(const LinkSpec& spec) {
  return std::make_unique<LinkModel>(spec);
}

}  // namespace orrery
