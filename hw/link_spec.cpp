// Reads an entry of hw/catalog/links: its bandwidth and latency, then what its kind says besides.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "hw/spec.hpp"
#include "hw/spec_reading.hpp"

namespace orrery {
namespace {

constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000'000'000'000};

constexpr double kLeastIncast = 0.1;

/// A share that may be left out.
double read_share_or_all(const JsonCursor& cursor) {
  return cursor.present() ? read_share(cursor) : 1;
}

/// What packets of `payload` leave of the rate when each brings `header` bytes: P / (P + H).
double left_by(Bytes payload, Bytes header) {
  return payload.as_double() / (payload + header).as_double();
}

/// "efficiency", the share that is left of everything, where it is given; else what packets leave
/// whose payload is under the key `payload` and whose other bytes are under "header".
double read_efficiency(JsonCursor& link, const char* payload) {
  JsonCursor whole = link.find("efficiency");
  JsonCursor size = link.find(payload);
  JsonCursor header = link.find("header");
  const Bytes of_payload = read_capacity(size);
  const Bytes of_header = header.as_bytes();
  if (whole.present()) return read_share(whole);
  if (!size.present() || !header.present()) {
    link.error(std::string("expected \"efficiency\", or \"") + payload + "\" and \"header\"");
  }
  return of_payload > Bytes(0) ? left_by(of_payload, of_header) : 0;
}

void read_wire(JsonCursor& link, LinkSpec& spec, LinkFacts&) {
  spec.efficiency = read_share(link.at("efficiency"));
}

void read_nvlink(JsonCursor& link, LinkSpec& spec, LinkFacts&) {
  spec.efficiency = read_efficiency(link, "max_payload");
}

/// Of one lane, in bits/s, after line coding: 8b/10b in generations 1 and 2, 128b/130b in 3 to 5
/// (PCI Express Base Specification 5.0, section 4.2). In 6 a flit of 256 B carries 236 B of packets
/// (PCI Express Base Specification 6.0, flit mode).
constexpr std::array<double, 6> kLaneRates = {2.5e9 * 8 / 10,   5e9 * 8 / 10,     8e9 * 128 / 130,
                                              16e9 * 128 / 130, 32e9 * 128 / 130, 64e9 * 236 / 256};

/// What both directions carry of their rates when both are busy.
void read_duplex(JsonCursor& link, LinkFacts& facts) {
  facts.duplex = read_share_or_all(link.find("duplex"));
  if (facts.duplex > 0 && facts.duplex < 0.5) {
    link.at("duplex").expected("a share of both directions' rate, at least 0.5, one direction's");
    facts.duplex = 1;
  }
}

void read_pcie(JsonCursor& link, LinkSpec& spec, LinkFacts& facts) {
  if (!link.has("bandwidth") && !link.has("generation")) {
    link.error(R"(expected "bandwidth", or "generation" and "lanes")");
  } else if (!link.has("bandwidth")) {
    const std::int64_t generation =
        link.at("generation")
            .as_count({.minimum = 1, .maximum = static_cast<std::int64_t>(kLaneRates.size())});
    const std::int64_t lanes = link.at("lanes").as_count({.minimum = 1, .maximum = 32});
    if (generation >= 1 && lanes >= 1) {
      const double bits =
          kLaneRates[static_cast<std::size_t>(generation - 1)] * static_cast<double>(lanes);
      spec.bandwidth = Bandwidth(std::llround(bits / 8));
    }
  }
  spec.efficiency = read_efficiency(link, "max_payload");
  read_duplex(link, facts);
}

void read_rdma(JsonCursor& link, LinkSpec& spec, LinkFacts& facts) {
  spec.efficiency = read_efficiency(link, "mtu");
  read_duplex(link, facts);
  RdmaFacts& rdma = facts.rdma.emplace();
  if (JsonCursor rate = link.find("message_rate"); rate.present()) {
    rdma.message_rate = static_cast<double>(std::max<std::int64_t>(1, rate.as_count(kCount)));
  }
  if (JsonCursor threshold = link.find("rendezvous_threshold"); threshold.present()) {
    rdma.rendezvous_threshold = threshold.as_bytes();
  }
  if (JsonCursor registration = link.find("registration"); registration.present()) {
    RegistrationFacts& to = rdma.registration.emplace();
    to.latency = registration.at("latency").as_duration();
    to.bandwidth = registration.at("bandwidth").as_bandwidth();
    registration.reject_unknown_keys();
  }
  rdma.queue_pair_setup = link.find("queue_pair_setup").as_duration();
  JsonCursor incast = link.find("incast_efficiency");
  rdma.incast_efficiency = read_share_or_all(incast);
  if (rdma.incast_efficiency > 0 && rdma.incast_efficiency < kLeastIncast) {
    incast.expected("a share of at least 0.1, as each doubling of the senders takes it again");
    rdma.incast_efficiency = 1;
  }
}

void read_tcp(JsonCursor& link, LinkSpec& spec, LinkFacts& facts) {
  spec.efficiency = read_efficiency(link, "mss");
  TcpFacts& tcp = facts.tcp.emplace();
  tcp.mss = read_capacity(link.at("mss"));
  if (JsonCursor sockets = link.find("sockets"); sockets.present()) {
    tcp.sockets = sockets.as_count({.minimum = 1, .maximum = 1'000});
  }
  if (JsonCursor window = link.find("window"); window.present()) tcp.window = read_capacity(window);
  if (JsonCursor loss = link.find("loss"); loss.present()) {
    tcp.loss = loss.as_ratio({.minimum = 0, .maximum = 0.5});
  }
  if (JsonCursor initial = link.find("initial_window"); initial.present()) {
    tcp.initial_window = initial.as_count({.minimum = 1, .maximum = 10'000});
  }
  if (JsonCursor start = link.find("slow_start"); start.present()) {
    const std::string when = start.as_choice({"never", "first", "every"});
    tcp.slow_start = when == "first"   ? SlowStart::first
                     : when == "every" ? SlowStart::every
                                       : SlowStart::never;
  }
  if (JsonCursor rate = link.find("core_rate"); rate.present()) {
    tcp.core_rate = rate.as_bandwidth();
  }
}

struct Kind {
  std::string_view name;
  void (*read)(JsonCursor&, LinkSpec&, LinkFacts&);
};
constexpr std::array<Kind, 5> kKinds = {{{"wire", read_wire},
                                         {"nvlink", read_nvlink},
                                         {"pcie", read_pcie},
                                         {"rdma", read_rdma},
                                         {"tcp", read_tcp}}};

constexpr std::array<const char*, 21> kKeysOfKinds = {"efficiency",
                                                      "max_payload",
                                                      "header",
                                                      "generation",
                                                      "lanes",
                                                      "duplex",
                                                      "mtu",
                                                      "message_rate",
                                                      "registration",
                                                      "queue_pair_setup",
                                                      "mss",
                                                      "rendezvous_threshold",
                                                      "sockets",
                                                      "incast_efficiency",
                                                      "window",
                                                      "loss",
                                                      "initial_window",
                                                      "slow_start",
                                                      "core_rate",
                                                      "per_message",
                                                      "bandwidth"};

bool says_something(const LinkFacts& facts) {
  return facts.per_message > Duration(0) || facts.duplex < 1 || facts.rdma || facts.tcp;
}

/// Those that say something of a message as a whole; every tcp has an mss.
constexpr std::array<const char*, 7> kKeysOfMessages = {
    "per_message",       "message_rate", "rendezvous_threshold", "registration", "queue_pair_setup",
    "incast_efficiency", "mss"};

}  // namespace

void refuse_transport(JsonCursor link) {
  if (!link.present() || link.value().kind != JsonValue::Kind::object) return;
  for (const char* key : kKeysOfMessages) {
    if (!link.has(key)) continue;
    link.at(key).error(
        "counts for messages of an adapter, as \"nic_link\" says it, not on this link");
  }
}

std::vector<std::string> link_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

LinkSpec read_link(JsonCursor cursor) {
  LinkSpec spec;
  if (is_unresolved(cursor)) {
    return spec;
  }
  spec.name = cursor.find("name").as_string();
  cursor.find("description").as_string();
  spec.kind = cursor.at("kind").as_choice(link_kinds());
  LinkFacts facts;
  if (spec.kind != "pcie" || cursor.has("bandwidth")) {
    spec.bandwidth = cursor.at("bandwidth").as_bandwidth();
  }
  spec.latency = cursor.at("latency").as_duration();
  facts.per_message = cursor.find("per_message").as_duration();
  for (const Kind& kind : kKinds) {
    if (kind.name == spec.kind) kind.read(cursor, spec, facts);
  }
  if (spec.kind.empty()) {  // these may belong to the kind that was meant
    for (const char* key : kKeysOfKinds) cursor.has(key);
  }
  cursor.reject_unknown_keys();
  if (says_something(facts)) spec.facts = std::make_shared<const LinkFacts>(facts);
  return spec;
}

}  // namespace orrery
