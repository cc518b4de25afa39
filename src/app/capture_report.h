// What capture does with the analyser: threads chosen by the frames of their user stacks, and the
// stacks of a capture walked where it was taken.
#pragma once

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

#include "app/session.h"
#include "base/error.h"
#include "capture/system.h"
#include "dump/bundle.h"

namespace ntstack::app {

// IDs of the process's threads of whose user stack a frame's name ("module!name") contains `text`,
// in any case. Each thread is suspended for a moment.
base::Result<std::set<std::uint32_t>> threads_with_frame(capture::System& system,
                                                         const capture::ProcessFacts& process,
                                                         const std::string& text,
                                                         const DumpOptions& paths,
                                                         const std::atomic<bool>& cancel);

// stacks.txt and stacks.json beside the dumps, and in the bundle's list of files. Symbols as the
// paths have them; downloads are told of on `err`.
base::Result<void> write_report(const std::filesystem::path& folder, dump::Bundle& bundle,
                                const DumpOptions& paths, std::FILE* err);

// The folder as a zip, in one step under its name; then the folder goes.
base::Result<void> zip_capture(const std::filesystem::path& folder,
                               const std::filesystem::path& zip, const std::atomic<bool>& cancel);

}  // namespace ntstack::app
