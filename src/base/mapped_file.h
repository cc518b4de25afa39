// A file mapped read-only. Nothing is read until it is looked at.
#pragma once

#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::base {

class MappedFile {
 public:
  // Errors name the file. An empty file maps to no bytes. Directories and devices are refused.
  static Result<MappedFile> open(const std::filesystem::path& path);

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
};

}  // namespace ntstack::base
