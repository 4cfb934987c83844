#include "models/nccl/deepep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "models/collective/builtin.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr CountRange kCounts = {1, 1 << 20};
constexpr double kSharpness = 8;
constexpr const char* kMeasuredLink = "nvlink4";

bool is_low_latency(std::size_t kernel) {
  return kernel >= 2;
}
bool is_combine(std::size_t kernel) {
  return kernel % 2 == 1;
}

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

double seconds_at(double bytes, double rate) {
  return rate > 0 ? bytes / rate : 0;
}

/// Members of each node; 0 where nodes have differently many.
int members_a_node(const CollectiveCall& call) {
  if (call.site.node.empty()) return call.members;
  std::map<int, int> members;
  for (const int node : call.site.node) ++members[node];
  const int first = members.begin()->second;
  const bool equal = std::all_of(members.begin(), members.end(),
                                 [first](const auto& node) { return node.second == first; });
  return equal ? first : 0;
}

class DeepEp final : public CollectiveLibrary {
 public:
  DeepEp(DeepEpFits fits, NcclPlace place, int cores, const DeepEpOptions& options,
         std::shared_ptr<const CollectiveLibrary> nccl)
      : fits_(std::move(fits)),
        place_(std::move(place)),
        device_cores_(cores),
        options_(options),
        nccl_(std::move(nccl)) {
    const auto own = fits_.links.find(place_.link);
    const auto fit = own != fits_.links.end() ? own : fits_.links.find(kMeasuredLink);
    ORRERY_CHECK(fit != fits_.links.end(), "fits without those that others borrow");
    fitted_link_ = fit->first;
    device_ = fit->second.device;
    kernel_ = fit->second.kernels[options_.kernel];
  }

  CollectivePlan plan(const CollectiveCall& call,
                      const Registry<CollectiveFactory>::Entry* asked) const override {
    const bool by_pair = call.kind == CollectiveKind::all_to_all_v && call.site.node.empty();
    const bool applies = asked == nullptr && (call.kind == CollectiveKind::all_to_all || by_pair);
    if (!applies) return nccl_->plan(call, asked);
    CollectivePlan plan = own_plan(call, tokens_of(call));
    if (by_pair) plan.make = make_direct_all_to_all_v;
    return plan;
  }
  std::string constants() const override {
    return fitted_link_ + ", measured on " + device_ +
           (fitted_link_ == place_.link ? "" : ", taken for " + place_.link) + "; NCCL's of " +
           nccl_->constants();
  }

 private:
  /// What a member sends, on average.
  struct Tokens {
    double bytes = 0;
    double count = 0;
    double copies = 1;  // of each
    double nodes = 1;   // that each goes to
    int here = 1;       // members of a node; 0: differently many
  };
  Tokens tokens_of(const CollectiveCall& call) const;
  CollectivePlan own_plan(const CollectiveCall& call, const Tokens& tokens) const;
  void put_between(CollectivePlan& plan, const Tokens& tokens) const;
  int cores() const;
  /// In which all bytes flow.
  double transfer(const Tokens& tokens) const;

  DeepEpFits fits_;
  NcclPlace place_;
  int device_cores_;
  DeepEpOptions options_;
  std::shared_ptr<const CollectiveLibrary> nccl_;
  std::string fitted_link_;
  std::string device_;
  DeepEpKernel kernel_;
};

DeepEp::Tokens DeepEp::tokens_of(const CollectiveCall& call) const {
  Tokens tokens;
  const bool by_pair = call.kind == CollectiveKind::all_to_all_v;  // without a member's own part
  tokens.bytes = call.size.as_double() * (by_pair ? call.members / (call.members - 1.0) : 1);
  tokens.here = members_a_node(call);
  const int nodes = tokens.here > 0 ? call.members / tokens.here : 1;
  const DeepEpCopies sent = copies_of(options_, call.members, nodes);
  tokens.copies = sent.copies;
  tokens.nodes = sent.nodes;
  tokens.count = tokens.bytes / (tokens.copies * options_.token.as_double());
  return tokens;
}

int DeepEp::cores() const {
  if (!is_low_latency(options_.kernel)) return options_.cores > 0 ? options_.cores : fits_.cores;
  const int experts_a_core = (options_.experts + device_cores_ - 1) / device_cores_;
  return (options_.experts + experts_a_core - 1) / experts_a_core;
}

double DeepEp::transfer(const Tokens& tokens) const {
  const double core = (tokens.count * tokens.nodes * to_seconds(kernel_.token) +
                       seconds_at(tokens.bytes, kernel_.copy) +
                       seconds_at(tokens.bytes / tokens.copies * tokens.nodes, kernel_.read)) /
                      cores();
  const int here = std::max(2, tokens.here);
  const double link = tokens.bytes * (here - 1) / here / (kernel_.port * place_.port);
  const double longer = std::max(core, link);
  if (longer <= 0) return 0;
  return longer * std::pow(1 + std::pow(std::min(core, link) / longer, kSharpness), 1 / kSharpness);
}

CollectivePlan DeepEp::own_plan(const CollectiveCall& call, const Tokens& tokens) const {
  CollectivePlan plan;
  plan.algorithm = "direct";
  plan.make = make_direct_all_to_all;
  plan.protocol = kDeepEpKernels[options_.kernel];
  plan.channels = cores();
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "%.0f tokens of %s, each sent %.2f times", tokens.count,
                to_text(options_.token).c_str(), tokens.copies);
  plan.reason = text.data();
  const double ramp = kernel_.ramp_bytes > Bytes(0)
                          ? std::min(1.0, tokens.bytes / kernel_.ramp_bytes.as_double())
                          : 0;
  const double first = seconds_at(tokens.copies * options_.token.as_double(), kernel_.first);
  plan.launch = kernel_.launch + options_.experts * kernel_.expert +
                duration_from_seconds(first + ramp * to_seconds(kernel_.ramp));
  const int here = std::max(2, tokens.here);
  const double moved = tokens.bytes * (here - 1) / here;
  const double share = moved > 0 ? moved / (transfer(tokens) * place_.port) : kernel_.port;
  plan.terms = MessageTerms{.step = Duration(0),
                            .replaces = place_.catalogue.step,
                            .share = std::min(share, kernel_.port),
                            .cores = plan.channels};
  if (!call.site.node.empty()) put_between(plan, tokens);
  return plan;
}

/// On a rail there is one of a token's copies for a node, of which `tokens` has one for each GPU.
void DeepEp::put_between(CollectivePlan& plan, const Tokens& tokens) const {
  plan.terms->between = 1 / fits_.rail;
  if (is_low_latency(options_.kernel) || tokens.here < 1) return;
  const double handed_on = tokens.copies / tokens.nodes;
  plan.terms->between = 1 / (fits_.rail * handed_on);
  plan.algorithm = is_combine(options_.kernel) ? "hierarchical" : "rail_first";
  plan.make =
      is_combine(options_.kernel) ? make_hierarchical_all_to_all : make_rail_first_all_to_all;
  const double channels = std::max(1, plan.channels / 2);
  plan.chunk =
      Bytes(std::llround(fits_.chunk_tokens * channels * options_.token.as_double() * handed_on));
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), ", to %.2f nodes", tokens.nodes);
  plan.reason += text.data();
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
  options.token = token.as_bytes();
  if (token.present() && options.token == Bytes(0)) token.expected("at least a byte");
  options.experts = count_at(cursor.at("experts"));
  JsonCursor top_k = cursor.at("top_k");
  options.top_k = count_at(top_k);
  if (options.top_k > options.experts) top_k.expected("at most as many as there are experts");
  if (JsonCursor limit = cursor.find("node_limit"); limit.present()) {
    options.node_limit = count_at(limit);
  }
  if (JsonCursor cores = cursor.find("cores"); cores.present()) {
    options.cores = count_at(cores);
    if (is_low_latency(options.kernel)) {
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
  links.at(kMeasuredLink);
  cursor.reject_unknown_keys();
  return fits;
}

double parts_hit(int experts, int top_k, int parts, int limit) {
  const double each = static_cast<double>(experts) / parts;
  const double drawn = each * limit;
  double missed = 1;
  for (int i = 0; i < top_k && missed > 0; ++i) {
    missed *= std::max(0.0, drawn - each - i) / (drawn - i);
  }
  return limit * (1 - missed);
}

/// A token's nodes are those of its best experts where they are limited: it goes to each of them.
DeepEpCopies copies_of(const DeepEpOptions& options, int members, int nodes) {
  if (is_low_latency(options.kernel)) return {.copies = static_cast<double>(options.top_k)};
  const bool limited = options.node_limit > 0 && options.node_limit < nodes;
  const int limit = limited ? options.node_limit : nodes;
  DeepEpCopies sent;
  sent.nodes = limited ? std::min(limit, options.top_k)
                       : parts_hit(options.experts, options.top_k, nodes, nodes);
  sent.copies = std::max(
      sent.nodes, parts_hit(options.experts, options.top_k, members, limit * (members / nodes)));
  return sent;
}

std::shared_ptr<const CollectiveLibrary> make_deepep(
    DeepEpFits fits, const ClusterSpec& cluster, Fabric& fabric, const DeepEpOptions& options,
    std::shared_ptr<const CollectiveLibrary> nccl) {
  return std::make_shared<const DeepEp>(std::move(fits), place_of(cluster, fabric),
                                        static_cast<int>(cluster.node.device.cores), options,
                                        std::move(nccl));
}

}  // namespace orrery
