// The program's exit codes, as docs/commands.md lists them.
#pragma once

namespace ntstack::app {

enum ExitCode : int {
  kOk = 0,      // the answer was given, if with parts missing
  kFailed = 1,  // no answer: the file can't be opened or is none that is understood
  kUsage = 2    // the command line is wrong
};

}  // namespace ntstack::app
