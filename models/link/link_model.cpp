#include "models/link/link_model.hpp"

namespace orrery {

LinkModel::LinkModel(const LinkSpec& spec)
    : facts_(spec.facts ? spec.facts : std::make_shared<const LinkFacts>()) {}

LinkTraits LinkModel::traits() const {
  return {.has_terms = facts_->per_message > Duration(0)};
}

TransportTerms LinkModel::terms(const MessageSite&) const {
  return {.head = facts_->per_message};
}

}  // namespace orrery
