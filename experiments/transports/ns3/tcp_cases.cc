// Records what TCP does, packet by packet, with ns-3.37: bulk flows over a dumbbell (senders - left
// router - bottleneck - right router - receivers) or into one port (senders - router - receiver).
// Stands alone; orrery neither builds nor runs it. `record` builds it and writes tcp_cases.csv.
#include <iostream>
#include <string>
#include <vector>

#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"

namespace {

struct Case {
  std::string name;
  std::string shape;  // "dumbbell" or "incast"
  int flows;
  std::uint64_t bytes;  // of each flow
  double rate;          // of every link, bit/s
  double rtt;           // of propagation, s
  std::uint32_t window;  // send and receive buffer, bytes
  double loss;           // of packets at the receiving end of the bottleneck
  std::uint32_t queue;   // packets, of every device
  int runs;              // seeds
};

constexpr std::uint32_t kMss = 1448;

struct Flow {
  double connected = -1;  // when the sender may send, s
  double half = -1;       // when the receiver has half of it, s
  double done = -1;       // when it has everything, s
  std::uint64_t received = 0;
};

void run(const Case& what, int run_number) {
  using namespace ns3;
  RngSeedManager::SetSeed(1);
  RngSeedManager::SetRun(static_cast<std::uint64_t>(run_number));
  Config::SetDefault("ns3::TcpL4Protocol::SocketType", StringValue("ns3::TcpLinuxReno"));
  Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(kMss));
  Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));  // RFC 6928
  Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(1));
  Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(what.window));
  Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(what.window));
  Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(MilliSeconds(200)));  // Linux

  const bool incast = what.shape == "incast";
  NodeContainer senders;
  NodeContainer receivers;
  NodeContainer routers;
  senders.Create(static_cast<std::uint32_t>(what.flows));
  receivers.Create(incast ? 1 : static_cast<std::uint32_t>(what.flows));
  routers.Create(incast ? 1 : 2);
  InternetStackHelper internet;
  internet.InstallAll();

  // Half of the round trip is divided evenly among the links of a way.
  const double links = incast ? 2 : 3;
  PointToPointHelper wire;
  wire.SetDeviceAttribute("DataRate", DataRateValue(DataRate(static_cast<std::uint64_t>(what.rate))));
  wire.SetChannelAttribute("Delay", TimeValue(Seconds(what.rtt / 2 / links)));
  wire.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize",
                QueueSizeValue(QueueSize(QueueSizeUnit::PACKETS, what.queue)));
  Ipv4AddressHelper addresses;
  addresses.SetBase("10.0.0.0", "255.255.255.0");
  TrafficControlHelper traffic;
  const auto join = [&](Ptr<Node> a, Ptr<Node> b) {
    const NetDeviceContainer devices = wire.Install(a, b);
    const Ipv4InterfaceContainer interfaces = addresses.Assign(devices);
    addresses.NewNetwork();
    traffic.Uninstall(devices);  // no fq_codel: the queue of the device alone
    return std::make_pair(devices, interfaces);
  };
  std::vector<Ipv4Address> to;
  for (std::uint32_t i = 0; i < receivers.GetN(); ++i) {
    const auto [devices, interfaces] = join(routers.Get(routers.GetN() - 1), receivers.Get(i));
    to.push_back(interfaces.GetAddress(1));
  }
  if (!incast) {
    const auto [devices, interfaces] = join(routers.Get(0), routers.Get(1));
    if (what.loss > 0) {
      Ptr<RateErrorModel> errors = CreateObject<RateErrorModel>();
      errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
      errors->SetRate(what.loss);
      devices.Get(1)->SetAttribute("ReceiveErrorModel", PointerValue(errors));
    }
  }
  for (std::uint32_t i = 0; i < senders.GetN(); ++i) join(senders.Get(i), routers.Get(0));
  Ipv4GlobalRoutingHelper::PopulateRoutingTables();

  std::vector<Flow> flows(static_cast<std::size_t>(what.flows));
  int left = what.flows;
  for (int i = 0; i < what.flows; ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    const auto port = static_cast<std::uint16_t>(5000 + i);
    Flow* flow = &flows[at];
    PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), port));
    ApplicationContainer receiving = sink.Install(receivers.Get(incast ? 0 : at));
    receiving.Start(Seconds(0));
    BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(to[incast ? 0 : at], port));
    bulk.SetAttribute("MaxBytes", UintegerValue(what.bytes));
    bulk.SetAttribute("SendSize", UintegerValue(kMss));
    ApplicationContainer sending = bulk.Install(senders.Get(at));
    sending.Start(Seconds(0.001));
    sending.Get(0)->TraceConnectWithoutContext(
        "Tx", Callback<void, Ptr<const Packet>>(std::function<void(Ptr<const Packet>)>(
                  [flow](Ptr<const Packet>) {
                    if (flow->connected < 0) flow->connected = Simulator::Now().GetSeconds();
                  })));
    receiving.Get(0)->TraceConnectWithoutContext(
        "Rx", Callback<void, Ptr<const Packet>, const Address&>(
                  std::function<void(Ptr<const Packet>, const Address&)>(
                      [flow, &left, &what](Ptr<const Packet> packet, const Address&) {
                        flow->received += packet->GetSize();
                        const double now = Simulator::Now().GetSeconds();
                        if (flow->half < 0 && 2 * flow->received >= what.bytes) flow->half = now;
                        if (flow->received < what.bytes) return;
                        flow->done = now;
                        if (--left == 0) Simulator::Stop();
                      })));
  }
  Simulator::Stop(Seconds(60));
  Simulator::Run();
  Simulator::Destroy();
  for (int i = 0; i < what.flows; ++i) {
    const Flow& flow = flows[static_cast<std::size_t>(i)];
    std::cout << what.name << ',' << what.shape << ',' << what.flows << ',' << what.bytes << ','
              << static_cast<std::uint64_t>(what.rate) << ',' << what.rtt * 1e6 << ','
              << what.window << ',' << what.loss << ',' << what.queue << ',' << run_number << ','
              << i << ',' << (flow.done - flow.connected) * 1e6 << ',' << (flow.done - flow.half) * 1e6
              << '\n';
  }
}

}  // namespace

int main() {
  constexpr std::uint32_t kWide = 16U << 20U;  // a window that never limits
  constexpr std::uint32_t kDeep = 1000000;     // a queue that never drops
  const std::vector<Case> cases = {
      {"one_flow", "dumbbell", 1, 10000000, 10e9, 100e-6, kWide, 0, kDeep, 1},
      {"two_flows", "dumbbell", 2, 20000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"four_flows", "dumbbell", 4, 5000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"eight_flows", "dumbbell", 8, 5000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"slow_start_10_kB", "dumbbell", 1, 10000, 10e9, 1e-3, kWide, 0, kDeep, 1},
      {"slow_start_100_kB", "dumbbell", 1, 100000, 10e9, 1e-3, kWide, 0, kDeep, 1},
      {"slow_start_1_MB", "dumbbell", 1, 1000000, 10e9, 1e-3, kWide, 0, kDeep, 1},
      {"slow_start_10_MB", "dumbbell", 1, 10000000, 10e9, 1e-3, kWide, 0, kDeep, 1},
      {"slow_start_1_Gbps", "dumbbell", 1, 1000000, 1e9, 1e-3, kWide, 0, kDeep, 1},
      {"window_64_KiB", "dumbbell", 1, 10000000, 10e9, 1e-3, 65536, 0, kDeep, 1},
      {"window_256_KiB", "dumbbell", 1, 40000000, 10e9, 1e-3, 262144, 0, kDeep, 1},
      {"four_windows_64_KiB", "dumbbell", 4, 10000000, 10e9, 1e-3, 65536, 0, kDeep, 1},
      {"loss_1e-2", "dumbbell", 1, 40000000, 10e9, 1e-3, kWide, 1e-2, kDeep, 5},
      {"loss_3e-3", "dumbbell", 1, 120000000, 10e9, 1e-3, kWide, 3e-3, kDeep, 5},
      {"loss_1e-3", "dumbbell", 1, 240000000, 10e9, 1e-3, kWide, 1e-3, kDeep, 5},
      {"incast_2", "incast", 2, 2000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"incast_4", "incast", 4, 1000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"incast_8", "incast", 8, 1000000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"incast_8_small", "incast", 8, 64000, 10e9, 40e-6, kWide, 0, kDeep, 1},
      {"incast_8_shallow", "incast", 8, 1000000, 10e9, 40e-6, kWide, 0, 100, 1},
  };
  std::cout << "case,shape,flows,bytes,rate_bit_per_s,rtt_us,window_bytes,loss,queue_packets,run,"
               "flow,time_us,second_half_us\n";
  std::cout.precision(10);
  for (const Case& what : cases) {
    for (int number = 1; number <= what.runs; ++number) run(what, number);
  }
  return 0;
}
