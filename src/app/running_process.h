// The running process that a command line names, by ID or name.
#pragma once

#include <cstdio>
#include <expected>
#include <string>

#include "capture/system.h"

namespace ntstack::app {

// Whether running processes can be looked at from here at all. What is in the way is said on `err`;
// `system` is null elsewhere than on Windows.
bool can_look_at_processes(capture::System* system, std::FILE* err);

// The one that `text` names. What is wrong is said on `err`; then the ExitCode.
std::expected<capture::ProcessFacts, int> choose_process(capture::System& system,
                                                         const std::string& text, std::FILE* err);

}  // namespace ntstack::app
