// SQLite, as far as ntstack uses it: loaded when it is first asked for, so that nobody else pays
// for it. Windows has it as winsqlite3.dll.
#pragma once

namespace ntstack::app {

// The functions of the same names (https://sqlite.org/c3ref/funclist.html), connections and
// statements as void*.
struct Sqlite {
  int (*open)(const char*, void**) = nullptr;
  int (*close_v2)(void*) = nullptr;
  int (*busy_timeout)(void*, int) = nullptr;
  int (*exec)(void*, const char*, void*, void*, char**) = nullptr;
  const char* (*errmsg)(void*) = nullptr;
  int (*prepare_v2)(void*, const char*, int, void**, const char**) = nullptr;
  int (*bind_text)(void*, int, const char*, int, void (*)(void*)) = nullptr;
  int (*bind_int64)(void*, int, long long) = nullptr;
  int (*bind_null)(void*, int) = nullptr;
  int (*step)(void*) = nullptr;
  int (*reset)(void*) = nullptr;
  int (*finalize)(void*) = nullptr;

  static constexpr int kOk = 0, kDone = 101;
};

// Null where the library or one of these is not there.
const Sqlite* sqlite();

// Each function with its name; for the loaders.
template <class Find>
bool find_functions(Sqlite& library, const Find& find) {
  return find(library.open, "sqlite3_open") && find(library.close_v2, "sqlite3_close_v2") &&
         find(library.busy_timeout, "sqlite3_busy_timeout") && find(library.exec, "sqlite3_exec") &&
         find(library.errmsg, "sqlite3_errmsg") && find(library.prepare_v2, "sqlite3_prepare_v2") &&
         find(library.bind_text, "sqlite3_bind_text") &&
         find(library.bind_int64, "sqlite3_bind_int64") &&
         find(library.bind_null, "sqlite3_bind_null") && find(library.step, "sqlite3_step") &&
         find(library.reset, "sqlite3_reset") && find(library.finalize, "sqlite3_finalize");
}

}  // namespace ntstack::app
