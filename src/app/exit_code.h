// The program's exit codes, as docs/commands.md lists them.
#pragma once

namespace ntstack::app {

enum ExitCode : int {
  kOk = 0,      // the answer was given, if with parts missing
  kFailed = 1,  // no answer: the file can't be opened or is none that is understood
  kUsage = 2,   // the command line is wrong
  kNoMemory = 3,
  // Who reads the output has gone: as a shell says it of a program that SIGPIPE ended, which is how
  // it ends elsewhere.
  kReaderGone = 128 + 13
};

// Ended on a signal's request, in good order: as a shell says it of one that the signal ended.
constexpr int code_of_signal(int number) { return 128 + number; }

}  // namespace ntstack::app
