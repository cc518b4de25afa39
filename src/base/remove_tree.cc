// remove_tree.h for POSIX: of the calls here all but getdents64 are on its list of those that are
// safe in a handler, and that one is the system's own, without the C library's memory.
#include "base/remove_tree.h"

#ifndef _WIN32

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ntstack::base {
namespace {

constexpr int kDeepest = 3;

void remove_at(int folder, const char* name, int depth) noexcept;

// Goes on from the beginning after each round of removals: what a folder lists while it changes is
// not said.
void empty_folder(int folder, int depth) noexcept {
  constexpr int kMostRounds = 1 << 16;
  for (int round = 0; round < kMostRounds; ++round) {
    alignas(dirent64) char buffer[4096];
    ::lseek(folder, 0, SEEK_SET);
    const long size = ::syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    bool has_any = false;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      remove_at(folder, entry->d_name, depth);
      struct stat status{};
      has_any |= ::fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0;
    }
    if (!has_any) return;
  }
}

void remove_at(int folder, const char* name, int depth) noexcept {
  if (::unlinkat(folder, name, 0) == 0 || errno == ENOENT) return;
  if (::unlinkat(folder, name, AT_REMOVEDIR) == 0 || depth == kDeepest) return;
  const int inner = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner < 0) return;
  empty_folder(inner, depth + 1);
  ::close(inner);
  ::unlinkat(folder, name, AT_REMOVEDIR);
}

}  // namespace

void remove_tree(const char* path) noexcept {
  const int error = errno;
  remove_at(AT_FDCWD, path, 0);
  errno = error;
}

}  // namespace ntstack::base

#endif
