// A file mapped read-only. Nothing is read until it is looked at, and so it may be then that it
// can't be: another program has cut the file, or its disk fails. What is looked at is zeros from
// there on, and lost_file() has the file's name.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::base {

class MappedFile {
 public:
  // Errors name the file. An empty file maps to no bytes. Directories and devices are refused.
  static Result<MappedFile> open(const std::filesystem::path& path);
  // What is in memory and was made of the file at `path`, as if it were a file.
  static MappedFile made_of(std::filesystem::path path, std::vector<std::byte> bytes);

  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();

  // Valid as long as this object (moves keep them).
  Bytes bytes() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Mapping;
  MappedFile(std::filesystem::path path, std::unique_ptr<Mapping> mapping);
  std::filesystem::path path_;
  std::unique_ptr<Mapping> mapping_;
  std::vector<std::byte> made_;  // instead of a mapping
};

// The first mapped file that could not be read any more; empty: none. No answer counts that was
// made of mapped files since. (On Windows, where nobody can cut a mapped file, the program says it
// and ends.)
std::string lost_file();
// For who has done with the file and goes on with others.
void forget_lost_file();

}  // namespace ntstack::base
