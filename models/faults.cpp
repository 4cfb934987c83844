#include "models/faults.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "models/link_names.hpp"

namespace orrery {
namespace {

// assumed: as for degraded links of variability; what carries less has failed.
constexpr RatioRange kShare = {.minimum = 0.001, .maximum = 1};
constexpr std::size_t kMostNamed = 8;

bool is_true(JsonCursor cursor) {
  if (!cursor.present()) return false;
  const bool value = cursor.as_boolean();
  if (!value && cursor.value().kind == JsonValue::Kind::boolean) cursor.expected("true");
  return true;
}

class Reader {
 public:
  explicit Reader(const Fabric* fabric) : fabric_(fabric) {}

  Fault read(JsonCursor entry) {
    Fault fault;
    fault.at = Time() + entry.at("at").as_duration();
    read_kind(entry, fault);
    read_links(entry, fault);
    entry.reject_unknown_keys();
    const Origin& origin = entry.value().origin;
    fault.file = origin.file ? *origin.file : "";
    fault.pointer = origin.pointer;
    return fault;
  }

 private:
  static void read_kind(JsonCursor& entry, Fault& fault) {
    JsonCursor capacity = entry.find("capacity");
    const bool down = is_true(entry.find("down"));
    const bool up = is_true(entry.find("up"));
    if (static_cast<int>(capacity.present()) + static_cast<int>(down) + static_cast<int>(up) != 1) {
      entry.expected(R"(one of "down", "up" and "capacity")");
    }
    fault.kind = up ? Fault::Kind::up : down ? Fault::Kind::down : Fault::Kind::capacity;
    if (capacity.present()) fault.capacity = capacity.as_ratio(kShare);
  }

  void read_links(JsonCursor& entry, Fault& fault) {
    JsonCursor link = entry.find("link");
    JsonCursor vertex = entry.find("switch");
    JsonCursor node = entry.find("node");
    JsonCursor both = entry.find("both_directions");
    const bool both_ways = both.present() && both.as_boolean();
    if (static_cast<int>(link.present()) + static_cast<int>(vertex.present()) +
            static_cast<int>(node.present()) !=
        1) {
      entry.expected(R"(one of "link", "switch" and "node")");
      return;
    }
    if (both.present() && !link.present()) both.error("both directions are of a link alone");
    if (fabric_ == nullptr) return;
    if (link.present()) {
      fault.what = "link \"" + link.as_string() + "\"";
      fault.links = names().find(link);
      for (std::size_t i = fault.links.size(); both_ways && i-- > 0;) {
        const std::vector<int> back = fabric_->reverse(fault.links[i]);
        fault.links.insert(fault.links.end(), back.begin(), back.end());
      }
    } else if (vertex.present()) {
      fault.what = "\"" + vertex.as_string() + "\"";
      fault.links = names().find_vertex(vertex);
    } else {
      const std::int64_t last = fabric_->place(fabric_->devices() - 1).node;
      const auto number = static_cast<int>(node.as_count({.minimum = 0, .maximum = last}));
      fault.what = "node " + std::to_string(number);
      fault.links = fabric_->links_of_node(number);
    }
    if (fault.kind != Fault::Kind::down) return;
    refuse_memory(entry, fault);
    const std::string refusal = fabric_->failure_refusal();
    if (!refusal.empty()) entry.error(refusal);
  }

  /// A host's memory is a link for what is shared, not one that could be pulled.
  void refuse_memory(JsonCursor& entry, Fault& fault) const {
    const auto is_memory = [this](int link) {
      return fabric_->links()[static_cast<std::size_t>(link)].kind == "host_memory";
    };
    const auto kept = std::remove_if(fault.links.begin(), fault.links.end(), is_memory);
    if (kept == fault.links.begin() && kept != fault.links.end()) {
      entry.error("the memory of a host does not fail, it may lose capacity");
    }
    fault.links.erase(kept, fault.links.end());
  }

  const LinkNames& names() {
    if (names_ == nullptr) names_ = std::make_unique<LinkNames>(*fabric_);
    return *names_;
  }

  const Fabric* fabric_;
  std::unique_ptr<LinkNames> names_;
};

}  // namespace

std::string to_string(Fault::Kind kind) {
  if (kind == Fault::Kind::capacity) return "capacity";
  return kind == Fault::Kind::down ? "down" : "up";
}

Faults read_faults(JsonCursor section, const Fabric* fabric) {
  Faults faults;
  Reader reader(fabric);
  for (JsonCursor& entry : section.items()) faults.push_back(reader.read(entry));
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return faults;
}

std::string range_text(const std::string& noun, const std::vector<int>& numbers) {
  std::string text = noun + (numbers.size() == 1 ? " " : "s ");
  std::size_t pieces = 0;
  for (std::size_t i = 0; i < numbers.size(); ++pieces) {
    if (pieces == kMostNamed) return text + ", …";
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (pieces == 0 ? "" : ", ") + std::to_string(numbers[i]);
    if (last > i) text += "-" + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string cut_text(const Fabric& fabric, int from, int to, const std::vector<bool>& down) {
  std::vector<int> reached;
  std::vector<int> cut_off;
  for (int device = 0; device < fabric.devices(); ++device) {
    const bool is_reached = device == from || (device != to && fabric.joins(from, device));
    (is_reached ? reached : cut_off).push_back(device);
  }
  std::string text = "no way is left from device " + std::to_string(from) + " to device " +
                     std::to_string(to) + ": from device " + std::to_string(from) +
                     " messages reach " + range_text("device", reached) + " but not " +
                     range_text("device", cut_off) + "; down ";
  std::size_t named = 0;
  const auto count = static_cast<std::size_t>(std::count(down.begin(), down.end(), true));
  text += count == 1 ? "is " : "are ";
  for (std::size_t link = 0; link < down.size() && named < kMostNamed; ++link) {
    if (!down[link]) continue;
    text += (named == 0 ? "\"" : ", \"") + fabric.links()[link].name + "\"";
    ++named;
  }
  return text + (count > named ? " and " + std::to_string(count - named) + " more links" : "");
}

}  // namespace orrery
