// sqlite.h for POSIX.
#include "app/sqlite.h"

#include <dlfcn.h>

#include <cstring>

namespace ntstack::app {

const Sqlite* sqlite() {
  static Sqlite library;
  static const bool is_whole = [] {
    void* handle = ::dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    return handle && find_functions(library, [&](auto& function, const char* name) {
             void* symbol = ::dlsym(handle, name);
             std::memcpy(&function, &symbol, sizeof symbol);
             return symbol != nullptr;
           });
  }();
  return is_whole ? &library : nullptr;
}

}  // namespace ntstack::app
