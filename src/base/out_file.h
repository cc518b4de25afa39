// A file being written, in order, and one process at a time at it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/unfinished.h"

namespace ntstack::base {

class OutFile {
 public:
  // Makes the folders above it. `keep`: writes behind what the file has; else it begins empty.
  // Errors name the file and the system's reason.
  static Result<OutFile> open(const std::filesystem::path& path, bool keep = false);

  Result<void> write(Bytes bytes);
  // A file that is not closed so may be cut short. Fails too where what it was made of could not be
  // read (lost_file()).
  Result<void> close();
  // Also waits until the bytes are on the disk: for what is renamed to where it counts as whole.
  Result<void> close_durably();

  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  Result<void> close(bool durably);
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  OutFile() = default;
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t size_ = 0;
};

// Held by one process, and in it by one object, at a time; let go at the end of the process,
// however it ends.
class LockFile {
 public:
  // Nothing where another holds it.
  static Result<std::optional<LockFile>> try_lock(const std::filesystem::path& path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();  // the file goes too

 private:
  LockFile() = default;
  std::intptr_t handle_ = -1;
  Unfinished file_;  // on Windows the system's own business
};

// Puts a closed file where it is to be, in one step, over what is there.
Result<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace ntstack::base
