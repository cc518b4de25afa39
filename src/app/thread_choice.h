// Which threads a command is asked for: --thread, --process, --state, --waiting-on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "target/machine.h"

namespace ntstack::app {

struct ThreadOptions {
  // An ID (decimal; hexadecimal with 0x or with a letter in it; "1a2c.1fd8") or an object's
  // address.
  std::string thread;
  std::string process;     // an ID, or a name with or without its extension
  std::string state;       // "waiting", "ready": kd's names
  std::string waiting_on;  // a wait reason: "Executive", "WrResource"
};

class ThreadChoice {
 public:
  // Fails where a number or a name is none.
  static base::Result<ThreadChoice> of(const ThreadOptions& options);

  bool is_all() const { return !thread_ && process_.empty() && !state_ && !wait_reason_; }
  bool takes(const target::Machine& machine, const target::Thread& thread) const;
  // A process that is chosen itself, or that has a thread that is.
  std::vector<const target::Process*> processes_of(const target::Machine& machine) const;
  // "thread 0x1bc8", "process w3wp.exe, state waiting": for messages.
  const std::string& text() const { return text_; }
  // "no thread 2228 is in w3wp.dmp; thread 0x2228 is (...)": for where nothing was taken.
  std::string none_in(const target::Machine& machine, std::string_view file_name) const;

 private:
  bool takes_process(const target::Machine& machine, const target::Thread& thread) const;
  bool is_chosen(const target::Process& process) const;

  void choose_thread(std::string_view text);

  std::optional<std::uint64_t> thread_, process_id_;
  std::optional<std::uint64_t> thread_process_;         // of a Cid
  std::optional<std::uint64_t> thread_if_hexadecimal_;  // "2228" as listings have it
  std::string process_;
  std::optional<std::uint8_t> state_, wait_reason_;
  std::string text_;
};

}  // namespace ntstack::app
