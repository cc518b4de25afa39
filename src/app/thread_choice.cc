#include "app/thread_choice.h"

#include <fmt/format.h>

#include <charconv>
#include <unordered_set>

#include "base/text.h"

namespace ntstack::app {
namespace {

std::optional<std::uint64_t> digits_of(std::string_view digits, int radix) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value, radix);
  return error == std::errc() && at == end && !digits.empty() ? std::optional(value) : std::nullopt;
}

// Decimal, or hexadecimal with 0x.
std::optional<std::uint64_t> number_of(std::string_view text) {
  if (!text.starts_with("0x") && !text.starts_with("0X")) return digits_of(text, 10);
  std::string digits(text.substr(2));
  std::erase(digits, '`');
  return digits_of(digits, 16);
}

// What no decimal number can be: "fffffa80`0c0e4480" and "1fd8" as listings have them.
std::optional<std::uint64_t> listed_number(std::string_view text) {
  if (text.find_first_of("abcdefABCDEF`") == std::string_view::npos) return std::nullopt;
  std::string digits(text);
  std::erase(digits, '`');
  return digits_of(digits, 16);
}

// "w3wp" for "w3wp.exe"; the kernel cuts names after 15 characters.
bool is_named(std::string_view process, std::string_view name) {
  constexpr std::size_t kKept = 15;
  const std::string_view cut = name.substr(0, kKept);
  const std::string_view stem = process.substr(0, process.rfind('.'));
  return base::equals_ignoring_case(process, name) || base::equals_ignoring_case(process, cut) ||
         base::equals_ignoring_case(stem, name);
}

std::optional<std::uint64_t> process_id_of(const target::Machine& machine,
                                           const target::Thread& thread) {
  if (thread.process_id) return thread.process_id;
  const target::Process* process = machine.process_of(thread);
  return process ? process->id : std::nullopt;
}

}  // namespace

void ThreadChoice::choose_thread(std::string_view text) {
  if (const std::size_t dot = text.find('.'); dot != std::string_view::npos) {  // a Cid
    thread_process_ = digits_of(text.substr(0, dot), 16);
    if (thread_process_) thread_ = digits_of(text.substr(dot + 1), 16);
    return;
  }
  thread_ = number_of(text);
  if (thread_)
    thread_if_hexadecimal_ = digits_of(text, 16);
  else
    thread_ = listed_number(text);
}

std::string ThreadChoice::none_in(const target::Machine& machine,
                                  std::string_view file_name) const {
  std::string said = fmt::format("no {} is in {}", text_, file_name);
  for (const target::Thread& thread : machine.threads())
    if (thread_if_hexadecimal_ && thread.id == thread_if_hexadecimal_)
      return said + fmt::format("; thread 0x{:x} is (listings have IDs in hexadecimal)",
                                *thread_if_hexadecimal_);
  return said;
}

base::Result<ThreadChoice> ThreadChoice::of(const ThreadOptions& options) {
  ThreadChoice choice;
  const auto say = [&](std::string_view what, const std::string& value) {
    if (!value.empty())
      choice.text_ += fmt::format("{}{} {}", choice.text_.empty() ? "" : ", ", what, value);
  };
  say("thread", base::printable(options.thread));
  say("process", base::printable(options.process));
  say("state", base::printable(options.state));
  say("waiting on", base::printable(options.waiting_on));
  if (!options.thread.empty()) {
    choice.choose_thread(options.thread);
    if (!choice.thread_)
      return base::fail(
          "--thread takes an ID (8152, 0x1fd8, or 1a2c.1fd8 as in listings) or an address "
          "(0x...), not \"{}\"",
          base::printable(options.thread));
  }
  choice.process_ = options.process;
  choice.process_id_ = number_of(options.process);
  if (!options.state.empty()) {
    choice.state_ = target::thread_state_named(options.state);
    if (!choice.state_)
      return base::fail(
          "--state takes Waiting, Ready, Running, Standby, Terminated or another of "
          "kd's names, not \"{}\"",
          base::printable(options.state));
  }
  if (!options.waiting_on.empty()) {
    choice.wait_reason_ = target::wait_reason_named(options.waiting_on);
    if (!choice.wait_reason_)
      return base::fail(
          "--waiting-on takes a wait reason (Executive, UserRequest, WrResource), "
          "not \"{}\"",
          base::printable(options.waiting_on));
  }
  return choice;
}

bool ThreadChoice::takes_process(const target::Machine& machine,
                                 const target::Thread& thread) const {
  if (process_id_ && process_id_of(machine, thread) == process_id_) return true;
  const target::Process* process = machine.process_of(thread);
  return process && is_named(base::file_name_of(process->name), process_);
}

bool ThreadChoice::is_chosen(const target::Process& process) const {
  return process_.empty() || (process_id_ && process.id == process_id_) ||
         is_named(base::file_name_of(process.name), process_);
}

std::vector<const target::Process*> ThreadChoice::processes_of(
    const target::Machine& machine) const {
  const bool by_thread = thread_ || state_ || wait_reason_;
  std::unordered_set<const target::Process*> taken;
  for (const target::Thread& thread : machine.threads())
    if (by_thread && takes(machine, thread)) taken.insert(machine.process_of(thread));
  std::vector<const target::Process*> chosen;
  for (const target::Process& process : machine.processes())
    if (by_thread ? taken.contains(&process) : is_chosen(process)) chosen.push_back(&process);
  return chosen;
}

bool ThreadChoice::takes(const target::Machine& machine, const target::Thread& thread) const {
  constexpr std::uint8_t kWaiting = 5;  // KTHREAD_STATE
  if (thread_ && thread.id != thread_ && thread.address != thread_) return false;
  if (thread_process_ && process_id_of(machine, thread) != thread_process_) return false;
  if (!process_.empty() && !takes_process(machine, thread)) return false;
  if (state_ && thread.state != state_) return false;
  if (!wait_reason_) return true;
  const bool is_waiting = thread.state == kWaiting || thread.captured;
  return is_waiting && thread.wait_reason == wait_reason_;
}

}  // namespace ntstack::app
