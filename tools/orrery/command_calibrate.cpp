#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "models/cost/calibration.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/base/unit_text.hpp"
#include "tools/orrery/calibrations.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/measured_rows.hpp"
#include "tools/orrery/op_fit.hpp"
#include "tools/orrery/op_table.hpp"
#include "traces/atomic_file.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery calibrate DEVICE OP --measured FILE [options]\n\n"
    "Fits the figures of an op's model to measured times and shows how well it does on rows that\n"
    "were not fitted. The first line of the file names the columns: the sizes of the op\n"
    "(`orrery list ops`), a \"dtype\" column if not all are bf16, and measured_s, or the column "
    "of\n"
    "--milliseconds. A row is judged, not fitted, when the CRC-32 of its sizes, joined by commas, "
    "is\n"
    "a multiple of --judge. A .json file is one that kernels/calibrate wrote: rows of other "
    "kernels,\n"
    "those beside others, those on some of the cores alone (\"sms\"), those that did not settle\n"
    "(\"stable\"), those of other work (\"flops\") and formats that the device has not are left "
    "out, with\n"
    "a note; sizes that the op does not know are not looked at; a file of a device with other "
    "cores "
    "is\n"
    "refused. Figures that end at a bound and large errors are warned of. With --out the op is "
    "written\n"
    "into that file of calibrations, which may hold others already; a calibration in "
    "hw/calibration is what the cost model \"calibrated\" "
    "reads.\n\n"
    "example\n"
    "  orrery calibrate h100_sxm gemm --measured gemm.csv --milliseconds latency \\\n"
    "                   --source \"my own, cuBLAS 12.4\" --out h100_sxm.json\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "calibrate", .argument = "DEVICE", .required = true, .more = "OP", .options = {}};
  syntax.options.add_options()("help,h", "this text")("measured", po::value<std::string>(),
                                                      "measured times")(
      "milliseconds", po::value<std::string>(), "the column with the times, in ms")(
      "kernel", po::value<std::string>()->default_value(""),
      "the kernel to fit, where a file of kernels/calibrate has several for one shape")(
      "judge", po::value<int>()->default_value(4), "one row in so many is judged; 0: none")(
      "source", po::value<std::string>()->default_value(""),
      "where the times are from; without it what a .json file says")(
      "stays", po::value<std::string>()->default_value(""),
      "why these figures say nothing of other devices, which then take others")(
      "out", po::value<std::string>(), "the file to write the op into");
  return syntax;
}

std::string to_text(const OpModel& model, const OpCalibration& fit, const FitReport& report) {
  std::string text;
  char line[300];
  for (std::size_t i = 0; i < fit.values.size(); ++i) {
    const OpParameter& parameter = model.parameters()[i];
    std::snprintf(line, sizeof line, "%-22s %10.4g   %s\n", std::string(parameter.name).c_str(),
                  fit.values[i], std::string(parameter.about).c_str());
    text += line;
  }
  const auto add = [&](const std::string& name, const OpError& error) {
    if (error.samples == 0) {
      text += name + std::string(23 - std::min<std::size_t>(22, name.size()), ' ') + "no rows\n";
      return;
    }
    std::snprintf(line, sizeof line,
                  "%-22s %6zu rows: error median %5.1f %%, p90 %5.1f %%, largest %5.0f %%\n",
                  name.c_str(), error.samples, error.median * 100, error.percentile_90 * 100,
                  error.maximum * 100);
    text += line;
  };
  add("fitted", report.fitted);
  add("judged", report.judged);
  for (const auto& [name, error] : report.regions) add("judged, " + name + "-bound", error);
  return text;
}

/// The file of calibrations as it is, or an empty one for the device.
JsonValue calibrations_in(const std::string& path, const DeviceSpec& device) {
  if (std::filesystem::exists(path)) {
    JsonValue document = load_json(path, path);
    const JsonValue* of = document.find("device");
    if (of == nullptr || of->string != device.name || document.find("ops") == nullptr) {
      throw UsageError("--out: " + path + " is no file of calibrations of " + device.name);
    }
    return document;
  }
  return json_object(
      {{"description",
        json_string("What `orrery calibrate` fitted to times measured on " + device.name + ".")},
       {"device", json_string(device.name)},
       {"architecture", json_string(device.architecture)},
       {"core_rate",
        json_string(std::to_string(static_cast<std::int64_t>(*scaling_rate(device))) + " FLOP/s")},
       {"clock",
        json_string(std::to_string(static_cast<std::int64_t>(device.clock.count())) + " Hz")},
       {"memory_share", json_real(device.memory_efficiency)},
       {"ops", json_object({})}});
}

/// Where --out leads: opened before the fit, so that one that cannot be written is known at once.
class Output {
 public:
  Output(const std::string& path, const DeviceSpec& device)
      : document_(calibrations_in(path, device)), file_(path) {}
  void write(const std::string& op, JsonValue entry) {
    const std::string mistake = set_at(document_, "/ops/" + pointer_token(op), std::move(entry));
    ORRERY_CHECK(mistake.empty(), "an op could not be put into its file: " + mistake);
    file_.write(to_text(document_, true) + "\n");
    file_.commit();
  }

 private:
  JsonValue document_;
  AtomicFile file_;
};

/// Shows on stderr how far a fit is that takes long, when that is a terminal.
class FitProgress {
 public:
  ~FitProgress() {
    if (has_shown_) std::cerr << "\r\033[K" << std::flush;
  }
  void show(double share) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now - last_ < std::chrono::milliseconds(500)) return;
    last_ = now;
    has_shown_ = true;
    std::cerr << "\rfitting: " << static_cast<int>(100 * share) << " % of the tries" << std::flush;
  }

 private:
  bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  bool has_shown_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// Half of the rows off by more: the model does not hold for them.
constexpr double kLargeError = 0.3;

/// What a reader of the fit must know, a sentence each.
std::vector<std::string> warnings_of(const OpModel& model, std::span<const double> values,
                                     const FitReport& report) {
  std::vector<std::string> all;
  char line[200];
  for (std::size_t i = 0; i < values.size(); ++i) {
    const OpParameter& parameter = model.parameters()[i];
    const double edge = 1e-3 * values[i];
    const bool low = values[i] - parameter.lower < edge;
    if (!low && parameter.upper - values[i] > edge) continue;
    std::snprintf(line, sizeof line, "%s ended at its %s bound, %g: the times ask for %s",
                  std::string(parameter.name).c_str(), low ? "lower" : "upper",
                  low ? parameter.lower : parameter.upper, low ? "less" : "more");
    all.emplace_back(line);
  }
  const OpError& error = report.judged.samples > 0 ? report.judged : report.fitted;
  if (error.median > kLargeError) {
    std::snprintf(line, sizeof line,
                  "half of the rows are off by more than %.0f %%: the model does not hold for them",
                  error.median * 100);
    all.emplace_back(line);
  }
  if (report.judged.samples == 0) all.emplace_back("no row was judged: the errors are of the fit");
  return all;
}

struct Measured {
  std::vector<OpSample> samples;
  std::string origin;  // as the file has it
};

/// The samples of the file, with a note on stderr of what is left out.
Measured samples_of(const po::variables_map& options, const std::string& op, const OpModel& model,
                    const DeviceSpec& device) {
  const std::string path = options["measured"].as<std::string>();
  const bool milliseconds = options.count("milliseconds") > 0;
  const TimeColumn column{milliseconds ? options["milliseconds"].as<std::string>() : "measured_s",
                          milliseconds ? 1e-3 : 1};
  const MeasuredRows rows =
      rows_of(path.ends_with(".json") ? read_op_rows(path) : read_op_table(path), op, model, device,
              options["kernel"].as<std::string>());
  std::vector<OpSample> samples =
      samples_from(rows.table, model, device, column, options["judge"].as<int>());
  for (const std::string& note : rows.notes) std::cerr << path << ": " << note << std::endl;
  const auto fitted = static_cast<std::size_t>(std::count_if(
      samples.begin(), samples.end(), [](const OpSample& sample) { return !sample.judged; }));
  if (fitted < model.parameters().size()) {
    throw UsageError(path + ": expected at least " + std::to_string(model.parameters().size()) +
                     " rows to fit, as " + op + " has so many parameters, got " +
                     std::to_string(fitted));
  }
  return {std::move(samples), rows.table.origin};
}

}  // namespace

int calibrate_command(std::span<const std::string> words, const Builtins&) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const std::vector<std::string> more = more_arguments_of(options);
  const Registry<OpModelFactory> models = builtin_op_models();
  if (more.size() != 1) throw UsageError("expected one OP behind the device (`orrery list ops`)");
  const auto& entry = op_named(models, more.front());
  if (options.count("measured") == 0)
    throw UsageError("expected --measured FILE with measured times");
  const int judge = options["judge"].as<int>();
  if (judge < 0 || judge == 1) {
    throw UsageError("--judge: expected 0 or 2 and more, as with 1 no row is left to fit, got " +
                     std::to_string(judge));
  }
  const std::unique_ptr<OpModel> model = entry.make();
  if (model->parameters().empty() || !model->fitted_as().empty()) {
    throw UsageError(entry.name + " has no parameters of its own to fit");
  }
  const DeviceSpec device =
      device_named(argument_of(options), "DEVICE", open_catalog(find_data_folders()));
  if (!scaling_rate(device)) {
    throw UsageError(device.name + " needs a bf16 or fp16 peak rate and cores to be calibrated");
  }
  const auto [samples, origin] = samples_of(options, entry.name, *model, device);
  const std::string source = options["source"].as<std::string>();
  std::optional<Output> output;
  if (options.count("out") > 0) output.emplace(options["out"].as<std::string>(), device);
  std::vector<double> start;
  for (const OpParameter& parameter : model->parameters()) start.push_back(parameter.start);
  FitProgress progress;
  OpCalibration fit{fit_op(*model, device, samples, std::move(start),
                           [&](double share) { progress.show(share); }),
                    source.empty() ? origin : source,
                    {},
                    options["stays"].as<std::string>()};
  const FitReport report = report_of(*model, device, fit.values, samples);
  print(to_text(*model, fit, report));
  for (const std::string& warning : warnings_of(*model, fit.values, report)) {
    std::cerr << "warning: " << warning << std::endl;
  }
  if (output) {
    const std::string split =
        "a row is judged, not fitted, when the CRC-32 of its sizes, joined by "
        "commas, is a multiple of " +
        std::to_string(judge);
    output->write(entry.name, to_json(*model, fit, report, split));
  }
  return 0;
}

}  // namespace orrery
