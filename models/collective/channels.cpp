#include "models/collective/channels.hpp"

#include <algorithm>

namespace orrery {
namespace {

class SideBySide final : public CollectiveProgram {
 public:
  explicit SideBySide(std::vector<std::unique_ptr<CollectiveProgram>> channels)
      : channels_(std::move(channels)), lag_(channels_.front()->lag()) {
    for (const auto& channel : channels_) {
      steps_ = std::max(steps_, channel->steps());
      lag_ = std::min(lag_, channel->lag());  // waiting for more than needed is right for all
    }
  }

  int steps() const override { return steps_; }
  int lag() const override { return lag_; }
  int receives(int member, int step) const override {
    int messages = 0;
    for (const auto& channel : channels_) {
      if (step < channel->steps()) messages += channel->receives(member, step);
    }
    return messages;
  }
  int pattern(int step) const override {
    int like = 0;
    for (const auto& channel : channels_) {
      if (step >= channel->steps()) return step;
      like = std::max(like, channel->pattern(step));
    }
    for (const auto& channel : channels_) {
      if (channel->pattern(like) != channel->pattern(step)) return step;
    }
    return like;
  }
  void sends(int member, int step, std::vector<Send>& out) const override {
    for (const auto& channel : channels_) {
      if (step < channel->steps()) channel->sends(member, step, out);
    }
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    std::vector<Send> sends;
    for (const auto& channel : channels_) {
      if (step >= channel->steps()) continue;
      const std::size_t before = out.size();
      channel->payloads(member, step, out);
      for (std::size_t i = before; i < out.size(); ++i) out[i].send += sends.size();
      channel->sends(member, step, sends);
    }
  }

 private:
  std::vector<std::unique_ptr<CollectiveProgram>> channels_;
  int steps_ = 0;
  int lag_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> side_by_side(
    std::vector<std::unique_ptr<CollectiveProgram>> channels) {
  if (channels.size() == 1) return std::move(channels.front());
  return std::make_unique<SideBySide>(std::move(channels));
}

std::vector<int> places_in(const std::vector<int>& order) {
  std::vector<int> places(order.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    places[static_cast<std::size_t>(order[place])] = static_cast<int>(place);
  }
  return places;
}

}  // namespace orrery
