#include "report/json.h"

#include <nlohmann/json.hpp>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_values.h"
#include "base/text.h"
#include "dump/header.h"
#include "report/captures.h"
#include "report/frame_text.h"
#include "report/json_lists.h"
#include "report/json_parts.h"
#include "report/offset_lines.h"
#include "report/symbol_files.h"
#include "target/facts.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using base::hex_text;

constexpr int kSchemaVersion = 1;

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}
std::string document(const Json& json) { return text_of(json) + "\n"; }

// Strings have no line breaks of their own in JSON: every one begins a line.
void append_indented(std::string_view text, std::size_t spaces, std::string& out) {
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find('\n', at);
    out += text.substr(at, end - at);
    if (end == std::string_view::npos) return;
    out += '\n';
    out.append(spaces, ' ');
    at = end + 1;
  }
}

Json hex_or_null(const std::optional<std::uint64_t>& value) {
  return value ? Json(hex_text(*value)) : Json(nullptr);
}

Json dump_json(const DumpFacts& facts) {
  const dump::Dump& dump = facts.dump;
  Json json;
  json["file"] = facts.file_name;
  json["kind"] = dump::name_of(dump.kind);
  json["architecture"] = base::name_of(dump.architecture);
  json["build"] = facts.machine.kernel().build();
  json["processor_count"] = facts.machine.kernel().processor_count();
  json["system_time"] = hex_or_null(dump.system_time);
  json["up_time"] = hex_or_null(dump.up_time);
  json["comment"] = text_or_null(dump.comment);
  json["dump_type"] = or_null(dump.dump_type);
  json["live"] = (dump.attributes & dump::attribute_live_dump) != 0;
  json["physical_bytes"] = dump.physical ? Json(dump.physical_bytes) : Json(nullptr);
  json["directory_table_base"] =
      dump.directory_table_base != 0 ? Json(hex_text(dump.directory_table_base)) : Json(nullptr);
  return json;
}

Json address_or_null(std::uint64_t address) {
  return address != 0 ? Json(hex_text(address)) : Json(nullptr);
}

// What of the kernel was found, and how.
Json kernel_json(const target::Kernel& kernel) {
  Json json;
  json["base"] = address_or_null(kernel.base());
  json["found_by"] = text_or_null(kernel.base_found_by());
  json["build"] = kernel.build() != 0 ? Json(kernel.build()) : Json(nullptr);
  json["build_found_by"] = text_or_null(kernel.build_found_by());
  json["loaded_module_list"] = address_or_null(kernel.loaded_module_list());
  json["active_process_head"] = address_or_null(kernel.active_process_head());
  json["kdbg"] = nullptr;
  if (kernel.kdbg()) {
    json["kdbg"] = {{"address", address_or_null(kernel.kdbg_address())},
                    {"size", kernel.kdbg()->size()},
                    {"encoded", kernel.kdbg_was_encoded()},
                    {"found_by", kernel.kdbg_found_by()}};
  }
  json["page_tables"] = nullptr;
  if (const memory::PageTables* tables = kernel.page_tables()) {
    json["page_tables"] = {{"root", hex_text(tables->root())},
                           {"paging", memory::name_of(tables->paging())},
                           {"found_by", kernel.tables_found_by()}};
  }
  return json;
}

Json bugcheck_json(const dump::Dump& dump) {
  if (!dump.bugcheck) return nullptr;
  const analysis::BugcheckMeaning* meaning = analysis::bugcheck_meaning(dump.bugcheck->code);
  Json json;
  json["code"] = hex_text(dump.bugcheck->code);
  json["name"] = text_or_null(meaning ? meaning->name : "");
  json["meaning"] = text_or_null(meaning ? meaning->sentence : "");
  json["parameters"] = Json::array();
  json["parameter_meanings"] = Json::array();
  json["parameter_values"] = Json::array();
  for (std::size_t i = 0; i < 4; ++i) {
    json["parameters"].push_back(hex_text(dump.bugcheck->parameters[i]));
    json["parameter_meanings"].push_back(text_or_null(meaning ? meaning->parameters[i] : ""));
    json["parameter_values"].push_back(
        text_or_null(analysis::parameter_words(*dump.bugcheck, i, dump.architecture)));
  }
  return json;
}

Json exception_json(const dump::Dump& dump, const std::optional<dump::ExceptionRecord>& exception) {
  if (!exception) return nullptr;
  Json json;
  json["code"] = hex_text(exception->code);
  json["flags"] = hex_text(exception->flags);
  json["address"] = hex_text(exception->address);
  json["parameters"] = Json::array();
  for (const std::uint64_t value : exception->parameters)
    json["parameters"].push_back(hex_text(value));
  json["thread_id"] = or_null(dump.exception_thread_id);
  return json;
}

Json module_list(const DumpFacts& facts) {
  Json list = Json::array();
  for (const dump::ModuleRecord& module : facts.machine.kernel().modules()) {
    const std::string path = base::printable(module.path);
    Json json;
    json["name"] = base::file_name_of(path);
    json["path"] = path;
    json["base"] = hex_text(module.base);
    json["size"] = module.size;
    json["timestamp"] = module.timestamp;
    json["checksum"] = module.checksum;
    if (module.in_session_space) json["session_space"] = true;
    if (module.pdb_guid) {
      json["pdb"] = {{"name", base::printable(base::file_name_of(module.pdb_name))},
                     {"guid", module.pdb_guid->text()},
                     {"age", module.pdb_age}};
    } else {
      json["pdb"] = nullptr;
    }
    list.push_back(std::move(json));
  }
  return list;
}

Json unloaded_list(const DumpFacts& facts) {
  Json list = Json::array();
  for (const dump::UnloadedModuleRecord& module : facts.machine.kernel().unloaded_modules()) {
    list.push_back({{"name", base::printable(module.name)},
                    {"begin", hex_text(module.begin)},
                    {"end", hex_text(module.end)}});
  }
  return list;
}

Json secondary_list(const dump::Dump& dump) {
  Json list = Json::array();
  for (const dump::SecondaryData& data : dump.secondary) {
    list.push_back({{"tag", data.tag.text()}, {"size", data.bytes.size()}});
  }
  return list;
}

Json processor_list(const target::Machine& machine) {
  Json list = Json::array();
  for (const target::Processor& processor : machine.processors()) {
    list.push_back({{"number", processor.number},
                    {"prcb", processor.prcb ? Json(hex_text(processor.prcb)) : Json(nullptr)},
                    {"current_thread", hex_text(processor.current_thread)},
                    {"idle_thread", hex_text(processor.idle_thread)},
                    {"crashed", processor.crashed},
                    {"has_context", !processor.context.empty()}});
  }
  return list;
}

Json thread_json(const target::Machine& machine, const target::Thread* thread) {
  if (!thread) return nullptr;
  const target::ThreadFacts facts = read_thread_facts(machine, *thread);
  Json json;
  json["id"] = or_null(thread->id);
  json["address"] = thread->address ? Json(hex_text(thread->address)) : Json(nullptr);
  json["name"] = text_or_null(thread->name);
  json["found_by"] = target::name_of(thread->found_by);
  json["state"] = text_or_null(state_text(*thread));
  json["teb"] = hex_or_null(thread->teb);
  json["start_address"] = hex_or_null(thread->start_address);
  json["priority"] = or_null(facts.priority);
  json["create_time"] = hex_or_null(facts.create_time);
  return json;
}

Json process_json(const target::Process* process) {
  if (!process) return nullptr;
  const std::string name = base::printable(process->name);
  Json json;
  json["id"] = or_null(process->id);
  json["name"] = text_or_null(base::file_name_of(name));
  json["address"] = process->address ? Json(hex_text(process->address)) : Json(nullptr);
  json["found_by"] = target::name_of(process->found_by);
  return json;
}

Json segment_json(const target::StackSegment& segment) {
  return {{"kind", target::name_of(segment.kind)},
          {"limit", hex_text(segment.limit)},
          {"base", hex_text(segment.base)},
          {"limit_known", segment.limit_known}};
}

// Without its frames. `is_of_set`: it says which of the dumps it is from.
Json stack_json(const target::Machine& machine, const stacks::Stack& stack, bool is_of_set) {
  Json json;
  if (is_of_set) {
    json["dumps"] = Json::array({stack.dump});
    if (stack.user_dump) json["dumps"].push_back(*stack.user_dump);
  }
  json["processor"] = or_null(stack.processor);
  json["thread"] = thread_json(machine, stack.thread);
  if (stack.thread && stack.thread->name.empty() && !stack.thread_name.empty())
    json["thread"]["name"] = base::printable(stack.thread_name);
  if (!stack.listed_state.empty()) json["listed_state"] = stack.listed_state;
  json["process"] = process_json(stack.process);
  json["start"] = stacks::name_of(stack.start);
  json["segments"] = Json::array();
  for (const auto& segment : stack.segments) json["segments"].push_back(segment_json(segment));
  json["frames"] = Json::array();
  json["bugcheck_frames"] = Json::array();
  json["end"] = {{"kind", stacks::name_of(stack.end)}, {"reason", stack.end_reason}};
  json["notes"] = stack.notes;
  return json;
}

void append_frames(const std::vector<stacks::Frame>& frames, FrameTexts& texts, std::string& out) {
  if (frames.empty()) return;
  texts.append(frames, out);
  out += "\n      ";
}

// The stack with its frames, four spaces in.
void append_stack(const Json& json, const stacks::Stack& stack, FrameTexts& texts,
                  std::string& out) {
  constexpr std::string_view kFrames = "\n  \"frames\": [", kPath = "\n  \"bugcheck_frames\": [";
  const std::string text = text_of(json);
  const std::size_t frames = text.find(kFrames) + kFrames.size();
  const std::size_t path = text.find(kPath) + kPath.size();
  const std::string_view whole = text;
  append_indented(whole.substr(0, frames), 4, out);
  append_frames(stack.frames, texts, out);
  append_indented(whole.substr(frames, path - frames), 4, out);
  append_frames(stack.bugcheck_frames, texts, out);
  append_indented(whole.substr(path), 4, out);
}

Json missing_list(const std::vector<symbols::Missing>& all) {
  Json list = Json::array();
  for (const symbols::Missing& missing : all) {
    list.push_back({{"module", base::printable(missing.module)},
                    {"what", missing.what},
                    {"remedy", base::printable(missing.remedy)}});
  }
  return list;
}

Json header(const DumpFacts& facts) {
  Json json;
  json["schema_version"] = kSchemaVersion;
  json["dump"] = dump_json(facts);
  return json;
}

}  // namespace

nlohmann::ordered_json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(base::printable(text));
}

nlohmann::ordered_json texts_json(const std::vector<std::string>& texts) {
  Json all = Json::array();
  for (const std::string& each : texts) all.push_back(base::printable(each));
  return all;
}

nlohmann::ordered_json more_dumps_json(const StackFacts& facts) {
  Json all = Json::array();
  for (const DumpFacts& other : facts.more) all.push_back(dump_json(other));
  return all;
}

nlohmann::ordered_json header_json(const DumpFacts& facts) { return header(facts); }
nlohmann::ordered_json bugcheck_json(const DumpFacts& facts) { return bugcheck_json(facts.dump); }
nlohmann::ordered_json exception_json(const DumpFacts& facts,
                                      const std::optional<dump::ExceptionRecord>& exception) {
  return exception_json(facts.dump, exception);
}
nlohmann::ordered_json whole_stack_json(const target::Machine& machine, const stacks::Stack& stack,
                                        bool is_of_set) {
  Json json = stack_json(machine, stack, is_of_set);
  const auto frames = [](const std::vector<stacks::Frame>& all) {
    FrameTexts texts;
    std::string text = "[";
    texts.append(all, text);
    return Json::parse(text + "]");
  };
  json["frames"] = frames(stack.frames);
  json["bugcheck_frames"] = frames(stack.bugcheck_frames);
  return json;
}
nlohmann::ordered_json owner_json(const target::Machine& machine, const target::Thread* thread) {
  const target::Process* process = thread ? machine.process_of(*thread) : nullptr;
  return {{"thread", thread_json(machine, thread)}, {"process", process_json(process)}};
}
nlohmann::ordered_json missing_json(const std::vector<symbols::Missing>& missing) {
  return missing_list(missing);
}

std::string info_json(const DumpFacts& facts) {
  Json json = header(facts);
  json["bugcheck"] = bugcheck_json(facts.dump);
  json["exception"] = exception_json(facts.dump, facts.dump.exception);
  json["kernel"] =
      facts.dump.kind == dump::Kind::minidump ? Json(nullptr) : kernel_json(facts.machine.kernel());
  json["processors"] = processor_list(facts.machine);
  json["modules"] = module_list(facts);
  json["unloaded_modules"] = unloaded_list(facts);
  json["secondary_data"] = secondary_list(facts.dump);
  json["captures"] = Json::array();
  if (Json captures = capture_json(facts); !captures.is_null())
    json["captures"].push_back(std::move(captures));
  json["offsets"] = offset_list(facts.machine);
  json["warnings"] = warnings_of(facts);
  return document(json);
}

std::string modules_json(const DumpFacts& facts) {
  Json json = header(facts);
  json["modules"] = module_list(facts);
  json["unloaded_modules"] = unloaded_list(facts);
  return document(json);
}

std::string processes_json(const DumpFacts& facts,
                           const std::vector<const target::Process*>& processes) {
  Json json = header(facts);
  json["processes"] = process_list(facts.machine, processes);
  json["warnings"] = warnings_of(facts);
  return document(json);
}

std::string threads_json(const DumpFacts& facts, const std::vector<ThreadEntry>& threads) {
  Json json = header(facts);
  json["clock"] = clock_json(facts.machine);
  json["threads"] = thread_list(facts.machine, threads);
  json["warnings"] = warnings_of(facts);
  return document(json);
}

std::string symbol_check_json(const DumpFacts& facts, const std::vector<stacks::FileNeeds>& needs) {
  Json json = header(facts);
  json["symbol_files"] = symbol_file_list(needs);
  return document(json);
}

Json waits_json(const std::optional<analysis::WaitWords>& waits) {
  if (!waits) return nullptr;
  return {{"kind", analysis::name_of(waits->kind)}, {"for", waits->words}, {"frame", waits->frame}};
}

Json thread_reference_json(const stacks::Stack& stack) {
  const target::Thread* thread = stack.thread;
  Json json;
  json["thread"] =
      thread && thread->address != 0 ? Json(base::hex_text(thread->address)) : Json(nullptr);
  json["thread_id"] = thread ? or_null(thread->id) : Json(nullptr);
  json["process_id"] = thread ? or_null(thread->process_id) : Json(nullptr);
  json["process"] =
      stack.process ? text_or_null(base::file_name_of(stack.process->name)) : Json(nullptr);
  return json;
}

std::string stacks_json(const StackFacts& facts) {
  Json json = header(facts.of);
  if (!facts.more.empty()) json["more_dumps"] = Json::array();
  for (const DumpFacts& other : facts.more) json["more_dumps"].push_back(dump_json(other));
  json["bugcheck"] = bugcheck_json(facts.of.dump);
  json["stacks"] = Json::array();
  json["captures"] = Json::array();
  for (std::uint32_t i = 0; i <= facts.more.size(); ++i)
    if (Json captures = capture_json(facts.of_dump(i)); !captures.is_null())
      json["captures"].push_back(std::move(captures));
  if (!facts.more.empty() || !facts.missing_threads.empty())
    json["missing_threads"] = missing_threads_json(facts);
  json["missing"] = missing_list(facts.missing);
  json["warnings"] = warnings_of(facts);
  const std::string around = document(json);
  if (facts.stacks.empty()) return around;
  // Thousands of stacks as one tree would take many times what their text does.
  constexpr std::string_view kEmpty = "\n  \"stacks\": []";
  const std::size_t at = around.find(kEmpty) + kEmpty.size() - 1;
  std::string whole = around.substr(0, at);
  const char* separator = "\n    ";
  FrameTexts texts;
  for (const stacks::Stack& stack : facts.stacks) {
    whole += separator;
    append_stack(stack_json(facts.of_dump(stack.dump).machine, stack, !facts.more.empty()), stack,
                 texts, whole);
    separator = ",\n    ";
  }
  whole += "\n  ";
  whole += std::string_view(around).substr(at);
  return whole;
}

}  // namespace ntstack::report
