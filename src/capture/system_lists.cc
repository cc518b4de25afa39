#include "capture/system_lists.h"

#include <algorithm>

#include "base/text.h"
#include "capture/native_layout.h"

namespace ntstack::capture {
namespace {

template <class Word>
std::string name_of(base::Bytes reply, std::uint64_t address,
                    const native::UnicodeString<Word>& name, std::uint32_t process_id) {
  const std::uint64_t at = std::uint64_t{name.buffer} - address;  // wraps to what is not inside
  if (name.buffer != 0 && name.length != 0)
    if (const auto text = reply.slice(at, name.length)) return base::utf8_from_utf16(*text);
  if (process_id == 0) return "Idle";
  return process_id == 4 ? "System" : "";
}

template <class Word>
ThreadFacts thread_facts(const native::ThreadEntry<Word>& entry) {
  ThreadFacts thread;
  thread.id = static_cast<std::uint32_t>(entry.thread_id);
  thread.process_id = static_cast<std::uint32_t>(entry.process_id);
  thread.state = static_cast<std::uint8_t>(entry.state);
  thread.wait_reason = static_cast<std::uint8_t>(entry.wait_reason);
  thread.priority = entry.priority;
  thread.context_switches = entry.context_switches;
  thread.create_time = entry.create_time;
  thread.kernel_time = entry.kernel_time;
  thread.user_time = entry.user_time;
  thread.start_address = entry.start_address;
  return thread;
}

// `rest` begins with the threads' entries; what is cut off is left out.
template <class Word>
std::vector<ThreadFacts> read_threads(base::Bytes rest, std::uint32_t count, bool extended) {
  using Extended = native::ExtendedThreadEntry<Word>;
  const std::size_t size = extended ? sizeof(Extended) : sizeof(native::ThreadEntry<Word>);
  const std::size_t there = std::min<std::size_t>(count, rest.size() / size);
  std::vector<ThreadFacts> threads;
  threads.reserve(there);
  for (std::size_t i = 0; i < there; ++i) {
    if (!extended) {
      threads.push_back(thread_facts(*rest.get<native::ThreadEntry<Word>>(i * size)));
      continue;
    }
    const auto entry = *rest.get<Extended>(i * size);
    threads.push_back(thread_facts(entry.thread));
    threads.back().teb = entry.teb;
    if (entry.win32_start_address != 0) threads.back().start_address = entry.win32_start_address;
  }
  return threads;
}

template <class Word>
ProcessFacts process_facts(const native::ProcessEntry<Word>& entry) {
  ProcessFacts process;
  process.id = static_cast<std::uint32_t>(entry.process_id);
  process.parent_id = static_cast<std::uint32_t>(entry.parent_id);
  process.session = entry.session;
  process.create_time = entry.create_time;
  process.kernel_time = entry.kernel_time;
  process.user_time = entry.user_time;
  process.handle_count = entry.handle_count;
  return process;
}

}  // namespace

template <class Word>
std::vector<ProcessFacts> read_process_list(base::Bytes reply, std::uint64_t address,
                                            bool extended) {
  using Entry = native::ProcessEntry<Word>;
  std::vector<ProcessFacts> processes;
  for (std::uint64_t at = 0;;) {
    const auto entry = reply.get<Entry>(at);
    if (!entry) return processes;
    // Entries go up and do not overlap; threads end where the next entry begins.
    const std::uint32_t next = entry->next_entry_offset;
    if (next != 0 && next < sizeof(Entry)) return processes;
    const base::Bytes rest =
        reply.clamp(at + sizeof(Entry), next != 0 ? next - sizeof(Entry) : UINT64_MAX);
    ProcessFacts process = process_facts(*entry);
    process.name = name_of(reply, address, entry->image_name, process.id);
    process.threads = read_threads<Word>(rest, entry->number_of_threads, extended);
    processes.push_back(std::move(process));
    if (next == 0) return processes;
    at += next;
  }
}

template <class Word>
std::vector<HandleFacts> read_handle_list(base::Bytes reply, std::uint32_t process_id) {
  using Entry = native::HandleEntry<Word>;
  using Header = native::HandleListHeader<Word>;
  std::vector<HandleFacts> handles;
  const auto header = reply.get<Header>(0);
  if (!header) return handles;
  const std::uint64_t there =
      std::min<std::uint64_t>(header->count, (reply.size() - sizeof(Header)) / sizeof(Entry));
  for (std::uint64_t i = 0; i < there; ++i) {
    const auto entry = *reply.get<Entry>(sizeof(Header) + i * sizeof(Entry));
    if (entry.process_id == process_id)
      handles.push_back({entry.handle, entry.object, entry.access});
  }
  return handles;
}

template <class Word>
std::vector<dump::ModuleRecord> read_module_list(base::Bytes reply) {
  using Entry = native::ModuleEntry<Word>;
  std::vector<dump::ModuleRecord> modules;
  const base::Bytes entries = reply.clamp(sizeof(Word));
  const std::uint64_t there =
      std::min<std::uint64_t>(reply.get_or<std::uint32_t>(0, 0), entries.size() / sizeof(Entry));
  for (std::uint64_t i = 0; i < there; ++i) {
    const auto entry = *entries.get<Entry>(i * sizeof(Entry));
    const base::Bytes path{std::as_bytes(std::span(entry.path))};
    dump::ModuleRecord module;
    module.path = base::printable(path.text(0));
    module.base = entry.image_base;
    module.size = std::min<std::uint64_t>(entry.image_size, UINT64_MAX - module.base);
    modules.push_back(std::move(module));
  }
  return modules;
}

template std::vector<dump::ModuleRecord> read_module_list<std::uint32_t>(base::Bytes);
template std::vector<dump::ModuleRecord> read_module_list<std::uint64_t>(base::Bytes);
template std::vector<ProcessFacts> read_process_list<std::uint32_t>(base::Bytes, std::uint64_t,
                                                                    bool);
template std::vector<ProcessFacts> read_process_list<std::uint64_t>(base::Bytes, std::uint64_t,
                                                                    bool);
template std::vector<HandleFacts> read_handle_list<std::uint32_t>(base::Bytes, std::uint32_t);
template std::vector<HandleFacts> read_handle_list<std::uint64_t>(base::Bytes, std::uint32_t);

}  // namespace ntstack::capture
