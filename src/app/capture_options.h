// The options of ntstack capture, on the command line.
#pragma once

#include "app/capture_command.h"

namespace CLI {
class App;
}

namespace ntstack::app {

// The subcommand; what it is given comes to `options`. Options of paths are the caller's to add.
CLI::App* declare_capture(CLI::App& app, CaptureCommand& options);

}  // namespace ntstack::app
