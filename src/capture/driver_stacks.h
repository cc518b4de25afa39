// A process's kernel stacks by ntstack's driver, as a dump: what `ntstack capture --driver` writes
// to a file and `ntstack stacks --live` walks at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "capture/driver_capture.h"
#include "capture/system.h"
#include "dump/bundle.h"
#include "dump/dump.h"

namespace ntstack::capture {

class DriverStacks {
 public:
  // Fails where no thread could be captured at all; the error says why and what else can be done.
  static base::Result<DriverStacks> take(System& system, const ProcessFacts& process,
                                         const ChosenThreads& chosen, const DriverOptions& options,
                                         const DriverCallbacks& callbacks);

  const DriverCapture& capture() const { return capture_; }
  const std::vector<std::string>& notes() const { return notes_; }
  // Each points into this, and may be asked for again.
  dump::Dump dump() const;
  // The file of that dump (dump::kernel_stacks_file).
  base::Result<std::vector<std::byte>> file() const;

 private:
  DriverStacks() = default;
  MachineFacts machine_;
  ProcessFacts process_;
  std::uint64_t time_ = 0;  // FILETIME, when it was over
  DriverCapture capture_;
  std::vector<std::vector<std::byte>> contexts_;  // of each thread; empty where it has none
  std::vector<dump::ModuleRecord> modules_;
  std::vector<std::string> notes_;
};

// What capture.json says of them; `file`: the dump that has the captured ones.
std::vector<dump::BundleThread> bundle_threads_of(const DriverCapture& capture,
                                                  const std::string& file);

// As a thread was listed, without its outcome.
dump::BundleThread listed_thread(const ThreadFacts& facts);

// The CONTEXT of registers that the driver gave: control and integer registers alone, those that a
// call does not preserve being 0.
std::vector<std::byte> context_of(const driver::Registers& registers,
                                  base::Architecture architecture);

}  // namespace ntstack::capture
