#include "traces/trace_events.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "traces/trace_error.hpp"
#include "traces/trace_event_collector.hpp"

namespace orrery {
namespace {

constexpr double kPicosecondsPerMicrosecond = 1e6;

/// Receives nlohmann's SAX events, and knows how deep it is: events are the objects in
/// "traceEvents", or in the array that is the document.
class Handler {
 public:
  Handler(TraceEventCollector& collector, const std::string& file)
      : collector_(&collector), file_(&file) {}

  /// A list of events that is empty, as a trace of nothing has.
  bool has_no_events() const { return has_list_ && !has_items_; }

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(std::int64_t number) {
    return set_number(double(number), std::to_string(number));
  }
  bool number_unsigned(std::uint64_t number) {
    return set_number(static_cast<double>(number), std::to_string(number));
  }
  bool number_float(double number, const std::string& literal) {
    return set_number(number, literal);
  }
  bool string(std::string& text) {
    note_item();
    if (depth_ == event_depth_) {
      if (key_ == "ph" && !text.empty()) event_.phase = text.front();
      if (key_ == "name") event_.name = text;
      if (key_ == "cat") event_.category = text;
      if (key_ == "pid") event_.process = text;
      if (key_ == "tid") event_.thread = text;
      if (key_ == "ts") event_.time = picoseconds_of(text);
      if (key_ == "dur") event_.duration = picoseconds_of(text);
    } else if (in_arguments_ && depth_ == event_depth_ + 1) {
      event_.texts[key_] = text;
    }
    return true;
  }
  bool binary(const std::vector<std::uint8_t>&) { return true; }
  bool start_object(std::size_t) {
    const bool is_event = in_events_ && depth_ == event_depth_ - 1;
    in_arguments_ = in_arguments_ || (depth_ == event_depth_ && key_ == "args");
    if (depth_ == 1 && key_ == "distributedInfo") in_distribution_ = true;
    ++depth_;
    if (is_event) {
      event_ = TraceEvent();
      has_items_ = true;
    }
    return true;
  }
  bool end_object() {
    if (depth_ == event_depth_ + 1) in_arguments_ = false;
    if (in_events_ && depth_ == event_depth_) collector_->add(event_);
    if (depth_ == 2) in_distribution_ = false;
    --depth_;
    return true;
  }
  bool start_array(std::size_t) {
    if (!in_events_ && (depth_ == 0 || (depth_ == 1 && key_ == "traceEvents"))) {
      in_events_ = true;
      has_list_ = true;
      event_depth_ = depth_ + 2;
    }
    ++depth_;
    return true;
  }
  bool end_array() {
    --depth_;
    if (in_events_ && depth_ == event_depth_ - 2) {
      in_events_ = false;
      event_depth_ = kNever;
    }
    return true;
  }
  bool key(std::string& text) {
    key_ = text;
    if (depth_ == 1 && (text == "schemaVersion" || text == "deviceProperties")) {
      collector_->is_kineto();
    }
    return true;
  }
  bool parse_error(std::size_t offset, const std::string&, const nlohmann::json::exception& error) {
    std::string what = error.what();
    const std::size_t colon = what.find(": ");
    if (colon != std::string::npos) what.erase(0, colon + 2);
    throw TraceError(*file_, offset, "broken JSON: " + what);
  }

 private:
  static constexpr int kNever = 1 << 20;

  /// Something in the list that is no event.
  void note_item() { has_items_ = has_items_ || (in_events_ && depth_ == event_depth_ - 1); }

  bool set_number(double number, const std::string& literal) {
    note_item();
    if (depth_ == event_depth_) {
      if (key_ == "pid") event_.process = literal;
      if (key_ == "tid") event_.thread = literal;
      if (key_ == "ts") event_.time = exact(number, literal);
      if (key_ == "dur") event_.duration = exact(number, literal);
    } else if (in_arguments_ && depth_ == event_depth_ + 1) {
      event_.numbers[key_] = number;
    } else if (in_distribution_ && depth_ == 2) {
      if (key_ == "rank") collector_->rank(static_cast<std::int64_t>(number));
      if (key_ == "world_size") collector_->world_size(static_cast<std::int64_t>(number));
    }
    return true;
  }
  static std::optional<WidePicoseconds> exact(double number, const std::string& literal) {
    if (const auto value = picoseconds_of(literal)) return value;
    if (!(std::abs(number) < 1e18)) return std::nullopt;
    return static_cast<WidePicoseconds>(number * kPicosecondsPerMicrosecond);
  }

  TraceEventCollector* collector_;
  const std::string* file_;
  TraceEvent event_;
  std::string key_;
  int depth_ = 0;
  int event_depth_ = kNever;
  bool in_events_ = false;
  bool has_list_ = false;
  bool has_items_ = false;
  bool in_arguments_ = false;
  bool in_distribution_ = false;
};

}  // namespace

RecordedTrace read_trace_events(const std::string& text, const std::string& file) {
  TraceEventCollector collector(file);
  Handler handler(collector, file);
  nlohmann::json::sax_parse(text, &handler);
  if (collector.events() == 0 && !handler.has_no_events()) {
    throw TraceError(file +
                     ": is JSON, and no trace: it has no events (objects with a \"ph\", in "
                     "\"traceEvents\" or in a list)");
  }
  return collector.take();
}

}  // namespace orrery
