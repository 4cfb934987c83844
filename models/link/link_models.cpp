#include "models/link/link_models.hpp"

#include "sim/base/errors.hpp"

namespace orrery {

int LinkModels::of(const LinkSpec& spec) {
  if (spec.facts == nullptr) return 0;
  const auto [entry, is_new] = by_facts_.try_emplace(spec.facts.get(), 0);
  if (is_new) entry->second = find_or_make(spec);
  return entry->second;
}

int LinkModels::find_or_make(const LinkSpec& spec) {
  for (std::size_t known = 0; known < specs_.size(); ++known) {
    if (specs_[known].kind == spec.kind && *specs_[known].facts == *spec.facts) {
      return static_cast<int>(known + 1);
    }
  }
  const auto* kind = kinds_->find(spec.kind);
  ORRERY_CHECK(kind != nullptr, "no model of links of kind " + spec.kind);
  specs_.push_back(spec);
  models_.push_back(kind->make(spec));
  return static_cast<int>(specs_.size());
}

}  // namespace orrery
