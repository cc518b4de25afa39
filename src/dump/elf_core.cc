#include "dump/elf_core.h"

#include <algorithm>
#include <vector>

#include "dump/elf_notes.h"
#include "dump/page_runs.h"
#include "dump/records.h"

namespace ntstack::dump {

namespace {

// The System V ABI's ELF header and program header, in both widths.
struct Layout {
  std::uint64_t width;  // of addresses and offsets
  std::uint64_t program_headers_at;
  std::uint64_t section_headers_at;
  std::uint64_t program_header_size_at;
  std::uint64_t program_header_count_at;
  std::uint64_t section_info;  // sh_info in a section header
  std::uint64_t program_header_size;
  std::uint64_t offset, vaddr, paddr, file_size, memory_size;  // in a program header
};
constexpr Layout layout32{.width = 4,
                          .program_headers_at = 0x1c,
                          .section_headers_at = 0x20,
                          .program_header_size_at = 0x2a,
                          .program_header_count_at = 0x2c,
                          .section_info = 0x1c,
                          .program_header_size = 0x20,
                          .offset = 0x4,
                          .vaddr = 0x8,
                          .paddr = 0xc,
                          .file_size = 0x10,
                          .memory_size = 0x14};
constexpr Layout layout64{.width = 8,
                          .program_headers_at = 0x20,
                          .section_headers_at = 0x28,
                          .program_header_size_at = 0x36,
                          .program_header_count_at = 0x38,
                          .section_info = 0x2c,
                          .program_header_size = 0x38,
                          .offset = 0x8,
                          .vaddr = 0x10,
                          .paddr = 0x18,
                          .file_size = 0x20,
                          .memory_size = 0x28};

constexpr std::uint64_t class_at = 4, data_at = 5;
constexpr std::uint64_t type_at = 0x10, machine_at = 0x12;
constexpr std::uint16_t type_core = 4;
constexpr std::uint32_t segment_load = 1, segment_note = 4;
// So many program headers that the count is in the first section header.
constexpr std::uint32_t count_elsewhere = 0xffff;

base::Architecture architecture_of_elf(std::uint16_t machine) {
  switch (machine) {
    case 3:
      return base::Architecture::x86;
    case 62:
      return base::Architecture::x64;
    case 183:
      return base::Architecture::arm64;
    default:
      return base::Architecture::unknown;
  }
}

struct Segment {
  std::uint32_t type = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t written = 0;  // bytes that the file should have
  base::Bytes bytes;          // those that it has
};

class CoreReader {
 public:
  explicit CoreReader(base::Bytes file)
      : file_(file), layout_(file.get_or<std::uint8_t>(class_at, 0) == 1 ? layout32 : layout64) {}

  base::Result<Dump> read();

 private:
  std::uint64_t word(base::Bytes bytes, std::uint64_t at) const {
    return layout_.width == 8 ? bytes.get_or<std::uint64_t>(at, 0)
                              : bytes.get_or<std::uint32_t>(at, 0);
  }
  std::string refusal() const;
  void read_segments();
  void read_notes();
  void gather_physical();
  void gather_mapped();

  base::Bytes file_;
  const Layout& layout_;
  std::vector<Segment> segments_;
  bool of_machine_ = false;  // a note says that this is a machine's core
  Dump dump_;
};

std::string CoreReader::refusal() const {
  const auto type = file_.get_or<std::uint16_t>(type_at, 0);
  if (file_.get_or<std::uint8_t>(data_at, 0) != 1) {
    return "an ELF file of a big-endian machine, no memory of Windows";
  }
  if (type != type_core) {
    return fmt::format("an ELF file of type {}, and not a memory core (type 4): no dump", type);
  }
  return {};
}

void CoreReader::read_segments() {
  const std::uint64_t table = word(file_, layout_.program_headers_at);
  const std::uint64_t size = file_.get_or<std::uint16_t>(layout_.program_header_size_at, 0);
  std::uint64_t count = file_.get_or<std::uint16_t>(layout_.program_header_count_at, 0);
  if (count == count_elsewhere) {
    const base::Bytes section = file_.clamp(word(file_, layout_.section_headers_at));
    count = section.get_or<std::uint32_t>(layout_.section_info, count_elsewhere);
  }
  if (size < layout_.program_header_size) return;
  const std::uint64_t present = std::min<std::uint64_t>(count, file_.clamp(table).size() / size);
  if (present < count) {
    dump_.warnings.push_back(
        fmt::format("{} program headers are in the file", count_of(present, count)));
  }
  segments_.reserve(present);
  for (std::uint64_t i = 0; i < present; ++i) {
    const base::Bytes header = file_.clamp(table + i * size, size);
    Segment segment;
    segment.type = header.get_or<std::uint32_t>(0, 0);
    segment.vaddr = word(header, layout_.vaddr);
    segment.paddr = word(header, layout_.paddr);
    segment.written = std::min(word(header, layout_.file_size), word(header, layout_.memory_size));
    if (segment.type == segment_note) segment.written = word(header, layout_.file_size);
    segment.bytes = file_.clamp(word(header, layout_.offset), segment.written);
    if (segment.written != 0) segments_.push_back(segment);
  }
}

void CoreReader::read_notes() {
  for (const Segment& segment : segments_) {
    if (segment.type == segment_note && read_elf_notes(segment.bytes, dump_)) of_machine_ = true;
  }
  dump_.processor_count = static_cast<std::uint32_t>(dump_.processors.size());
}

// With -p, QEMU lists a page once for each place where it is mapped.
void CoreReader::gather_physical() {
  std::vector<const Segment*> loads;
  std::uint64_t cut = 0;
  for (const Segment& segment : segments_) {
    if (segment.type != segment_load) continue;
    loads.push_back(&segment);
    if (segment.bytes.size() < segment.written) ++cut;
  }
  if (cut != 0) {
    dump_.warnings.push_back(
        fmt::format("the file was cut off: {} ranges of memory lie wholly or partly behind its end",
                    count_of(cut, loads.size())));
  }
  std::ranges::stable_sort(loads, {}, &Segment::paddr);
  MemoryPieces pieces(file_.size());
  std::uint64_t end = 0;  // of the physical memory that was taken
  for (const Segment* load : loads) {
    if (load->paddr > UINT64_MAX - load->bytes.size()) continue;
    const std::uint64_t known = load->paddr < end ? end - load->paddr : 0;
    const base::Bytes fresh = load->bytes.clamp(known);
    if (fresh.empty()) continue;
    pieces.add(load->paddr + known, fresh);
    end = load->paddr + load->bytes.size();
  }
  if (pieces.left_out() != 0) {
    dump_.warnings.push_back(
        fmt::format("{} ranges of memory are left out: together they list far more bytes than the "
                    "file has, so its table is damaged",
                    pieces.left_out()));
  }
  dump_.physical_bytes = pieces.bytes();
  dump_.physical = std::move(pieces).source();
}

// QEMU sets the upper 16 bits of x64's addresses in either half of the space.
std::uint64_t canonical(std::uint64_t address, base::Architecture architecture) {
  const bool is_low = (address >> 47 & 1) == 0;
  return architecture == base::Architecture::x64 && is_low ? address & 0xffffffffffff : address;
}

// It gives the physical address again where there is no virtual one.
void CoreReader::gather_mapped() {
  MemoryPieces pieces(file_.size());
  for (const Segment& segment : segments_) {
    if (segment.type == segment_load && segment.vaddr != 0 && segment.vaddr != segment.paddr) {
      pieces.add(canonical(segment.vaddr, dump_.architecture), segment.bytes);
    }
  }
  if (pieces.left_out() != 0) {
    dump_.warnings.push_back(fmt::format(
        "{} ranges of virtual memory are left out: together they have far more bytes than the file",
        pieces.left_out()));
  }
  if (pieces.bytes() != 0) dump_.mapped = std::move(pieces).source();
}

base::Result<Dump> CoreReader::read() {
  if (std::string why = refusal(); !why.empty()) {
    return std::unexpected(base::Error{std::move(why), {}});
  }
  dump_.kind = Kind::elf;
  dump_.architecture = architecture_of_elf(file_.get_or<std::uint16_t>(machine_at, 0));
  read_segments();
  read_notes();
  const auto is_load = [](const Segment& s) { return s.type == segment_load; };
  const auto has_paddr = [&](const Segment& s) { return is_load(s) && s.paddr != 0; };
  if (std::ranges::none_of(segments_, is_load)) {
    return base::fail("an ELF core without memory in it: no range (PT_LOAD) is listed");
  }
  if (!of_machine_ && std::ranges::none_of(segments_, has_paddr)) {
    return base::fail(
        "an ELF core without physical addresses: it is of a process, not of a machine");
  }
  gather_physical();
  gather_mapped();
  return std::move(dump_);
}

}  // namespace

bool is_elf(base::Bytes file) {
  return file.text(0, 4) ==
         "\x7f"
         "ELF";
}

base::Result<Dump> parse_elf_core(base::Bytes file) { return CoreReader(file).read(); }

}  // namespace ntstack::dump
