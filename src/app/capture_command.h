// ntstack capture: from a command line to folders (or zips) with captures of a process.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/session.h"
#include "capture/system.h"

namespace ntstack::app {

struct CaptureCommand {
  std::string process;  // an ID or a name
  std::string output;   // -o: a folder, or a .zip; empty: a new one where we are
  bool zip = false;
  std::vector<std::string> threads;  // --thread
  std::string wait_reason, state, frame;
  bool only = false;  // the chosen threads alone
  std::string live;   // "", "full", "selective"
  bool automatic = false;
  bool driver = false;  // kernel stacks by ntstack's driver
  bool user_pages = false, hypervisor_pages = false, under_memory_pressure = false;
  std::string user;  // -m: "a" full, "m" mini, "" none
  bool report = false;
  std::string every;  // a duration
  unsigned count = 1;
  std::string hang, cpu;           // triggers; numbers
  bool unattended = false;         // at most 10 threads in the first dump
  std::string budget;              // a duration
  std::uint32_t triage_flags = 0;  // for experts
  DumpOptions paths;               // for the report and --frame; its dump is not used
  bool elevate = false, no_elevate = false;
  std::vector<std::string> arguments;  // the program's own, to be started anew with
};

// Folders that were written are named on `out`, what goes on on `err`. `system`: null elsewhere
// than on Windows. Returns an ExitCode: 0 where every capture has at least one stack.
int run_capture(const CaptureCommand& command, capture::System* system, std::FILE* out,
                std::FILE* err);

}  // namespace ntstack::app
