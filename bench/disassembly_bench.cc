// Instructions decoded, decoded with names, and listed as text, each a second; over this program's
// own kind of images.
// `--list IMAGE` lists every executable section instead, for the race with llvm-objdump.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstring>

#include "analysis/listing.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "report/disassembly.h"
#include "test_files.h"

namespace ntstack {
namespace {

class Loaded {
 public:
  explicit Loaded(const std::filesystem::path& path) {
    if (auto file = base::MappedFile::open(path)) file_.emplace(std::move(*file));
    auto image = file_ ? pe::Image::from_file(file_->bytes())
                       : base::Result<pe::Image>(base::fail("not there"));
    if (!image) return;
    image_.emplace(std::move(*image));
    pages_.emplace(*image_, image_->preferred_base());
    symbols::ModuleKey key;
    key.name = base::path_text(path.filename());
    key.base = image_->preferred_base();
    key.size = image_->size_of_image();
    key.timestamp = image_->timestamp();
    symbols::Places places;
    places.image_path = store::SymbolPath::of_folder(base::path_text(path.parent_path()));
    places.symbol_path = places.image_path;
    symbolizer_.emplace(std::vector{key}, std::move(places));
    view_.emplace(*pages_, *symbolizer_, image_->architecture());
  }
  bool is_there() const { return view_.has_value(); }
  const analysis::CodeView& view() const { return *view_; }
  const pe::Image& image() const { return *image_; }

  // Calls `each` with the begin and end of every executable section.
  template <class Each>
  void sections(const Each& each) const {
    for (const pe::Section& section : image_->sections()) {
      const std::uint64_t begin = image_->preferred_base() + section.rva;
      if (section.executable()) each(begin, begin + section.virtual_size);
    }
  }

 private:
  std::optional<base::MappedFile> file_;
  std::optional<pe::Image> image_;
  std::optional<pe::RelocatedPages> pages_;
  std::optional<symbols::Symbolizer> symbolizer_;
  std::optional<analysis::CodeView> view_;
};

enum class Depth : std::uint8_t { decoded, named, text };

std::size_t go_through(const Loaded& loaded, Depth depth) {
  std::size_t count = 0;
  loaded.sections([&](std::uint64_t at, std::uint64_t end) {
    while (at < end) {
      const auto instruction = loaded.view().instruction_at(at);
      if (!instruction || instruction->length == 0) break;
      if (depth != Depth::decoded) {
        const auto line = analysis::line_of(loaded.view(), *instruction, nullptr);
        if (depth == Depth::text)
          benchmark::DoNotOptimize(
              report::line_text(line, base::is_64_bit(loaded.image().architecture())));
      }
      at += instruction->length;
      ++count;
    }
  });
  return count;
}

void run(benchmark::State& state, const std::filesystem::path& path, Depth depth) {
  if (!code::can_disassemble()) return state.SkipWithError("built without Capstone");
  const Loaded loaded(path);
  if (!loaded.is_there()) return state.SkipWithError("not at hand: scripts/fetch-test-images.sh");
  std::size_t count = 0;
  for (auto _ : state) count += go_through(loaded, depth);
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}

void declare(const char* name, const std::filesystem::path& path) {
  const auto add = [&](const char* what, Depth depth) {
    benchmark::RegisterBenchmark(
        fmt::format("{}/{}", name, what).c_str(),
        [path, depth](benchmark::State& state) { run(state, path, depth); })
        ->Unit(benchmark::kMillisecond);
  };
  add("decoded", Depth::decoded);
  add("named", Depth::named);
  add("text", Depth::text);
}

int list(const char* path) {
  const Loaded loaded(base::path_from_utf8(path));
  if (!loaded.is_there()) return 1;
  loaded.sections([&](std::uint64_t at, std::uint64_t end) {
    while (at < end) {
      const auto listing = analysis::list_from(loaded.view(), at, 4096, end);
      if (listing.lines.empty()) break;
      const auto& last = listing.lines.back().instruction;
      at = last.address + last.length;
      const std::string text =
          report::listing_text(listing, base::is_64_bit(loaded.image().architecture()));
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
  });
  return 0;
}

}  // namespace
}  // namespace ntstack

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--list") == 0) return ntstack::list(argv[2]);
  ntstack::declare("x64", ntstack::tests::node_pty_x64() / "conpty.node");
  ntstack::declare("ARM64", ntstack::tests::node_pty_arm64() / "conpty.node");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
