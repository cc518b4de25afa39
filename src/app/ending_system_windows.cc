// ending_system.h for Windows.
#include <windows.h>
//
#include "app/ending.h"
#include "app/ending_system.h"
#include "base/unfinished.h"

namespace ntstack::app {
namespace {

// Ctrl-C and Ctrl-Break that nobody else takes, the console's window closed, the user gone, the
// machine going down.
BOOL WINAPI on_end(DWORD) {
  base::remove_unfinished();
  return FALSE;  // then the system ends the program
}

}  // namespace

void at_signal(void (*)()) {}  // the console's modes are its own

// Handles are no small numbers that a file could take.
void reserve_standard_streams() {}

void catch_ends() { SetConsoleCtrlHandler(on_end, TRUE); }

}  // namespace ntstack::app
