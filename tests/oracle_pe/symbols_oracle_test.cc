// Exports and COFF symbols against llvm-readobj --coff-exports and --symbols.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "oracle_images.h"
#include "pe/symbols.h"
#include "readobj.h"

namespace ntstack::tests {
namespace {

std::vector<std::string> texts_of(const std::vector<pe::ImageSymbol>& symbols) {
  std::vector<std::string> texts;
  for (const auto& symbol : symbols)
    texts.push_back(fmt::format("{:#x} {}", symbol.rva, symbol.name));
  std::ranges::sort(texts);
  return texts;
}

std::vector<std::string> printed_exports(const ReadobjNode& printed) {
  std::vector<std::string> texts;
  for (const ReadobjNode& entry : printed.children) {
    if (entry.name != "Export" || entry.find("ForwardedTo") || entry.number("RVA") == 0) continue;
    const std::string_view name = entry.text("Name");
    texts.push_back(fmt::format(
        "{:#x} {}", entry.number("RVA"),
        name.empty() ? fmt::format("Ordinal{}", entry.number("Ordinal")) : std::string(name)));
  }
  std::ranges::sort(texts);
  return texts;
}

TEST(SymbolsOracle, ExportsAreAsLlvmReadobjPrintsThem) {
  const std::filesystem::path tool = newest_readobj();
  if (tool.empty()) GTEST_SKIP() << "not installed: llvm-readobj";
  std::size_t images = 0;
  std::size_t count = 0;
  for (const std::filesystem::path& path : all_images()) {
    SCOPED_TRACE(path.string());
    const auto open = OpenImage::open(path);
    ASSERT_TRUE(open) << open.error().text();
    const auto ours = pe::exports(open->image);
    ASSERT_TRUE(ours) << ours.error().text();
    EXPECT_TRUE(std::ranges::is_sorted(*ours, {}, &pe::ImageSymbol::rva));
    const ReadobjNode printed = readobj(tool, "--coff-exports", path);
    if (printed.children.empty()) continue;  // the tool refuses tables without any name
    ASSERT_EQ(texts_of(*ours), printed_exports(printed));
    images += ours->empty() ? 0 : 1;
    count += ours->size();
  }
  std::cout << fmt::format("compared with {}: {} exports of {} images\n", tool.filename().string(),
                           count, images);
  if (images == 0) GTEST_SKIP() << "no images at hand";
}

// The functions among the printed symbols: external in an executable section, or static and typed.
std::vector<std::string> printed_functions(const ReadobjNode& printed, const pe::Image& image) {
  std::vector<std::string> texts;
  const ReadobjNode* symbols = printed.find("Symbols");
  if (!symbols) return texts;
  for (const ReadobjNode& symbol : symbols->children) {
    const std::string_view section = symbol.text("Section");
    const auto number = static_cast<std::int64_t>(symbol.number("Section"));
    if (section.find("(-") != std::string_view::npos || number <= 0) continue;
    const pe::Section& in = image.sections()[static_cast<std::size_t>(number) - 1];
    const std::string_view storage = symbol.text("StorageClass");
    const bool external = storage.starts_with("External") || storage.starts_with("WeakExternal");
    const bool typed = symbol.text("ComplexType").starts_with("Function");
    if (!in.executable() || !(external || (storage.starts_with("Static") && typed))) continue;
    texts.push_back(fmt::format("{:#x} {}", in.rva + symbol.number("Value"), symbol.text("Name")));
  }
  std::ranges::sort(texts);
  return texts;
}

TEST(SymbolsOracle, CoffSymbolsAreTheFunctionsThatLlvmReadobjPrints) {
  const std::filesystem::path tool = newest_readobj();
  if (tool.empty()) GTEST_SKIP() << "not installed: llvm-readobj";
  std::size_t images = 0;
  std::size_t count = 0;
  for (const std::filesystem::path& path : all_images()) {
    SCOPED_TRACE(path.string());
    const auto open = OpenImage::open(path);
    ASSERT_TRUE(open) << open.error().text();
    if (!open->image.symbol_count()) continue;
    const auto ours = pe::coff_symbols(open->image);
    ASSERT_TRUE(ours) << ours.error().text();
    ASSERT_EQ(texts_of(*ours), printed_functions(readobj(tool, "--symbols", path), open->image));
    ++images;
    count += ours->size();
  }
  std::cout << fmt::format("compared with {}: {} functions of {} images\n",
                           tool.filename().string(), count, images);
  if (images == 0) GTEST_SKIP() << "no images at hand";
}

}  // namespace
}  // namespace ntstack::tests
