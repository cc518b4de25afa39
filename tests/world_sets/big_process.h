// The first seed's web server with hundreds of threads, and the triage dumps that a tool needs to
// have all of them: how many fit into one goes by the machine's processors.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "world/kernel_world.h"
#include "world/triage_writer.h"
#include "world/truth.h"

namespace ntstack::world {

struct BigProcess {
  std::unique_ptr<KernelWorld> world;
  std::vector<ThreadTruth> threads;  // in the order of the process's list; the third is the owner
  std::vector<ThreadTruth> others;   // two of another process, svchost.exe (0x1b30)
};

// Every thread is run by the emulator to where its APC captures it, but for those whose APC can't
// run (status 0x102) and one whose handle is refused (0xc0000022).
BigProcess build_big_process(const std::filesystem::path& modules, unsigned processors,
                             unsigned threads = 300, const KernelLayout& layout = windows_10_19041);

// One megabyte, and what of it is not threads': as published for Windows 10 2004.
SnapRules windows_rules();

struct SetMember {
  std::string name;  // "w3wp.003.dmp"
  TriageDump dump;
  std::vector<std::size_t> asked;  // indices into BigProcess::threads
};

// The first dump is asked for all threads, as kdbgctrl -td does. Then one dump after another for
// those that still lack, the owner always among them, in batches as large as those before showed to
// fit; threads without an answer once more at the end.
std::vector<SetMember> capture_all(const BigProcess& process, SnapRules rules);

// Threads whose stack one of the dumps has.
std::vector<bool> captured_threads(const BigProcess& process,
                                   const std::vector<SetMember>& members);

void write_members(const std::vector<SetMember>& members, const std::filesystem::path& folder);

}  // namespace ntstack::world
