#include "models/nccl/custom_all_reduce.hpp"

#include <algorithm>
#include <utility>

#include "models/collective/builtin.hpp"
#include "models/nccl/formulas.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr int kMostMembers = 8;
constexpr CountRange kCores = {1, 1024};

CustomAllReduceFit::Shots read_shots(JsonCursor cursor) {
  CustomAllReduceFit::Shots shots;
  shots.launch = cursor.at("launch").as_duration();
  shots.member = cursor.at("member").as_duration();
  shots.efficiency = cursor.at("efficiency").as_ratio();
  cursor.reject_unknown_keys();
  return shots;
}

CustomAllReduceFit read_fit(JsonCursor cursor) {
  CustomAllReduceFit fit;
  cursor.at("source").as_string();
  fit.device = cursor.at("device").as_string();
  fit.one = read_shots(cursor.at("one"));
  fit.two = read_shots(cursor.at("two"));
  cursor.reject_unknown_keys();
  return fit;
}

class CustomAllReduce final : public CollectiveLibrary {
 public:
  CustomAllReduce(CustomAllReduceFits fits, NcclPlace place,
                  std::shared_ptr<const CollectiveLibrary> nccl)
      : fits_(std::move(fits)), place_(std::move(place)), nccl_(std::move(nccl)) {
    const std::string relative = place_.link > "nvlink4" ? "nvlink4" : "nvlink3";
    const auto own = fits_.links.find(place_.link);
    const auto fit = own != fits_.links.end() ? own : fits_.links.find(relative);
    ORRERY_CHECK(fit != fits_.links.end(), "fits without those that others borrow");
    fitted_link_ = fit->first;
    fit_ = fit->second;
  }

  CollectivePlan plan(const CollectiveCall& call,
                      const Registry<CollectiveFactory>::Entry* asked) const override {
    const bool applies = asked == nullptr && call.kind == CollectiveKind::all_reduce &&
                         call.size < fits_.largest && call.members <= kMostMembers &&
                         call.site.node.empty();
    return applies ? own_plan(call) : nccl_->plan(call, asked);
  }
  std::string constants() const override {
    return fitted_link_ + ", measured on " + fit_.device +
           (fitted_link_ == place_.link ? "" : ", taken for " + place_.link) + "; NCCL's of " +
           nccl_->constants();
  }

 private:
  CollectivePlan own_plan(const CollectiveCall& call) const {
    const Bytes limit = call.members <= 4 ? fits_.one_shot_4 : fits_.one_shot_8;
    const bool one = call.members == 2 || call.size < limit;
    CollectivePlan plan;
    plan.algorithm = one ? "direct" : "two_shot";
    plan.make = one ? make_direct_all_reduce : make_two_shot_all_reduce;
    plan.protocol = "custom";
    plan.channels = fits_.cores;
    plan.reason = std::string(one ? "one shot" : "two shots") + ": " + to_text(call.size) +
                  " among " + std::to_string(call.members) + " members";
    const CustomAllReduceFit::Shots& shots = one ? fit_.one : fit_.two;
    plan.launch = shots.launch + call.members * shots.member;
    plan.terms = MessageTerms{.step = Duration(0),
                              .replaces = place_.catalogue.step,
                              .share = shots.efficiency,
                              .cores = fits_.cores};
    return plan;
  }

  CustomAllReduceFits fits_;
  NcclPlace place_;
  std::shared_ptr<const CollectiveLibrary> nccl_;
  std::string fitted_link_;
  CustomAllReduceFit fit_;
};

}  // namespace

CustomAllReduceFits read_custom_all_reduce_fits(JsonCursor cursor) {
  CustomAllReduceFits fits;
  cursor.at("source").as_string();
  fits.largest = cursor.at("largest").as_bytes();
  fits.one_shot_4 = cursor.at("one_shot_4").as_bytes();
  fits.one_shot_8 = cursor.at("one_shot_8").as_bytes();
  fits.cores = static_cast<int>(cursor.at("cores").as_count(kCores));
  JsonCursor links = cursor.at("links");
  for (const std::string& link : links.keys()) fits.links[link] = read_fit(links.at(link));
  for (const char* needed : {"nvlink3", "nvlink4"}) links.at(needed);
  cursor.reject_unknown_keys();
  return fits;
}

std::shared_ptr<const CollectiveLibrary> make_custom_all_reduce(
    CustomAllReduceFits fits, const ClusterSpec& cluster, Fabric& fabric,
    std::shared_ptr<const CollectiveLibrary> nccl) {
  return std::make_shared<const CustomAllReduce>(std::move(fits), place_of(cluster, fabric),
                                                 std::move(nccl));
}

}  // namespace orrery
