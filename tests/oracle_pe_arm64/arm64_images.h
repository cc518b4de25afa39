// ARM64 images that are compiled here: C at many levels of optimisation, assembler for the codes
// that compilers do not write, and every packed entry that fits a frame.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tool.h"

namespace ntstack::tests {

class Arm64Images {
 public:
  Arm64Images();  // needs clang-19 and lld-link-19
  // Each exports the functions of shapes.
  const std::vector<std::filesystem::path>& shapes() const { return shapes_; }
  // Exports functions with every packed entry, their code as the entry says.
  const std::filesystem::path& canonical() const { return canonical_; }
  // Hand-made unwind data, canonical() too; the others are not to be run.
  const std::vector<std::filesystem::path>& hand_made() const { return hand_made_; }

 private:
  bool make(const std::string& command) const;
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  void compile_shapes(const std::string& name, const std::string& flags);
  void assemble(const std::string& name, const std::string& text);

  TemporaryFolder folder_;
  std::vector<std::filesystem::path> shapes_, hand_made_;
  std::filesystem::path canonical_;
};

// Microsoft's, where scripts/fetch-test-images.sh could fetch them.
std::vector<std::filesystem::path> node_pty_images();

}  // namespace ntstack::tests
