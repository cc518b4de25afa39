// remove_tree.h for Windows.
#ifdef _WIN32
#include <windows.h>
//
#include <cwchar>

#include "base/remove_tree.h"

namespace ntstack::base {
namespace {

constexpr int kDeepest = 3;
constexpr std::size_t kLongest = 1024;

void remove_path(const wchar_t* path, int depth) noexcept {
  if (DeleteFileW(path) || RemoveDirectoryW(path) || depth == kDeepest) return;
  const DWORD attributes = GetFileAttributesW(path);
  constexpr DWORD kLinkToo = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & kLinkToo) != FILE_ATTRIBUTE_DIRECTORY)
    return;
  wchar_t inner[kLongest];
  const std::size_t length = std::wcslen(path);
  const auto put = [&](const wchar_t* name) {
    const std::size_t size = std::wcslen(name);
    if (length + size + 2 > kLongest) return false;
    std::wmemcpy(inner, path, length);
    inner[length] = L'\\';
    std::wmemcpy(inner + length + 1, name, size + 1);
    return true;
  };
  if (!put(L"*")) return;
  WIN32_FIND_DATAW found;
  const HANDLE search = FindFirstFileW(inner, &found);
  if (search == INVALID_HANDLE_VALUE) return;
  do {
    if (std::wcscmp(found.cFileName, L".") == 0 || std::wcscmp(found.cFileName, L"..") == 0)
      continue;
    if (put(found.cFileName)) remove_path(inner, depth + 1);
  } while (FindNextFileW(search, &found));
  FindClose(search);
  RemoveDirectoryW(path);
}

}  // namespace

void remove_tree(const wchar_t* path) noexcept { remove_path(path, 0); }

}  // namespace ntstack::base

#endif
