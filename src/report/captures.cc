#include "report/captures.h"

#include <map>

#include "base/text.h"
#include "target/capture_status.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostNamed = 64;  // threads that a text names one by one

// "lacking   the kernel stacks of threads 1f 20: why", a line for each reason.
std::string lacking_text(const StackFacts& facts) {
  std::map<std::string, std::vector<std::uint64_t>> by_reason;
  for (const MissingThread& thread : facts.missing_threads)
    by_reason[thread.reason].push_back(thread.id.value_or(0));
  std::string out;
  for (const auto& [reason, ids] : by_reason) {
    out += "lacking   the kernel stacks of threads";
    for (std::size_t i = 0; i < ids.size() && i < kMostNamed; ++i)
      out += fmt::format(" {:x}", ids[i]);
    if (ids.size() > kMostNamed) out += fmt::format(" and of {} more", ids.size() - kMostNamed);
    out += fmt::format("; {}\n", reason);
  }
  return out;
}

}  // namespace

std::string capture_text(const target::Machine& machine) {
  if (machine.captures().empty()) return "";
  std::map<target::Capture, std::size_t> counts;
  for (const target::RequestedThread& thread : machine.captures()) ++counts[thread.capture];
  std::string out = fmt::format("asked for {} thread{}", machine.captures().size(),
                                machine.captures().size() == 1 ? "" : "s");
  const char* separator = ": ";
  const bool is_driver = machine.dump().kernel_stacks.has_value();
  for (const auto& [capture, count] : counts) {
    out += fmt::format("{}{} {}", separator, count,
                       is_driver ? target::text_of_driver(capture) : target::text_of(capture));
    separator = ", ";
  }
  return out;
}

Json capture_json(const DumpFacts& facts) {
  if (facts.machine.captures().empty()) return nullptr;
  Json json;
  json["dump"] = facts.file_name;
  json["requested"] = facts.machine.captures().size();
  json["threads"] = Json::array();
  std::size_t index = 0;
  for (const target::RequestedThread& thread : facts.machine.captures()) {
    json["threads"].push_back(
        {{"index", index++},
         {"status", base::hex_text(thread.status)},
         {"capture", target::name_of(thread.capture)},
         {"thread", thread.thread ? Json(base::hex_text(*thread.thread)) : Json(nullptr)}});
    if (thread.id) json["threads"].back()["id"] = *thread.id;
  }
  return json;
}

std::string set_text(const StackFacts& facts) {
  if (facts.more.empty()) return lacking_text(facts);
  std::size_t kernel = 0, joined = 0, empty = 0;
  for (const stacks::Stack& stack : facts.stacks) {
    const DumpFacts& of = facts.of_dump(stack.dump);
    if (of.dump.kind == dump::Kind::minidump) continue;
    ++kernel;
    if (stack.frames.empty()) ++empty;
    if (stack.user_dump) ++joined;
  }
  std::string out = fmt::format("together  {} threads of the kernel's dumps, each once", kernel);
  if (joined != 0) out += fmt::format(", {} with their user part from a user dump", joined);
  if (empty != 0) out += fmt::format(", {} without a stack", empty);
  return out + "\n" + lacking_text(facts);
}

Json missing_threads_json(const StackFacts& facts) {
  Json list = Json::array();
  for (const MissingThread& thread : facts.missing_threads) {
    list.push_back({{"id", thread.id ? Json(*thread.id) : Json(nullptr)},
                    {"process_id", thread.process_id ? Json(*thread.process_id) : Json(nullptr)},
                    {"reason", thread.reason}});
  }
  return list;
}

}  // namespace ntstack::report
