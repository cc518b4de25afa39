// sqlite.h for Windows.
#include <windows.h>
//
#include <cstring>

#include "app/sqlite.h"

namespace ntstack::app {

const Sqlite* sqlite() {
  static Sqlite library;
  static const bool is_whole = [] {
    const HMODULE handle =
        ::LoadLibraryExW(L"winsqlite3.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
    // Its functions are __stdcall, which differs on x86 alone; this program is for x64.
    static_assert(sizeof(void*) == 8);
    return handle && find_functions(library, [&](auto& function, const char* name) {
             const FARPROC symbol = ::GetProcAddress(handle, name);
             std::memcpy(&function, &symbol, sizeof symbol);
             return symbol != nullptr;
           });
  }();
  return is_whole ? &library : nullptr;
}

}  // namespace ntstack::app
