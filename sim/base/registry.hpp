#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orrery {

/// Names of one seam's implementations, each with its factory and what `orrery list` shows.
/// A registry is a value: made in main (`builtin_*()`), added to by outside code, handed down.
template <class Factory>
class Registry {
 public:
  struct Entry {
    std::string name;
    Factory make;
    std::string summary;
    std::string picture;  // of a shape, in ASCII; lines end in '\n'

    Entry(std::string its_name, Factory its_make, std::string its_summary,
          std::string its_picture = "")
        : name(std::move(its_name)),
          make(std::move(its_make)),
          summary(std::move(its_summary)),
          picture(std::move(its_picture)) {}
  };

  Registry(std::initializer_list<Entry> entries) : entries_(entries) {}

  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  const std::vector<Entry>& entries() const& { return entries_; }
  const std::vector<Entry>& entries() const&& = delete;  // it would outlive its registry

  /// nullptr when nobody has that name.
  const Entry* find(std::string_view name) const& {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }
  const Entry* find(std::string_view name) const&& = delete;

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    result.reserve(entries_.size());
    for (const Entry& entry : entries_) result.push_back(entry.name);
    return result;
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace orrery
