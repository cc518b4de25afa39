// The images that are checked: real ones, Wine's, and ones that are compiled here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "pe/image.h"
#include "tool.h"

namespace ntstack::tests {

// Real images beside the project and those of Wine; what is not at hand is left out.
std::vector<std::filesystem::path> real_images();

// Compiles sources that cover the unwind operations, in many ways, into a folder of images.
class CompiledImages {
 public:
  CompiledImages();
  const std::vector<std::filesystem::path>& images() const { return images_; }

 private:
  void compile_x64();
  void compile_x64_version_2();
  void compile_mingw();
  void compile_others();
  void link(const std::string& command, const std::filesystem::path& image);
  std::filesystem::path write(const std::string& name, const std::string& text) const;

  TemporaryFolder folder_;
  std::vector<std::filesystem::path> images_;
};

// Real and compiled ones together. Compiled once a program.
const std::vector<std::filesystem::path>& all_images();

// An image with the file behind it.
struct OpenImage {
  base::MappedFile file;
  pe::Image image;
  static base::Result<OpenImage> open(const std::filesystem::path& path);
};

// The newest llvm-readobj: older ones do not know version 2 of the unwind data.
std::filesystem::path newest_readobj();

}  // namespace ntstack::tests
