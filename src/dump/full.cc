#include "dump/full.h"

#include "dump/page_runs.h"
#include "dump/secondary.h"

namespace ntstack::dump {

namespace {

// PHYSICAL_MEMORY_DESCRIPTOR32 and 64 (mindumpdef.h): a count of runs, one of pages, and the runs.
struct Layout {
  std::uint32_t page_count;
  std::uint32_t runs;
  std::uint32_t run_size;
};
constexpr Layout layout32{.page_count = 4, .runs = 8, .run_size = 8};
constexpr Layout layout64{.page_count = 8, .runs = 0x10, .run_size = 0x10};

constexpr std::uint32_t unset = 0x45474150;  // "PAGE"

class FullReader {
 public:
  FullReader(base::Bytes file, const KernelHeader& header)
      : file_(file), header_(header), layout_(header.is_64_bit ? layout64 : layout32) {}

  Dump read() {
    dump_.kind = Kind::full;
    take_header(header_, dump_);
    PageRuns runs(file_.clamp(header_.size));
    read_runs(runs);
    const std::uint64_t listed = runs.listed();
    std::move(runs).give_to(dump_);
    if (listed < file_.size() / page_size) {
      dump_.secondary = read_secondary(file_, header_.size + listed * page_size, dump_.warnings);
    }
    return std::move(dump_);
  }

 private:
  std::uint64_t value(std::uint64_t at) const {
    const base::Bytes block = header_.physical_memory;
    return header_.is_64_bit ? block.get_or<std::uint64_t>(at, 0)
                             : block.get_or<std::uint32_t>(at, 0);
  }

  void read_runs(PageRuns& runs) {
    const auto written = header_.physical_memory.get_or<std::uint32_t>(0, unset);
    if (written == unset) {
      dump_.warnings.push_back("the header does not list the physical memory that was written");
      return;
    }
    const auto room = (header_.physical_memory.size() - layout_.runs) / layout_.run_size;
    const auto count = std::min<std::uint64_t>(written, room);
    if (count < written) {
      dump_.warnings.push_back(
          fmt::format("{} runs of physical memory are in the header", count_of(count, written)));
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t at = layout_.runs + i * layout_.run_size;
      runs.add(value(at), value(at + layout_.run_size / 2));
    }
    if (const std::uint64_t pages = value(layout_.page_count); pages != runs.listed()) {
      dump_.warnings.push_back(
          fmt::format("the header counts {} pages of physical memory, its runs have {}: the runs "
                      "are followed",
                      pages, runs.listed()));
    }
  }

  base::Bytes file_;
  const KernelHeader& header_;
  const Layout& layout_;
  Dump dump_;
};

}  // namespace

Dump parse_full(base::Bytes file, const KernelHeader& header) {
  return FullReader(file, header).read();
}

}  // namespace ntstack::dump
