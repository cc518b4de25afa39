// Which threads a command is asked for: --thread, --process, --state, --waiting-on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "target/machine.h"

namespace ntstack::app {

struct ThreadOptions {
  std::string thread;      // an ID (decimal, or hexadecimal with 0x) or an object's address
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

 private:
  bool takes_process(const target::Machine& machine, const target::Thread& thread) const;
  bool is_chosen(const target::Process& process) const;

  std::optional<std::uint64_t> thread_, process_id_;
  std::string process_;
  std::optional<std::uint8_t> state_, wait_reason_;
  std::string text_;
};

}  // namespace ntstack::app
