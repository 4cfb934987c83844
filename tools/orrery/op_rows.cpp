#include <array>
#include <cstdio>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/op_table.hpp"

namespace orrery {
namespace {

/// What a report says of where it was measured.
void read_origin(JsonCursor& root, OpTable& table) {
  const auto add = [&table](const std::string& before, JsonCursor from) {
    if (!from.present()) return;
    table.origin += (table.origin.empty() ? "" : ", ") + before + from.as_string();
  };
  if (JsonCursor device = root.find("device"); device.present()) {
    if (JsonCursor name = device.find("name"); name.present()) table.device = name.as_string();
    if (JsonCursor sms = device.find("sms"); sms.present()) table.sms = sms.as_count();
    add("", device.find("name"));
    add("driver ", device.find("driver"));
    add("CUDA ", device.find("cuda_runtime"));
  }
  add("kernels/calibrate of ", root.find("git_hash"));
  add("measured ", root.find("measured_at"));
}

}  // namespace

OpTable read_op_rows(const std::string& path) {
  const JsonValue document = load_json(path, path);
  Diagnostics mistakes;
  JsonCursor root(document, mistakes);
  OpTable table{.path = path, .header = {}, .lines = {}, .rows = {}, .numbers = {}};
  read_origin(root, table);
  for (JsonCursor& row : root.at("rows").items()) {
    OpFields fields;
    JsonCursor shape = row.at("shape");
    for (const std::string& name : shape.keys()) {
      JsonCursor size = shape.at(name);
      const bool text = size.value().kind == JsonValue::Kind::string;
      fields[name] = text ? size.as_string() : std::to_string(size.as_count({0, kMostOfSize}));
    }
    for (const char* name : {"dtype", "kernel", "part"}) {
      if (JsonCursor text = row.find(name); text.present()) fields[name] = text.as_string();
    }
    const auto add = [&fields](const char* name, double value) {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%.17g", value);
      fields[name] = text.data();
    };
    JsonCursor median = row.at("median_s");
    if (median.present()) add("measured_s", median.as_ratio({0, 1e9}));
    if (JsonCursor flops = row.find("flops"); flops.present()) {
      add("flops", flops.as_ratio({0, 1e30}));
    }
    if (JsonCursor stable = row.find("stable"); stable.present() && !stable.as_boolean()) {
      fields["stable"] = "false";
    }
    table.numbers.push_back(table.rows.size());
    table.rows.push_back(std::move(fields));
  }
  mistakes.throw_if_any();
  return table;
}

}  // namespace orrery
