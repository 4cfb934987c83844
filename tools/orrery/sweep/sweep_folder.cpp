#include "tools/orrery/sweep/sweep_folder.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/base/hash.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/output_folder.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// Nobody takes so long to write a result.
constexpr std::chrono::minutes kLeftBehind{10};

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    throw IoError("cannot create the folder " + path + ": " +
                  (error ? error.message() : "a file stands there"));
  }
}

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

JsonValue strings(const std::vector<std::string>& texts) {
  std::vector<JsonValue> items;
  for (const std::string& text : texts) items.push_back(json_string(text));
  return json_array(std::move(items));
}

std::vector<std::string> texts_at(const JsonValue& object, std::string_view key) {
  std::vector<std::string> result;
  if (const JsonValue* list = object.find(key)) {
    for (const JsonValue& item : list->items) result.push_back(item.string);
  }
  return result;
}

std::string row_text(const std::string& id, const PointOutcome& outcome) {
  JsonValue metrics = json_object({});
  for (const auto& [name, value] : outcome.metrics) {
    metrics.members.push_back({name, json_real(value)});
  }
  return to_text(json_object({{"id", json_string(id)},
                              {"status", json_string(outcome.status)},
                              {"exit_code", json_integer(outcome.exit_code)},
                              {"error", json_string(outcome.error)},
                              {"metrics", std::move(metrics)}}),
                 false);
}

/// The first line of a result. Of fixed form, as nothing that is broken may be parsed.
std::string header_of(const std::string& body) {
  return R"({"orrery_point":1,"bytes":)" + std::to_string(body.size()) + R"(,"fnv1a":")" +
         fnv1a_hex(body) + "\"}\n";
}

}  // namespace

std::optional<double> PointRow::metric(const std::string& name) const {
  bool has_exposed = false;
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
    has_exposed = has_exposed || key == "exposed_communication_s";
  }
  // A result names the categories that have exposed communication, and no others.
  if (has_exposed && name.starts_with("exposed_") && name.ends_with("_s")) return 0;
  return std::nullopt;
}

void SweepFolder::open(const SweepFile& file, bool adopt) const {
  expect(file, adopt);
  const std::string whole = to_text(file.whole, true) + "\n";
  if (text_of(path_of("sweep.json")) == whole) return;
  make_folder(path_of("points"));
  write_file(path_of("sweep.json"), whole);
}

void SweepFolder::expect(const SweepFile& file, bool adopt) const {
  const std::optional<std::string> there = text_of(path_of("sweep.json"));
  if (there && !adopt && there != to_text(file.whole, true) + "\n") {
    throw UsageError(path_ + " holds the results of another sweep (its sweep.json is not " +
                     file.path +
                     "); choose another folder with --out, or take it over with --adopt: points "
                     "that both have are kept");
  }
}

void SweepFolder::write_plan(const std::vector<std::string>& columns,
                             const std::vector<PlannedPoint>& points) const {
  std::string text =
      to_text(json_object({{"orrery_points", json_integer(1)}, {"columns", strings(columns)}}),
              false) +
      "\n";
  for (const PlannedPoint& point : points) {
    text += to_text(json_object({{"id", json_string(point.id)}, {"labels", strings(point.labels)}}),
                    false);
    text += "\n";
  }
  if (text_of(path_of("points.jsonl")) != text) write_file(path_of("points.jsonl"), text);
}

SweepFolder::Plan SweepFolder::read_plan() const {
  const std::string path = path_of("points.jsonl");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw UsageError(path_ + " is no folder of a sweep: it has no points.jsonl");
  Plan plan;
  std::string line;
  std::getline(stream, line);
  const JsonValue head = parse_json(line, path);
  if (head.find("orrery_points") == nullptr) {
    throw UsageError(path + " was not written by `orrery sweep`");
  }
  plan.columns = texts_at(head, "columns");
  while (std::getline(stream, line)) {
    const JsonValue point = parse_json(line, path);
    const JsonValue* id = point.find("id");
    PlannedPoint planned{id == nullptr ? "" : id->string, texts_at(point, "labels")};
    if (planned.id.size() != 16 || planned.labels.size() != plan.columns.size()) {
      throw UsageError(path + " is damaged; `orrery sweep` on this folder writes it anew");
    }
    plan.points.push_back(std::move(planned));
  }
  return plan;
}

void SweepFolder::write_result(const std::string& id, const PointOutcome& outcome) const {
  make_folder(folder_of(id));
  const std::string body = row_text(id, outcome) + "\n" + outcome.result + "\n";
  write_file(file_of(id), header_of(body) + body);
}

std::optional<PointRow> SweepFolder::read_result(const std::string& id) const {
  const std::optional<std::string> text = text_of(file_of(id));
  if (!text) return std::nullopt;
  const std::size_t end = text->find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string body = text->substr(end + 1);
  if (text->compare(0, end + 1, header_of(body)) != 0) return std::nullopt;
  const JsonValue row = parse_json(std::string_view(body).substr(0, body.find('\n')), file_of(id));
  PointRow result;
  result.status = row.find("status")->string;
  result.exit_code = static_cast<int>(row.find("exit_code")->integer);
  result.error = row.find("error")->string;
  for (const auto& [name, value] : row.find("metrics")->members) {
    result.metrics.emplace_back(name, value.real);
  }
  return result;
}

void SweepFolder::remove_temporary_files() const {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& folder : fs::directory_iterator(path_of("points"), error)) {
    for (const auto& entry : fs::directory_iterator(folder.path(), error)) {
      const bool is_temporary =
          entry.path().filename().string().find(".jsonl.tmp") != std::string::npos;
      if (is_temporary && now - entry.last_write_time(error) > kLeftBehind) {
        fs::remove(entry.path(), error);
      }
    }
  }
}

}  // namespace orrery
