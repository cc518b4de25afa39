// An image as llvm-objdump lists it, and the same image loaded for ours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/code_view.h"
#include "base/mapped_file.h"
#include "tool.h"

namespace ntstack::tests {

struct ListedInstruction {
  std::uint64_t address = 0;
  std::size_t length = 0;
  std::string mnemonic, operands;          // LLVM's, Intel syntax
  std::optional<std::uint64_t> commented;  // "# 0x...": what a RIP-relative operand comes to
  bool begins_block = false;               // behind a symbol's line
};

// Every instruction of the executable sections, in order.
std::vector<ListedInstruction> listed_by_llvm(const std::filesystem::path& objdump,
                                              const std::filesystem::path& image);

// Unwind data as llvm-readobj prints it: [begin, end) of what it covers, at the base that the image
// prefers.
struct Extent {
  std::uint64_t begin = 0, end = 0;
  bool is_part = false;  // of another function: chained, or a fragment
};
std::vector<Extent> extents_of(const std::filesystem::path& image);

// An image in memory at a base, with its PDB beside it or, as a copy elsewhere, without.
class LoadedImage {
 public:
  // `base`: 0 for the base that the image prefers.
  LoadedImage(const std::filesystem::path& path, bool with_pdb, std::uint64_t base = 0,
              bool in_memory = true);
  analysis::CodeView& view() { return *view_; }
  const pe::Image& image() const { return *image_; }
  std::uint64_t base() const { return base_; }

 private:
  TemporaryFolder alone_;
  std::optional<base::MappedFile> file_;
  std::optional<pe::Image> image_;
  std::unique_ptr<pe::RelocatedPages> pages_;
  base::SegmentSource nothing_;
  std::uint64_t base_ = 0;
  std::unique_ptr<symbols::Symbolizer> symbolizer_;
  std::unique_ptr<analysis::CodeView> view_;
};

// Images of the architecture that are at hand; the largest are left out.
std::vector<std::filesystem::path> images_of(base::Architecture architecture);

}  // namespace ntstack::tests
