#pragma once

#include <vector>

#include "models/collective/collective.hpp"
#include "models/fabric.hpp"
#include "models/link/link_model.hpp"

namespace orrery {

/// A fabric as it was built, with nothing on it: what a prediction knows of ways.
class RestingFabric {
 public:
  /// Borrows the fabric, and leaves routes in its store.
  explicit RestingFabric(Fabric& fabric) : fabric_(&fabric) {}

  const Fabric& fabric() const { return *fabric_; }
  const Fabric::Link& link(int index) const {
    return fabric_->links()[static_cast<std::size_t>(index)];
  }
  /// Valid until the next.
  Fabric::Route route(Rank from, Rank to);
  /// What a byte of a message takes of a link of its way, where messages are counted its part of
  /// one. `load`: of a message that ends in the switches, on the first and the last of its links
  /// that is no part.
  double taken(Bytes bytes, const Fabric::Route& route, std::size_t hop,
               const CollectiveProgram::Load& load) const;
  /// What its transport adds to a message on that way, of a pair that has sent before.
  TransportTerms terms(Bytes bytes, Rank from, Rank to, const Fabric::Route& route) const;

 private:
  Fabric* fabric_;
  std::vector<int> way_;  // where routes are not kept
  std::vector<double> shares_;
};

}  // namespace orrery
