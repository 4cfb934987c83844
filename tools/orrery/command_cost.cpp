#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "models/cost/calibration.hpp"
#include "sim/base/json_cursor.hpp"
#include "tools/orrery/calibrations.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/op_table.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery cost DEVICE OP NAME=VALUE... [options]\n"
    "       orrery cost DEVICE OP --csv FILE\n\n"
    "What one kernel takes on a device that it has for itself, by the cost model \"calibrated\", "
    "and\n"
    "why. `orrery list ops` has the ops and their sizes. With --csv the sizes come from a file of\n"
    "comma-separated values whose first line names them, and its rows are printed with "
    "predicted_s\n"
    "and bound appended; what was not read or not measured is said on standard error.\n"
    "dtype is the precision (bf16); weights_dtype of gemm and kv_cache_dtype of attention say "
    "that\n"
    "weights, keys and values are stored in another one.\n\n"
    "example\n"
    "  orrery cost h100_sxm gemm m=4096 n=8192 k=8192 dtype=bf16\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{.command = "cost",
                       .argument = "DEVICE",
                       .required = true,
                       .more = "OP NAME=VALUE...",
                       .options = {}};
  syntax.options.add_options()("help,h", "this text")("csv", po::value<std::string>(),
                                                      "sizes of many, one a line")(
      "json", "as JSON on standard output, nothing else there");
  return syntax;
}

/// An op on a device, with the values of its parameters.
struct Question {
  DeviceSpec device;
  std::string op;
  std::unique_ptr<OpModel> model;
  OpValues values;

  OpTime time(const OpShape& shape, const std::string& where) const {
    const bool computes = model->work(shape).operations > 0;
    if (computes && !device.peak_of(shape.precision)) {
      throw UsageError(where + ": " + device.name + " has no " +
                       std::string(to_string(shape.precision)) + " peak rate");
    }
    if (!model->parameters().empty() && device.cores <= 0) {
      throw UsageError(where + ": " + device.name + " has no cores");
    }
    return model->time(shape, device, values.values);
  }
};

/// Whether a size names kernels, of which each has errors of its own.
bool has_several_kernels(const OpModel& model) {
  return std::any_of(model.sizes().begin(), model.sizes().end(),
                     [](const OpSize& size) { return !size.choices.empty(); });
}

std::string provenance(const Question& question) {
  const OpValues& values = question.values;
  if (question.model->parameters().empty()) return "the catalogue's entry of the device";
  if (values.device.empty()) return "nobody measured it: where a fit would begin";
  const std::string whose = (values.transferred ? "scaled from " : "fitted on ") + values.device;
  const std::string_view others = question.model->fitted_as();
  std::string text;
  if (others.empty()) {
    char judged[200];
    std::snprintf(judged, sizeof judged,
                  "; judged%s on %zu rows%s: median error %.1f %%, p90 %.1f %%",
                  values.transferred ? " there, not scaled," : "", values.judged.samples,
                  has_several_kernels(*question.model) ? " of all its kernels together" : "",
                  values.judged.median * 100, values.judged.percentile_90 * 100);
    text = whose + (values.judged.samples > 0 ? judged : "; not judged on any row");
  } else {
    text = "figures of " + std::string(others) + ", " + whose +
           "; this op itself was not measured for them";
  }
  return text + "; " + values.source;
}

/// What of the answer no measurement stands behind, a sentence each.
std::vector<std::string> remarks(const Question& question, const OpShape& shape) {
  std::vector<std::string> all;
  if (question.values.device.empty()) return all;
  const bool measured = shape.precision == Precision::bf16 || shape.precision == Precision::fp16;
  if (!measured) {
    all.push_back(std::string(to_string(shape.precision)) + " was not measured: by its peak rate");
  }
  if (shape.stored != 1) {
    all.push_back(std::string(question.model->stored_as()) +
                  " was measured as dtype alone: by its bytes, converting them costs nothing here");
  }
  const std::string outside = question.model->outside_measured(shape);
  if (!outside.empty()) all.push_back("outside of what was measured: " + outside);
  if (!question.values.stays.empty()) all.push_back(question.values.stays);
  return all;
}

std::string to_text(const Question& question, const OpShape& shape, const OpTime& time) {
  const OpModel::Work work = question.model->work(shape);
  const double seconds = time.seconds();
  const std::string details =
      question.model->details(shape, question.device, question.values.values);
  char text[500];
  std::snprintf(text, sizeof text, "time      %.4g us\n", seconds * 1e6);
  std::string result = text;
  if (const auto peak = question.device.peak_of(shape.precision); peak && work.operations > 0) {
    std::snprintf(text, sizeof text, "math      %.4g TFLOP/s, %.1f %% of %.4g\n",
                  work.operations / seconds / 1e12,
                  work.operations / seconds / peak->as_double() * 100, peak->as_double() / 1e12);
    result += text;
  }
  const double bandwidth = question.device.memory_bandwidth.as_double();
  std::snprintf(text, sizeof text,
                "memory    %.4g GB/s of operands and results, %.1f %% of %.4g\n"
                "bound     %s: math %.4g us, memory %.4g us, launch %.4g us\n",
                work.bytes / seconds / 1e9, work.bytes / seconds / bandwidth * 100, bandwidth / 1e9,
                std::string(to_string(time.bound())).c_str(), time.math * 1e6, time.memory * 1e6,
                time.launch * 1e6);
  result += text;
  if (!details.empty()) result += "how       " + details + "\n";
  result += "figures   " + provenance(question) + "\n";
  for (const std::string& remark : remarks(question, shape)) result += "note      " + remark + "\n";
  return result;
}

JsonValue to_json(const Question& question, const OpShape& shape, const OpTime& time) {
  const OpModel::Work work = question.model->work(shape);
  JsonValue parameters = json_object({});
  for (std::size_t i = 0; i < question.values.values.size(); ++i) {
    parameters.members.push_back(
        {std::string(question.model->parameters()[i].name), json_real(question.values.values[i])});
  }
  std::vector<JsonValue> notes;
  for (const std::string& remark : remarks(question, shape)) notes.push_back(json_string(remark));
  return json_object({{"device", json_string(question.device.name)},
                      {"op", json_string(question.op)},
                      {"predicted_s", json_real(time.seconds())},
                      {"bound", json_string(std::string(to_string(time.bound())))},
                      {"math_s", json_real(time.math)},
                      {"memory_s", json_real(time.memory)},
                      {"launch_s", json_real(time.launch)},
                      {"operations", json_real(work.operations)},
                      {"bytes", json_real(work.bytes)},
                      {"flops_per_s", json_real(work.operations / time.seconds())},
                      {"details", json_string(question.model->details(shape, question.device,
                                                                      question.values.values))},
                      {"parameters", std::move(parameters)},
                      {"fitted_on", json_string(question.values.device)},
                      {"transferred", json_boolean(question.values.transferred)},
                      {"provenance", json_string(provenance(question))},
                      {"notes", json_array(std::move(notes))}});
}

/// Names that a field of the op may have; nothing is read of others.
std::vector<std::string> known_fields(const OpModel& model) {
  std::vector<std::string> known = {"dtype"};
  if (!model.stored_as().empty()) known.emplace_back(model.stored_as());
  for (const OpSize& size : model.sizes()) known.emplace_back(size.name);
  return known;
}

/// Says which columns are not read, as a table may have others: measured times, say.
void note_columns(const OpModel& model, const OpTable& table) {
  if (table.rows.empty()) return;
  std::vector<std::string> known = known_fields(model);
  const std::string dtype = dtype_field(model, table.rows.front());
  std::string others;
  std::string nearest;
  for (const auto& [name, text] : table.rows.front()) {
    if (name == dtype || std::find(known.begin(), known.end(), name) != known.end()) continue;
    others += (others.empty() ? "" : ", ") + name;
    const std::string near = nearest_name(name, known);
    if (!near.empty() && !table.rows.front().contains(near)) {
      nearest += "; did you mean \"" + near + "\" by " + name + "?";
    }
  }
  if (!others.empty()) std::cerr << "note: columns not read: " << others << nearest << "\n";
  if (dtype.empty()) std::cerr << "note: no column of a dtype: all rows as bf16\n";
}

std::string to_csv(const Question& question, const OpTable& table) {
  std::string text = table.header + ",predicted_s,bound\n";
  char number[40];
  note_columns(*question.model, table);
  std::cerr << "figures: " << provenance(question) << "\n";
  std::map<std::string, std::size_t> said;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string where = table.place(row);
    const OpShape shape = shape_from(*question.model, table.rows[row], where);
    const OpTime time = question.time(shape, where);
    for (const std::string& remark : remarks(question, shape)) ++said[remark];
    std::snprintf(number, sizeof number, ",%.9g,", time.seconds());
    text += table.lines[row] + number + std::string(to_string(time.bound())) + "\n";
  }
  for (const auto& [remark, rows] : said) {
    std::cerr << "note, of " << rows << " of " << table.rows.size() << " rows: " << remark << "\n";
  }
  return text;
}

OpFields fields_from(std::span<const std::string> words, const OpModel& model) {
  const std::vector<std::string> known = known_fields(model);
  OpFields fields;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw UsageError("expected NAME=VALUE, got " + json_string(word).describe());
    }
    const std::string name = word.substr(0, equals);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string nearest = nearest_name(name, known);
      throw UsageError("no size is called " + json_string(name).describe() +
                       (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
    }
    if (!fields.emplace(name, word.substr(equals + 1)).second) {
      throw UsageError(name + " is given twice");
    }
  }
  return fields;
}

Question question_from(const std::string& device, const std::string& op) {
  const Registry<OpModelFactory> models = builtin_op_models();
  const auto& entry = op_named(models, op);
  const DataFolders data = find_data_folders();
  Question question{device_named(device, "DEVICE", open_catalog(data)), op, entry.make(), {}};
  question.values =
      values_for(op, *question.model, question.device, load_calibrations(data.calibration, models));
  return question;
}

}  // namespace

int cost_command(std::span<const std::string> words, const Builtins&) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const std::vector<std::string> more = more_arguments_of(options);
  if (more.empty()) throw UsageError("expected an OP behind the device (`orrery list ops`)");
  const Question question = question_from(argument_of(options), more.front());
  const auto sizes = std::span(more).subspan(1);
  if (options.count("csv") > 0) {
    if (!sizes.empty()) throw UsageError("expected sizes or --csv, got both");
    if (options.count("json") > 0) throw UsageError("expected --json or --csv, got both");
    print(to_csv(question, read_op_table(options["csv"].as<std::string>())));
    return 0;
  }
  const std::string where = question.op;
  const OpShape shape = shape_from(*question.model, fields_from(sizes, *question.model), where);
  const OpTime time = question.time(shape, where);
  print(options.count("json") > 0 ? to_text(to_json(question, shape, time), true) + "\n"
                                  : to_text(question, shape, time));
  return 0;
}

}  // namespace orrery
