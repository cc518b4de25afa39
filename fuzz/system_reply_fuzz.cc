// What Windows answers to capture's calls: lists of processes, handles and images, a triage dump of
// threads that were asked for, events of a live dump, paths and commands.
#include "capture/command_line.h"
#include "capture/kernel_modules.h"
#include "capture/live_dump_events.h"
#include "capture/process_choice.h"
#include "capture/system_lists.h"
#include "capture/thread_request.h"
#include "capture/triage_request.h"
#include "capture/triage_result.h"
#include "capture/triggers.h"
#include "input.h"

using namespace ntstack;

namespace {

template <class Word>
void look_at_lists(base::Bytes reply, bool extended) {
  const auto processes = capture::read_process_list<Word>(reply, 0x10000, extended);
  fuzz::require(processes.size() <= reply.size());
  std::size_t threads = 0;
  for (const auto& process : processes) threads += process.threads.size();
  fuzz::require(threads <= reply.size());
  if (!processes.empty()) {
    (void)capture::list_text(processes);
    (void)capture::processes_named(processes, processes.front().name);
    (void)capture::choose_threads(processes.front(), {});
  }
  fuzz::require(capture::read_handle_list<Word>(reply, 4).size() <= reply.size());
  fuzz::require(capture::read_module_list<Word>(reply).size() <= reply.size());
}

void look_at_triage(fuzz::Input& input) {
  std::vector<capture::AskedThread> asked;
  for (std::uint8_t count = input.u8() % 8; count != 0; --count)
    asked.push_back({input.u32(), input.u64()});
  const auto contents =
      capture::read_triage_contents(input.rest(), asked, capture::kTriageDumpRoom);
  if (!contents) return fuzz::require(!contents.error().text().empty());
  fuzz::require(contents->threads.size() == asked.size());
  (void)contents->is_full();
}

void look_at_events(fuzz::Input& input) {
  std::vector<capture::LiveDumpEvent> events;
  for (std::uint8_t count = input.u8() % 32; count != 0; --count) {
    capture::LiveDumpEvent& event = events.emplace_back();
    event.id = input.u16();
    event.time = input.u64();
    const base::Bytes data = input.bytes(input.u8());
    event.data.assign(data.span().begin(), data.span().end());
  }
  fuzz::require(capture::events_text(events).size() < 64 * 4096);
  (void)capture::stood_still(events);
  for (const auto& event : events) (void)capture::stage_of(event);
}

void look_at_text(fuzz::Input& input) {
  const std::string first(input.line()), second(input.line()), third(input.line());
  (void)capture::file_of_kernel_path(first, "/windows");
  (void)capture::command_line_of({first, second, third});
  (void)capture::duration_of(first);
  (void)capture::thread_request_of({first}, second, third);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t which = input.u8();
  switch (which % 8) {
    case 0:
    case 1:
      look_at_lists<std::uint64_t>(input.rest(), which % 2 != 0);
      break;
    case 2:
    case 3:
      look_at_lists<std::uint32_t>(input.rest(), which % 2 != 0);
      break;
    case 4:
      look_at_events(input);
      break;
    case 5:
      look_at_text(input);
      break;
    default:
      look_at_triage(input);
  }
  return 0;
}
