#include "dump/bundle.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace ntstack::dump {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

// Members of an object, by type; what is not there or of another type is the fallback.
std::string text(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class T>
T number(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned()) {
    const auto value = found->get<std::uint64_t>();
    return value <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())
               ? static_cast<T>(value)
               : T{0};
  }
  const auto value = found->get<std::int64_t>();
  return value >= static_cast<std::int64_t>(std::numeric_limits<T>::min()) ? static_cast<T>(value)
                                                                           : T{0};
}

std::optional<std::uint64_t> hex(const Json& json, const char* name) {
  const std::string digits = text(json, name);
  if (!digits.starts_with("0x")) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data() + 2, end, value, 16);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

const Json& list(const Json& json, const char* name) {
  static const Json kNone = Json::array();
  const auto found = json.find(name);
  return found != json.end() && found->is_array() ? *found : kNone;
}

const Json& object(const Json& json, const char* name) {
  static const Json kNone = Json::object();
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? *found : kNone;
}

const char* name_of(BundleFileKind kind) {
  switch (kind) {
    case BundleFileKind::triage:
      return "triage";
    case BundleFileKind::kernel_stacks:
      return "kernel_stacks";
    case BundleFileKind::live:
      return "live";
    case BundleFileKind::user:
      return "user";
    case BundleFileKind::other:
      break;
  }
  return "other";
}

BundleFileKind kind_of(std::string_view name) {
  for (const BundleFileKind kind : {BundleFileKind::triage, BundleFileKind::kernel_stacks,
                                    BundleFileKind::live, BundleFileKind::user}) {
    if (name == name_of(kind)) return kind;
  }
  return BundleFileKind::other;
}

base::Architecture architecture_of(std::string_view name) {
  using enum base::Architecture;
  for (const base::Architecture one : {x86, x64, arm64}) {
    if (name == base::name_of(one)) return one;
  }
  return unknown;
}

BundleMachine machine_of(const Json& json) {
  BundleMachine machine;
  machine.name = text(json, "name");
  machine.version = text(json, "version");
  machine.architecture = architecture_of(text(json, "architecture"));
  machine.processors = number<std::uint32_t>(json, "processors");
  machine.physical_memory = number<std::uint64_t>(json, "physical_memory");
  machine.boot_time = hex(json, "boot_time").value_or(0);
  return machine;
}

BundleProcess process_of(const Json& json) {
  BundleProcess process;
  process.id = number<std::uint32_t>(json, "id");
  process.parent_id = number<std::uint32_t>(json, "parent_id");
  process.session = number<std::uint32_t>(json, "session");
  process.name = text(json, "name");
  process.create_time = hex(json, "create_time").value_or(0);
  return process;
}

BundleFile file_of(const Json& json) {
  BundleFile file;
  file.name = text(json, "name");
  file.kind = kind_of(text(json, "kind"));
  file.contents = text(json, "contents");
  file.size = number<std::uint64_t>(json, "size");
  file.started = hex(json, "started").value_or(0);
  file.milliseconds = number<std::uint64_t>(json, "milliseconds");
  file.asked = number<std::uint32_t>(json, "asked");
  file.captured = number<std::uint32_t>(json, "captured");
  const auto still = json.find("stood_still_us");
  if (still != json.end() && still->is_number_unsigned())
    file.stood_still_us = still->get<std::uint64_t>();
  return file;
}

BundleThread thread_of(const Json& json) {
  BundleThread thread;
  thread.id = number<std::uint32_t>(json, "id");
  thread.object = hex(json, "object").value_or(0);
  thread.create_time = hex(json, "create_time").value_or(0);
  thread.name = text(json, "name");
  thread.state = text(json, "state");
  thread.wait_reason = text(json, "wait_reason");
  thread.priority = number<std::int32_t>(json, "priority");
  thread.context_switches = number<std::uint32_t>(json, "context_switches");
  if (std::string file = text(json, "file"); !file.empty()) thread.file = std::move(file);
  if (const auto status = hex(json, "status"); status && *status <= UINT32_MAX)
    thread.status = static_cast<std::uint32_t>(*status);
  thread.outcome = text(json, "outcome");
  thread.reason = text(json, "reason");
  return thread;
}

Json or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }
Json hex_or_null(std::uint64_t value) {
  return value == 0 ? Json(nullptr) : Json(base::hex_text(value));
}

Json json_of(const BundleFile& file) {
  Json json;
  json["name"] = file.name;
  json["kind"] = name_of(file.kind);
  json["contents"] = or_null(file.contents);
  json["size"] = file.size;
  json["started"] = hex_or_null(file.started);
  json["milliseconds"] = file.milliseconds;
  json["asked"] = file.asked;
  json["captured"] = file.captured;
  json["stood_still_us"] = file.stood_still_us ? Json(*file.stood_still_us) : Json(nullptr);
  return json;
}

Json json_of(const BundleThread& thread) {
  Json json;
  json["id"] = thread.id;
  json["object"] = hex_or_null(thread.object);
  json["create_time"] = hex_or_null(thread.create_time);
  json["name"] = or_null(thread.name);
  json["state"] = or_null(thread.state);
  json["wait_reason"] = or_null(thread.wait_reason);
  json["priority"] = thread.priority;
  json["context_switches"] = thread.context_switches;
  json["file"] = thread.file ? Json(*thread.file) : Json(nullptr);
  json["status"] = thread.status ? Json(base::hex_text(*thread.status)) : Json(nullptr);
  json["outcome"] = thread.outcome;
  json["reason"] = or_null(thread.reason);
  return json;
}

Json json_of(const BundleMachine& machine) {
  return {{"name", or_null(machine.name)},
          {"version", or_null(machine.version)},
          {"architecture", base::name_of(machine.architecture)},
          {"processors", machine.processors},
          {"physical_memory", machine.physical_memory},
          {"boot_time", hex_or_null(machine.boot_time)}};
}

Json json_of(const BundleProcess& process) {
  return {{"id", process.id},
          {"parent_id", process.parent_id},
          {"session", process.session},
          {"name", process.name},
          {"create_time", hex_or_null(process.create_time)}};
}

}  // namespace

bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
  return std::ranges::none_of(name, [](char c) {
    return c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20;
  });
}

base::Result<Bundle> parse_bundle(base::Bytes json) {
  if (json.size() > kMostBytes)
    return base::fail("{} is larger than any that is written", kBundleFile);
  const auto* begin = reinterpret_cast<const char*>(json.data());
  const Json parsed = Json::parse(begin, begin + json.size(), nullptr, false);
  if (!parsed.is_object() || object(parsed, "capture").empty())
    return base::fail("{} is not what ntstack capture writes", kBundleFile);
  const Json& capture = object(parsed, "capture");
  Bundle bundle;
  bundle.version = number<std::uint32_t>(capture, "version");
  if (bundle.version == 0 || bundle.version > kVersion)
    return base::fail("{} is of version {}, and this program reads version {}", kBundleFile,
                      bundle.version, kVersion);
  bundle.program = text(capture, "program");
  bundle.machine = machine_of(object(capture, "machine"));
  bundle.process = process_of(object(capture, "process"));
  bundle.started = hex(capture, "started").value_or(0);
  bundle.ended = hex(capture, "ended").value_or(0);
  if (const auto cut = capture.find("cut_short"); cut != capture.end() && cut->is_boolean())
    bundle.is_cut_short = cut->get<bool>();
  for (const Json& one : list(capture, "files")) {
    if (!one.is_object()) continue;
    if (BundleFile file = file_of(one); is_plain_file_name(file.name))
      bundle.files.push_back(std::move(file));
  }
  for (const Json& one : list(capture, "threads")) {
    if (one.is_object()) bundle.threads.push_back(thread_of(one));
  }
  for (const Json& one : list(capture, "notes")) {
    if (one.is_string()) bundle.notes.push_back(one.get<std::string>());
  }
  return bundle;
}

std::string bundle_json(const Bundle& bundle) {
  Json capture;
  capture["version"] = bundle.version;
  capture["program"] = bundle.program;
  capture["machine"] = json_of(bundle.machine);
  capture["process"] = json_of(bundle.process);
  capture["started"] = hex_or_null(bundle.started);
  capture["ended"] = hex_or_null(bundle.ended);
  capture["cut_short"] = bundle.is_cut_short;
  capture["files"] = Json::array();
  for (const BundleFile& file : bundle.files) capture["files"].push_back(json_of(file));
  capture["threads"] = Json::array();
  for (const BundleThread& thread : bundle.threads) capture["threads"].push_back(json_of(thread));
  capture["notes"] = bundle.notes;
  Json document;
  document["capture"] = std::move(capture);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::dump
