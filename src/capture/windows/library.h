// Functions of the system's DLLs that are looked for when they are first needed: not every Windows
// has them, or no other command should load the DLL.
#pragma once

#include <windows.h>

#include <cstring>

namespace ntstack::capture::windows {

// Null where the DLL or the function is not there. Function: a pointer to one. The DLL is the
// system's own, and stays loaded.
template <class Function>
Function function_of(const wchar_t* library, const char* name) {
  HMODULE module = ::GetModuleHandleW(library);
  if (!module) module = ::LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (!module) return nullptr;
  const FARPROC address = ::GetProcAddress(module, name);
  Function function = nullptr;
  std::memcpy(&function, &address, sizeof function);
  return function;
}

}  // namespace ntstack::capture::windows
