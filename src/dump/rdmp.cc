#include "dump/rdmp.h"

#include <algorithm>

#include "dump/page_runs.h"
#include "dump/sniff.h"

namespace ntstack::dump {

namespace {

// Offsets behind the kernel dump's header. Microsoft has not described the format; the facts are
// those that the public kdmp-parser reads by.
constexpr std::uint64_t signature_at = 0x4;  // "RDMP", "DUMP"
constexpr std::uint64_t metadata_size_at = 0x10;
constexpr std::uint64_t first_page_at = 0x18;   // an offset in the file
constexpr std::uint64_t metadata_at = 0x20;     // what metadata_size counts from
constexpr std::uint64_t range_count_at = 0x20;  // complete dumps alone
constexpr std::uint64_t page_count_at = 0x28;   // the same
constexpr std::uint64_t ranges_at = 0x30;
constexpr std::uint64_t range_size = 0x10;  // page, count
// Ranges that memory is set aside for at once: a sparse file may have room for far more than it
// has.
constexpr std::uint64_t most_reserved = 1 << 18;

class RdmpReader {
 public:
  RdmpReader(base::Bytes file, const KernelHeader& header)
      : file_(file),
        header_(header),
        own_(file.clamp(header.size)),
        is_complete_(header.dump_type == static_cast<std::uint32_t>(DumpType::live_full)),
        first_page_(own_.get_or<std::uint64_t>(first_page_at, 0)) {}

  // What stands in the way of reading on; empty where nothing does.
  std::string refusal() const;
  Dump read();

 private:
  void check_metadata();
  void read_ranges(PageRuns& runs);

  base::Bytes file_;
  const KernelHeader& header_;
  base::Bytes own_;
  bool is_complete_;
  std::uint64_t first_page_;
  Dump dump_;
};

std::string RdmpReader::refusal() const {
  const std::string kind = text_of_dump_type(header_.dump_type);
  if (own_.size() < ranges_at) {
    return kind + " that was cut off inside its header: copy it again from where it was written";
  }
  if (!has_rdmp(file_, header_)) {
    return fmt::format("{}, but behind its header stands {} and not RDMP: the file is damaged",
                       kind, first_bytes(own_));
  }
  if (first_page_ < header_.size + ranges_at) {
    return fmt::format(
        "{} whose first page ({:#x}) is said to lie inside the header: it is damaged", kind,
        first_page_);
  }
  return {};
}

void RdmpReader::check_metadata() {
  const std::uint64_t written = own_.get_or<std::uint64_t>(metadata_size_at, 0);
  const std::uint64_t seen = first_page_ - header_.size - metadata_at;
  if (written == seen) return;
  dump_.warnings.push_back(
      fmt::format("the list of pages is said to have {:#x} bytes, but the first page lies {:#x} "
                  "behind its beginning: the first page's place is followed",
                  written, seen));
}

// A kernel dump's list ends with page 0, or where the pages begin; a complete one's is counted.
void RdmpReader::read_ranges(PageRuns& runs) {
  const base::Bytes ranges = own_.clamp(ranges_at, first_page_ - header_.size - ranges_at);
  std::uint64_t count = ranges.size() / range_size;
  std::uint64_t pages = UINT64_MAX;
  if (is_complete_) {
    count = std::min<std::uint64_t>(count, own_.get_or<std::uint32_t>(range_count_at, 0));
    pages = own_.get_or<std::uint64_t>(page_count_at, 0);
  }
  runs.reserve(std::min(count, most_reserved));
  for (std::uint64_t i = 0; i < count && runs.listed() < pages; ++i) {
    const std::uint64_t page = ranges.get_or<std::uint64_t>(i * range_size, 0);
    const std::uint64_t size = ranges.get_or<std::uint64_t>(i * range_size + 8, 0);
    if (size == 0 || (page == 0 && !is_complete_)) break;
    runs.add(page, size);
  }
  if (is_complete_ && runs.listed() != pages) {
    dump_.warnings.push_back(
        fmt::format("the header counts {} pages, its ranges have {}: the ranges are followed",
                    pages, runs.listed()));
  }
}

Dump RdmpReader::read() {
  dump_.kind = Kind::rdmp;
  take_header(header_, dump_);
  check_metadata();
  PageRuns runs(file_.clamp(first_page_));
  read_ranges(runs);
  std::move(runs).give_to(dump_);
  return std::move(dump_);
}

}  // namespace

bool has_rdmp(base::Bytes file, const KernelHeader& header) {
  return file.clamp(header.size + signature_at, 8).text(0, 8) == "RDMPDUMP";
}

base::Result<Dump> parse_rdmp(base::Bytes file, const KernelHeader& header) {
  RdmpReader reader(file, header);
  if (std::string why = reader.refusal(); !why.empty()) {
    return std::unexpected(base::Error{std::move(why), {}});
  }
  return reader.read();
}

}  // namespace ntstack::dump
