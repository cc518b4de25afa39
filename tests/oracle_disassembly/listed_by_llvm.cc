#include "listed_by_llvm.h"

#include <charconv>
#include <set>
#include <sstream>

#include "base/text.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

constexpr std::uintmax_t kLargest = 4 << 20;
constexpr std::size_t kMostImages = 6;

std::optional<std::uint64_t> hex_at(std::string_view text) {
  std::uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// "370f71004: 48 8d 0d f5 4f 01 00        \tlea\trcx, [rip + 0x14ff5]    # 0x370f86000 <.rodata>"
std::optional<ListedInstruction> instruction_of(const std::string& line, bool is_arm64) {
  const std::size_t colon = line.find(": ");
  const std::size_t tab = line.find('\t');
  if (colon == std::string::npos || tab == std::string::npos || tab < colon) return {};
  ListedInstruction found;
  const std::size_t first = line.find_first_not_of(' ');
  const auto address = hex_at(std::string_view(line).substr(first, colon - first));
  if (!address) return {};
  found.address = *address;
  std::istringstream bytes(line.substr(colon + 1, tab - colon - 1));
  for (std::string byte; bytes >> byte;) found.length += byte.size() / 2;
  const std::size_t next = line.find('\t', tab + 1);
  found.mnemonic =
      line.substr(tab + 1, next == std::string::npos ? std::string::npos : next - tab - 1);
  if (next != std::string::npos) found.operands = line.substr(next + 1);
  // "addr32 \tjae\t0x...": the prefix stands before the name.
  for (auto inner = found.operands.find('\t'); inner != std::string::npos;
       inner = found.operands.find('\t')) {
    found.mnemonic = found.operands.substr(0, inner);
    found.operands.erase(0, inner + 1);
  }
  const std::string_view sign = is_arm64 ? "// =0x" : "# 0x";
  if (const auto comment = found.operands.find(sign); comment != std::string::npos)
    found.commented = hex_at(std::string_view(found.operands).substr(comment + sign.size()));
  const std::size_t end =
      is_arm64 ? found.operands.find(" <") : found.operands.find_first_of("<#/");
  if (end != std::string::npos) found.operands.resize(end);
  while (found.operands.ends_with(' ')) found.operands.pop_back();
  while (found.mnemonic.ends_with(' ')) found.mnemonic.pop_back();
  return found;
}

// LLVM lists some prefixes as instructions of their own.
bool is_prefix(const ListedInstruction& listed) {
  static const std::set<std::string> kPrefixes = {
      "cs", "ds", "es", "fs", "gs", "ss", "data16", "addr32", "lock", "rep", "repne", "rex64"};
  return listed.operands.empty() && kPrefixes.contains(listed.mnemonic);
}

}  // namespace

std::vector<ListedInstruction> listed_by_llvm(const std::filesystem::path& objdump,
                                              const std::filesystem::path& image) {
  const ToolResult listing =
      run(quoted(objdump) + " -d --x86-asm-syntax=intel " + quoted(image) + " 2>/dev/null");
  std::vector<ListedInstruction> all;
  const bool is_arm64 = listing.out.find("coff-arm64") != std::string::npos;
  std::istringstream lines(listing.out);
  bool begins = true;
  for (std::string line; std::getline(lines, line);) {
    auto found = instruction_of(line, is_arm64);
    if (!found) {
      begins = true;
      continue;
    }
    found->begins_block = begins;
    begins = false;
    if (!all.empty() && is_prefix(all.back()) && !found->begins_block) {
      found->address = all.back().address;
      found->length += all.back().length;
      all.pop_back();
    }
    all.push_back(std::move(*found));
  }
  return all;
}

std::vector<Extent> extents_of(const std::filesystem::path& path) {
  const ToolResult printed =
      run(quoted(find_tool("llvm-readobj-19")) + " --unwind " + quoted(path) + " 2>/dev/null");
  std::vector<Extent> extents;
  std::istringstream lines(printed.out);
  const auto number = [](const std::string& line) {
    const std::size_t at = line.rfind("0x");
    return at == std::string::npos ? 0 : std::stoull(line.substr(at), nullptr, 16);
  };
  bool is_prologue = false, is_parent = false;
  for (std::string line; std::getline(lines, line);) {
    const auto has = [&](std::string_view what) { return line.find(what) != std::string::npos; };
    // x64, then ARM64.
    if (has("Chained {")) extents.back().is_part = is_parent = true;
    if (is_parent && has("EndAddress:")) {
      is_parent = false;
      continue;
    }
    if (has("StartAddress:") && !is_parent) extents.push_back({number(line), 0, false});
    if (has("  Function:")) extents.push_back({number(line), 0, false});
    if (extents.empty()) continue;
    if (has("EndAddress:")) extents.back().end = number(line);
    if (has("FunctionLength:"))
      extents.back().end =
          extents.back().begin + std::stoull(line.substr(line.find(':') + 1), nullptr, 10);
    if (has("Fragment: Yes")) extents.back().is_part = true;
    if (has("Prologue [")) is_prologue = true;
    if (is_prologue && has("end_c")) extents.back().is_part = true;
    if (line.ends_with(" ]")) is_prologue = false;
  }
  // It fails on some: what it was at is not whole.
  if (printed.exit_code != 0 && !extents.empty()) extents.pop_back();
  return extents;
}

LoadedImage::LoadedImage(const std::filesystem::path& path, bool with_pdb, std::uint64_t base,
                         bool in_memory) {
  // A PDB beside its image is found in any case.
  std::filesystem::path place = path;
  if (!with_pdb) {
    place = alone_.path() / path.filename();
    std::filesystem::copy_file(path, place);
  }
  file_.emplace(std::move(*base::MappedFile::open(place)));
  image_.emplace(std::move(*pe::Image::from_file(file_->bytes())));
  base_ = base != 0 ? base : image_->preferred_base();
  pages_ = std::make_unique<pe::RelocatedPages>(*image_, base_);
  symbols::ModuleKey key;
  key.name = path.filename().string();
  key.base = base_;
  key.size = image_->size_of_image();
  key.timestamp = image_->timestamp();
  symbols::Places places;
  places.image_path = store::SymbolPath::of_folder(place.parent_path().string());
  if (with_pdb) places.symbol_path = places.image_path;
  symbolizer_ = std::make_unique<symbols::Symbolizer>(std::vector{key}, std::move(places));
  const base::ByteSource& memory =
      in_memory ? static_cast<const base::ByteSource&>(*pages_) : nothing_;
  view_ = std::make_unique<analysis::CodeView>(memory, *symbolizer_, image_->architecture());
}

std::vector<std::filesystem::path> images_of(base::Architecture architecture) {
  std::vector<std::filesystem::path> found;
  const std::filesystem::path wine = "/usr/lib/x86_64-linux-gnu/wine";
  for (const std::filesystem::path& folder :
       {node_pty_x64(), node_pty_arm64(), data_dir() / "systeminformer_x64", data_dir() / "seh",
        binary_dir() / "tests/world_x86/modules", wine / "x86_64-windows", wine / "i386-windows"}) {
    std::error_code ignored;
    std::size_t of_folder = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
      const auto extension = entry.path().extension();
      if (extension != ".dll" && extension != ".exe" && extension != ".sys" && extension != ".node")
        continue;
      if (entry.file_size(ignored) > kLargest || of_folder >= kMostImages) continue;
      const auto file = base::MappedFile::open(entry.path());
      const auto image = file ? pe::Image::from_file(file->bytes())
                              : base::Result<pe::Image>(base::fail("not there"));
      if (!image || image->architecture() != architecture) continue;
      found.push_back(entry.path());
      ++of_folder;
    }
  }
  return found;
}

}  // namespace ntstack::tests
