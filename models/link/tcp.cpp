// TCP over Ethernet. With mss M, round trip R (of the route, without queues), n sockets over which
// a message is split evenly, and C the capacity of the narrowest link:
//
//   efficiency   M / (M + header) (RFC 9293, RFC 7323; IEEE 802.3)
//   window       n · W / R: a window a round trip (RFC 9293, section 3.8.6)
//   loss         n · (M / R) · sqrt(3/2) / sqrt(p): Mathis, Semke, Mahdavi and Ott 1997, The
//                macroscopic behavior of the TCP congestion avoidance algorithm, CCR 27(3),
//                equation 3 with an acknowledgement for every segment; for p up to a few percent
//   cores        n · r: the kernel works for a socket on one core at a time, which moves r; beside
//                it, all messages of a node share r · kernel_cores (Cai et al. 2021, Understanding
//                host network stack overheads, SIGCOMM, sections 3.1 and 3.3)
//   slow start   a window of I = n · M · initial_window, doubled every round trip (RFC 5681,
//   section
//                3.1; RFC 6928) until it fills the rate B = min(bounds, C). Round i brings I · 2^i
//                bytes and then waits for the rest of R. After j rounds the message is late by
//                  j · R - I · (2^j - 1) / B,
//                where j is the number of rounds that neither fill the rate (I · 2^i < B · R) nor
//                end the message. This is Cardwell, Savage and Anderson 2000, Modeling TCP latency,
//                INFOCOM, equations 15 to 17 with growth 2. All of it is paid before the first
//                byte: then the message takes part in the sharing at its full rate.
//
// Left out: the queues' part of the round trip, timeouts (so the collapse of an incast into a
// shallow buffer), the handshake, unfairness by round trip.
#include <algorithm>
#include <cmath>

#include "models/link/builtin.hpp"

namespace orrery {
namespace {

class Tcp final : public LinkModel {
 public:
  using LinkModel::LinkModel;

  LinkTraits traits() const override {
    LinkTraits traits = LinkModel::traits();
    if (!facts().tcp) return traits;
    const TcpFacts& tcp = *facts().tcp;
    traits.has_terms = traits.has_terms || tcp.window || tcp.loss > 0 || tcp.core_rate ||
                       tcp.slow_start != SlowStart::never;
    traits.remembers_pairs = tcp.slow_start == SlowStart::first;
    traits.core_rate = tcp.core_rate;
    return traits;
  }

  TransportTerms terms(const MessageSite& site) const override {
    TransportTerms terms = LinkModel::terms(site);
    if (!facts().tcp) return terms;
    terms.bound = bound(to_seconds(site.round_trip));
    const SlowStart when = facts().tcp->slow_start;
    if (when == SlowStart::every || (when == SlowStart::first && site.is_first)) {
      terms.head += late_by_slow_start(site, std::min(terms.bound, site.capacity));
    }
    return terms;
  }

 private:
  /// In bytes/s. Requires that facts().tcp is there.
  double bound(double round_trip) const {
    const TcpFacts& tcp = *facts().tcp;
    double of_socket = kUnbounded;
    if (tcp.core_rate) of_socket = tcp.core_rate->as_double();
    if (round_trip > 0) {
      if (tcp.window) of_socket = std::min(of_socket, tcp.window->as_double() / round_trip);
      if (tcp.loss > 0) {
        const double by_loss = tcp.mss.as_double() / round_trip * std::sqrt(1.5 / tcp.loss);
        of_socket = std::min(of_socket, by_loss);
      }
    }
    return of_socket * static_cast<double>(tcp.sockets);
  }

  Duration late_by_slow_start(const MessageSite& site, double rate) const {
    const TcpFacts& tcp = *facts().tcp;
    const double round_trip = to_seconds(site.round_trip);
    const double bytes = site.bytes.as_double();
    const double first =
        tcp.mss.as_double() * static_cast<double>(tcp.initial_window * tcp.sockets);
    double window = first;
    double sent = 0;
    double late = 0;
    while (window < rate * round_trip && sent + window < bytes) {
      late += round_trip - window / rate;
      sent += window;
      window *= 2;
    }
    return duration_from_seconds(late);
  }
};

}  // namespace

std::unique_ptr<LinkModel> make_tcp(const LinkSpec& spec) {
  return std::make_unique<Tcp>(spec);
}

}  // namespace orrery
