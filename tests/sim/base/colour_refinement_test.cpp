#include "sim/base/colour_refinement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "sim/base/random.hpp"

namespace orrery {
namespace {

using Classes = std::vector<std::uint32_t>;

struct Relation {
  std::uint64_t key;
  std::vector<int> objects;
};

struct Instance {
  std::vector<std::uint64_t> colours;
  std::vector<Relation> relations;
};

std::optional<Classes> refined(const Instance& instance, std::size_t maximum_classes) {
  ColourRefinement refinement(instance.colours);
  for (const Relation& relation : instance.relations) {
    refinement.add(relation.key, relation.objects.size(), relation.objects);
  }
  EXPECT_EQ(refinement.relations(), instance.relations.size());
  return refinement.refine(maximum_classes);
}

/// Classes by what objects have, numbered in the order of their first objects.
template <class Trait>
Classes numbered(const std::vector<Trait>& traits) {
  std::map<Trait, std::uint32_t> known;
  Classes classes;
  for (const Trait& trait : traits) {
    classes.push_back(
        known.try_emplace(trait, static_cast<std::uint32_t>(known.size())).first->second);
  }
  return classes;
}

std::size_t count_of(const Classes& classes) {
  return std::set<std::uint32_t>(classes.begin(), classes.end()).size();
}

/// By the definition: multisets are compared whole, until no class splits.
Classes coarsest_equitable(const Instance& instance) {
  using Part = std::tuple<std::uint64_t, std::size_t, Classes>;  // key, position, classes
  Classes classes = numbered(instance.colours);
  for (;;) {
    std::vector<std::pair<std::uint32_t, std::multiset<Part>>> traits;
    for (const std::uint32_t of : classes) traits.push_back({of, {}});
    for (const Relation& relation : instance.relations) {
      Classes of_members;
      for (const int object : relation.objects) {
        of_members.push_back(classes[static_cast<std::size_t>(object)]);
      }
      for (std::size_t position = 0; position < relation.objects.size(); ++position) {
        traits[static_cast<std::size_t>(relation.objects[position])].second.insert(
            {relation.key, position, of_members});
      }
    }
    Classes next = numbered(traits);
    if (count_of(next) == count_of(classes)) return classes;
    classes = std::move(next);
  }
}

/// Copies of a small drawn structure, their objects mixed, so that many objects are alike; with
/// few keys, lengths and colours, and now and then one relation more that tells copies apart.
Instance random_instance(RandomStream& random) {
  const auto pick = [&](int low, int high) { return static_cast<int>(random.integer(low, high)); };
  const int objects = pick(1, 6);
  const int copies = pick(1, 6);
  std::vector<int> place(static_cast<std::size_t>(objects * copies));
  std::iota(place.begin(), place.end(), 0);
  for (std::size_t i = place.size(); i > 1; --i) {
    std::swap(place[i - 1], place[static_cast<std::size_t>(pick(0, static_cast<int>(i) - 1))]);
  }
  Instance instance;
  instance.colours.resize(place.size());
  for (int object = 0; object < objects; ++object) {
    const auto colour = static_cast<std::uint64_t>(pick(0, 1));
    for (int copy = 0; copy < copies; ++copy) {
      instance.colours[static_cast<std::size_t>(
          place[static_cast<std::size_t>(copy * objects + object)])] = colour;
    }
  }
  const int relations = pick(0, 8);
  for (int r = 0; r < relations; ++r) {
    Relation relation{static_cast<std::uint64_t>(pick(0, 2)), {}};
    const int length = pick(1, 7);
    for (int i = 0; i < length; ++i) relation.objects.push_back(pick(0, objects - 1));
    const int shift = pick(0, 1);  // from one copy to the next, around
    for (int copy = 0; copy < copies; ++copy) {
      Relation copied = relation;
      for (std::size_t i = 0; i < copied.objects.size(); ++i) {
        const int to = i % 2 == 0 ? copy : (copy + shift) % copies;
        copied.objects[i] = place[static_cast<std::size_t>(to * objects + relation.objects[i])];
      }
      instance.relations.push_back(std::move(copied));
    }
  }
  if (pick(0, 3) == 0) instance.relations.push_back({0, {pick(0, objects * copies - 1)}});
  // A key and a length are one kind, whatever the order.
  if (pick(0, 1) == 0) std::reverse(instance.relations.begin(), instance.relations.end());
  return instance;
}

TEST(ColourRefinement, FindsTheCoarsestEquitablePartition) {
  int folded = 0;
  int split = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "colour refinement");
    const Instance instance = random_instance(random);
    const Classes expected = coarsest_equitable(instance);
    ASSERT_EQ(refined(instance, instance.colours.size()), expected);
    if (count_of(expected) < expected.size()) ++folded;
    if (count_of(expected) > count_of(numbered(instance.colours))) ++split;
  }
  EXPECT_GT(folded, 1000) << "too few had classes of several objects";
  EXPECT_GT(split, 1000) << "too few needed a round";
}

TEST(ColourRefinement, GivesUpAboveTheGreatestNumberOfClasses) {
  // A path: each end is like the other, and so on inwards.
  const int objects = 9;
  Instance path{std::vector<std::uint64_t>(objects, 0), {}};
  for (int object = 0; object + 1 < objects; ++object) {
    path.relations.push_back({7, {object, object + 1}});
    path.relations.push_back({7, {object + 1, object}});
  }
  const Classes mirrored = {0, 1, 2, 3, 4, 3, 2, 1, 0};
  EXPECT_EQ(refined(path, 5), mirrored);
  EXPECT_EQ(refined(path, 4), std::nullopt);
}

TEST(ColourRefinement, GivesUpWhereADifferenceTravelsTooFar) {
  // Around a ring one object is marked. A round carries that one relation on in both directions,
  // and one more finds nothing new.
  const auto ring = [](int objects) {
    Instance instance{std::vector<std::uint64_t>(static_cast<std::size_t>(objects), 0), {}};
    instance.colours[0] = 1;
    for (int object = 0; object < objects; ++object) {
      const int next = (object + 1) % objects;
      instance.relations.push_back({1, {object, next}});
      instance.relations.push_back({1, {next, object}});
    }
    return instance;
  };
  // An even ring is split objects / 2 - 1 times, from 2 classes to objects / 2 + 1; one round more
  // sees that this is all.
  const int last = 2 * static_cast<int>(ColourRefinement::kMaximumRounds);
  const auto classes = refined(ring(last), static_cast<std::size_t>(last));
  ASSERT_TRUE(classes);
  EXPECT_EQ(count_of(*classes), static_cast<std::size_t>(last / 2 + 1));
  EXPECT_EQ(refined(ring(last + 2), static_cast<std::size_t>(last + 2)), std::nullopt);
}

TEST(ColourRefinement, CountsThatArePowersOfTwoAreToldApart) {
  // The sum of 2^14 equal hashes ends in 14 zero bits; what is left tells first from second.
  const int relations = 1 << 14;
  ColourRefinement refinement({0, 0, 0, 0, 0});
  std::vector<int> twice;
  std::vector<int> reversed;
  for (int i = 0; i < relations; ++i) {
    twice.insert(twice.end(), {0, 1, 2, 3});
    reversed.insert(reversed.end(), {1, 0, 3, 2});
  }
  refinement.add(1, 2, twice);
  EXPECT_EQ(refinement.refine(5), (Classes{0, 1, 0, 1, 2}));
  refinement.add(1, 2, reversed);
  EXPECT_EQ(refinement.refine(5), (Classes{0, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace orrery
