#include "report/batch_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/exception_of.h"
#include "base/text.h"
#include "report/json_parts.h"
#include "report/times.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json file_json(const BatchFile& file) {
  Json json;
  json["schema_version"] = kSchemaVersion;
  json["type"] = "dump";
  json["path"] = file.path;
  json["size"] = file.size;
  json["modified"] = file.modified;
  return json;
}

// What stands where there is no answer: the same fields, null.
constexpr const char* kAnswers[] = {
    "kind",   "architecture", "build",      "system_time", "happened", "code",   "bugcheck",
    "module", "symbol",       "confidence", "signature",   "guesses",  "frames", "findings"};

void add_what_happened(const AnalysisFacts& facts, Json& json) {
  json["happened"] = analysis::name_of(facts.analysis.happened);
  json["code"] = json["bugcheck"] = nullptr;
  if (const Json bugcheck = bugcheck_json(facts.of); !bugcheck.is_null()) {
    json["code"] = bugcheck["code"];
    json["bugcheck"] = bugcheck["name"];
  } else if (const auto exception = analysis::exception_of(facts.of.machine)) {
    json["code"] = base::hex_text(exception->code);
  }
}

void add_who(const analysis::Analysis& analysis, Json& json) {
  const bool blamed = analysis.is_crash();
  json["module"] = blamed ? text_or_null(analysis.blame.module) : Json(nullptr);
  json["symbol"] = blamed ? text_or_null(analysis.blame.symbol) : Json(nullptr);
  json["confidence"] = blamed ? Json(analysis::name_of(analysis.blame.confidence)) : Json(nullptr);
  const auto& signature = analysis.signature;
  json["signature"] = signature ? Json(signature->hash) : Json(nullptr);
  json["guesses"] = signature ? Json(signature->has_guesses) : Json(nullptr);
  json["frames"] = nullptr;
  // The signature's first line is what happened.
  if (signature && !signature->lines.empty())
    json["frames"] = texts_json({signature->lines.begin() + 1, signature->lines.end()});
}

std::string text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class Number>
Number number_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<Number>() : Number{0};
}

void read_lists(const Json& json, BatchResult& result) {
  if (const auto frames = json.find("frames"); frames != json.end() && frames->is_array())
    for (const Json& frame : *frames)
      if (frame.is_string()) result.frames.push_back(frame.get<std::string>());
  if (const auto list = json.find("findings"); list != json.end() && list->is_array())
    for (const Json& each : *list)
      if (each.is_object())
        result.findings.push_back(
            {text_in(each, "kind"), text_in(each, "sentence"), text_in(each, "confidence")});
}

std::string title_of(const BatchGroup& group) {
  std::string out = group.bugcheck.empty() ? group.happened : group.bugcheck;
  if (!group.module.empty()) out += ", " + base::printable(group.module);
  if (!group.symbol.empty()) out += fmt::format(" ({})", base::printable(group.symbol));
  return out;
}

}  // namespace

std::string batch_line(const BatchFile& file, const AnalysisFacts& facts,
                       std::uint64_t milliseconds) {
  Json json = file_json(file);
  json["error"] = nullptr;
  json["milliseconds"] = milliseconds;
  const dump::Dump& dump = facts.of.dump;
  json["kind"] = dump::name_of(dump.kind);
  json["architecture"] = base::name_of(dump.architecture);
  json["build"] = facts.of.machine.kernel().build();
  json["system_time"] = dump.system_time ? Json(time_text(*dump.system_time)) : Json(nullptr);
  add_what_happened(facts, json);
  add_who(facts.analysis, json);
  json["findings"] = Json::array();
  for (const analysis::Finding& each : facts.analysis.findings)
    json["findings"].push_back({{"kind", each.kind},
                                {"sentence", base::printable(each.sentence)},
                                {"confidence", analysis::name_of(each.confidence)}});
  return line_of(json);
}

std::string batch_line(const BatchFile& file, const BatchFailure& failure,
                       std::uint64_t milliseconds) {
  Json json = file_json(file);
  json["error"] = {{"kind", failure.kind}, {"sentence", base::printable(failure.sentence)}};
  json["milliseconds"] = milliseconds;
  for (const char* name : kAnswers) json[name] = nullptr;
  return line_of(json);
}

base::Result<BatchResult> read_batch_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || text_in(json, "type") != "dump" ||
      number_in<int>(json, "schema_version") != kSchemaVersion)
    return base::fail("this is no line of a dump that batch wrote");
  BatchResult result;
  result.file = {text_in(json, "path"), number_in<std::uint64_t>(json, "size"),
                 number_in<std::int64_t>(json, "modified")};
  if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
    result.failure = text_in(*error, "kind");
    result.failure_sentence = text_in(*error, "sentence");
  }
  result.kind = text_in(json, "kind");
  result.happened = text_in(json, "happened");
  result.code = text_in(json, "code");
  result.bugcheck = text_in(json, "bugcheck");
  result.module = text_in(json, "module");
  result.symbol = text_in(json, "symbol");
  result.confidence = text_in(json, "confidence");
  result.signature = text_in(json, "signature");
  if (std::string time = text_in(json, "system_time"); !time.empty())
    result.system_time = std::move(time);
  result.build = number_in<std::uint64_t>(json, "build");
  result.milliseconds = number_in<std::uint64_t>(json, "milliseconds");
  if (const auto guesses = json.find("guesses"); guesses != json.end() && guesses->is_boolean())
    result.has_guesses = guesses->get<bool>();
  read_lists(json, result);
  return result;
}

void BatchSummary::add(const BatchResult& result) {
  ++dumps_;
  if (!result.failure.empty()) {
    ++failed_;
    ++failures_[result.failure];
    return;
  }
  const std::string& key = result.signature.empty() ? result.happened : result.signature;
  const auto [at, is_new] = groups_.try_emplace(key);
  BatchGroup& group = at->second;
  if (is_new)
    group = {result.signature,
             result.happened,
             result.bugcheck.empty() ? result.code : result.bugcheck,
             result.module,
             result.symbol,
             0,
             {}};
  ++group.dumps;
  if (group.examples.size() < kMostExamples) group.examples.push_back(result.file.path);
}

std::vector<BatchGroup> BatchSummary::groups() const {
  std::vector<BatchGroup> groups;
  for (const auto& [key, group] : groups_) groups.push_back(group);
  std::ranges::stable_sort(groups, std::greater{}, &BatchGroup::dumps);
  return groups;
}

std::string BatchSummary::text(std::size_t most) const {
  std::string out =
      fmt::format("{} dump{}, {} without an answer", dumps_, dumps_ == 1 ? "" : "s", failed_);
  for (const auto& [kind, count] : failures_) out += fmt::format(", {} {}", kind, count);
  out += "\n";
  const std::vector<BatchGroup> all = groups();
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i) {
    const BatchGroup& group = all[i];
    out += fmt::format("{:8}  {:16}  {}\n", group.dumps,
                       group.signature.empty() ? "no signature" : group.signature, title_of(group));
    for (const std::string& example : group.examples)
      out += fmt::format("          {}\n", base::printable(example));
  }
  if (all.size() > most) out += fmt::format("and {} other signatures\n", all.size() - most);
  return out;
}

std::string BatchSummary::line() const {
  Json json;
  json["schema_version"] = kSchemaVersion;
  json["type"] = "summary";
  json["dumps"] = dumps_;
  json["failed"] = failed_;
  json["failures"] = Json::array();
  for (const auto& [kind, count] : failures_)
    json["failures"].push_back({{"kind", kind}, {"count", count}});
  json["groups"] = Json::array();
  for (const BatchGroup& group : groups())
    json["groups"].push_back({{"signature", text_or_null(group.signature)},
                              {"happened", group.happened},
                              {"bugcheck", text_or_null(group.bugcheck)},
                              {"module", text_or_null(group.module)},
                              {"symbol", text_or_null(group.symbol)},
                              {"dumps", group.dumps},
                              {"examples", group.examples}});
  return line_of(json);
}

}  // namespace ntstack::report
