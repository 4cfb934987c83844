#include <algorithm>
#include <string>
#include <vector>

#include "models/nccl/deepep.hpp"

namespace orrery {
namespace {

constexpr CountRange kCounts = {1, 1 << 20};

int count_at(JsonCursor cursor) {
  return static_cast<int>(cursor.as_count(kCounts));
}

double rate_in(JsonCursor& cursor, const char* key) {
  JsonCursor rate = cursor.find(key);
  return rate.present() ? rate.as_bandwidth().as_double() : 0;
}

Duration time_in(JsonCursor& cursor, const char* key) {
  JsonCursor time = cursor.find(key);
  return time.present() ? time.as_duration() : Duration(0);
}

DeepEpKernel read_kernel(JsonCursor cursor) {
  DeepEpKernel kernel;
  kernel.launch = cursor.at("launch").as_duration();
  kernel.expert = time_in(cursor, "expert");
  kernel.token = time_in(cursor, "token");
  kernel.first = rate_in(cursor, "first");
  kernel.copy = rate_in(cursor, "copy");
  kernel.read = rate_in(cursor, "read");
  kernel.port = cursor.at("port").as_ratio();
  if (JsonCursor ramp = cursor.find("ramp"); ramp.present()) {
    kernel.ramp = ramp.at("time").as_duration();
    kernel.ramp_bytes = ramp.at("bytes").as_bytes();
    ramp.reject_unknown_keys();
  }
  cursor.reject_unknown_keys();
  return kernel;
}

DeepEpFits::Link read_measured_link(JsonCursor cursor) {
  DeepEpFits::Link link;
  link.device = cursor.at("device").as_string();
  for (std::size_t i = 0; i < kDeepEpKernels.size(); ++i) {
    link.kernels[i] = read_kernel(cursor.at(kDeepEpKernels[i]));
  }
  cursor.reject_unknown_keys();
  return link;
}

}  // namespace

DeepEpOptions read_deepep_options(JsonCursor cursor) {
  DeepEpOptions options;
  const std::vector<std::string> kernels(kDeepEpKernels.begin(), kDeepEpKernels.end());
  const std::string kernel = cursor.find("kernel").as_choice(kernels);
  const auto at = std::find(kDeepEpKernels.begin(), kDeepEpKernels.end(), kernel);
  if (at != kDeepEpKernels.end()) {
    options.kernel = static_cast<std::size_t>(at - kDeepEpKernels.begin());
  }
  JsonCursor token = cursor.at("token");
  const std::size_t before = cursor.diagnostics().items().size();
  options.token = token.as_bytes();
  const bool read = cursor.diagnostics().items().size() == before;
  if (read && options.token == Bytes(0)) token.expected("at least a byte");
  options.experts = count_at(cursor.at("experts"));
  JsonCursor top_k = cursor.at("top_k");
  options.top_k = count_at(top_k);
  if (options.experts > 0 && options.top_k > options.experts) {
    top_k.expected("at most as many as there are experts");
  }
  if (JsonCursor limit = cursor.find("node_limit"); limit.present()) {
    options.node_limit = count_at(limit);
    const Origin& origin = limit.value().origin;
    options.limit_file = origin.file ? *origin.file : "";
    options.limit_pointer = origin.pointer;
    if (is_low_latency_kernel(options.kernel)) {
      limit.error("low-latency kernels send to each expert, wherever it is");
    }
  }
  if (JsonCursor cores = cursor.find("cores"); cores.present()) {
    options.cores = count_at(cores);
    if (is_low_latency_kernel(options.kernel)) {
      cores.error("low-latency kernels take as many cores as have experts");
    }
  }
  cursor.reject_unknown_keys();
  return options;
}

DeepEpFits read_deepep_fits(JsonCursor cursor) {
  DeepEpFits fits;
  cursor.at("source").as_string();
  const auto sourced = [&cursor](const char* key, const char* figure, const auto& read) {
    JsonCursor place = cursor.at(key);
    place.at("source").as_string();
    read(place.at(figure));
    place.reject_unknown_keys();
  };
  sourced("rail", "share", [&](JsonCursor share) { fits.rail = share.as_ratio(); });
  sourced("chunk", "tokens", [&](JsonCursor tokens) { fits.chunk_tokens = count_at(tokens); });
  sourced("cores", "default", [&](JsonCursor cores) { fits.cores = count_at(cores); });
  JsonCursor links = cursor.at("links");
  for (const std::string& link : links.keys())
    fits.links[link] = read_measured_link(links.at(link));
  links.at(kDeepEpMeasuredLink);
  cursor.reject_unknown_keys();
  return fits;
}

}  // namespace orrery
