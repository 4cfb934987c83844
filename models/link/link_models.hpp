#pragma once

#include <map>
#include <memory>
#include <vector>

#include "models/link/link_model.hpp"

namespace orrery {

/// The models of many links, one for all whose specs say the same.
class LinkModels {
 public:
  /// Borrows it while specs are asked for.
  explicit LinkModels(const Registry<LinkFactory>& kinds) : kinds_(&kinds), models_(1) {}

  /// Its number; 0 for one that says nothing.
  int of(const LinkSpec& spec);
  /// Requires a number above 0.
  const LinkModel& operator[](int number) const {
    return *models_[static_cast<std::size_t>(number)];
  }
  LinkTraits traits(int number) const {
    return number == 0 ? LinkTraits{} : (*this)[number].traits();
  }

 private:
  int find_or_make(const LinkSpec& spec);

  const Registry<LinkFactory>* kinds_;
  std::vector<LinkSpec> specs_;                     // of numbers from 1
  std::vector<std::unique_ptr<LinkModel>> models_;  // by number; the first is none
  std::map<const LinkFacts*, int> by_facts_;        // only looked up
};

}  // namespace orrery
