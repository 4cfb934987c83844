#include "models/incast.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/errors.hpp"

namespace orrery {

double incast_share(double efficiency, std::size_t senders) {
  return senders < 2 ? 1 : std::pow(efficiency, std::log2(static_cast<double>(senders)));
}

bool IncastPorts::begins(int port, int source) {
  Sources& sources = sources_[static_cast<std::size_t>(port)];
  for (auto& [known, messages] : sources) {
    if (known != source) continue;
    ++messages;
    return false;
  }
  sources.emplace_back(source, 1);
  return true;
}

bool IncastPorts::ends(int port, int source) {
  Sources& sources = sources_[static_cast<std::size_t>(port)];
  const auto entry = std::find_if(sources.begin(), sources.end(),
                                  [&](const auto& known) { return known.first == source; });
  ORRERY_CHECK(entry != sources.end(), "a message ended that did not begin");
  if (--entry->second > 0) return false;
  sources.erase(entry);
  return true;
}

}  // namespace orrery
