#include "dump/triage.h"

#include <algorithm>

#include "base/text.h"
#include "dump/records.h"
#include "dump/secondary.h"

namespace ntstack::dump {

namespace {

// TRIAGE_DUMP32 and TRIAGE_DUMP64 follow the kernel dump's header; these are offsets into them.
// The two are alike up to TopOfStack.
constexpr std::uint32_t size_of_dump_at = 0x4;
constexpr std::uint32_t valid_offset_at = 0x8;
constexpr std::uint32_t context_offset_at = 0xc;
constexpr std::uint32_t exception_offset_at = 0x10;
constexpr std::uint32_t mm_offset_at = 0x14;
constexpr std::uint32_t unloaded_drivers_offset_at = 0x18;
constexpr std::uint32_t prcb_offset_at = 0x1c;
constexpr std::uint32_t process_offset_at = 0x20;
constexpr std::uint32_t thread_offset_at = 0x24;
constexpr std::uint32_t call_stack_offset_at = 0x28;
constexpr std::uint32_t call_stack_size_at = 0x2c;
constexpr std::uint32_t driver_list_offset_at = 0x30;
constexpr std::uint32_t driver_count_at = 0x34;
constexpr std::uint32_t string_pool_offset_at = 0x38;
constexpr std::uint32_t options_at = 0x44;
constexpr std::uint32_t top_of_stack_at = 0x48;

// What differs between 32 and 64 bits.
struct Layout {
  std::uint32_t size;
  std::uint32_t data_page_address;
  std::uint32_t data_page_offset;
  std::uint32_t data_page_size;
  std::uint32_t debugger_data_offset;
  std::uint32_t debugger_data_size;
  std::uint32_t data_blocks_offset;
  std::uint32_t data_blocks_count;
  std::uint32_t data_block_size;
  // A driver: the offset of its name, then KLDR_DATA_TABLE_ENTRY.
  std::uint32_t driver_size;
  std::uint32_t driver_base;
  std::uint32_t driver_image_size;
  std::uint32_t driver_checksum;
  std::uint32_t driver_timestamp;
  // An unloaded driver: UNICODE_STRING, its first 12 characters, start, end.
  std::uint32_t unloaded_head;  // the count before the first
  std::uint32_t unloaded_size;
  std::uint32_t unloaded_name;
  std::uint32_t unloaded_begin;
};

constexpr Layout layout32{
    .size = 0x68,
    .data_page_address = 0x4c,
    .data_page_offset = 0x50,
    .data_page_size = 0x54,
    .debugger_data_offset = 0x58,
    .debugger_data_size = 0x5c,
    .data_blocks_offset = 0x60,
    .data_blocks_count = 0x64,
    .data_block_size = 0xc,
    .driver_size = 0x4c,
    .driver_base = 0x1c,
    .driver_image_size = 0x24,
    .driver_checksum = 0x44,
    .driver_timestamp = 0x48,
    .unloaded_head = 4,
    .unloaded_size = 0x28,
    .unloaded_name = 0x8,
    .unloaded_begin = 0x20,
};

constexpr Layout layout64{
    .size = 0x80,
    .data_page_address = 0x60,
    .data_page_offset = 0x68,
    .data_page_size = 0x6c,
    .debugger_data_offset = 0x70,
    .debugger_data_size = 0x74,
    .data_blocks_offset = 0x78,
    .data_blocks_count = 0x7c,
    .data_block_size = 0x10,
    .driver_size = 0x90,
    .driver_base = 0x38,
    .driver_image_size = 0x48,
    .driver_checksum = 0x80,
    .driver_timestamp = 0x88,
    .unloaded_head = 8,
    .unloaded_size = 0x38,
    .unloaded_name = 0x10,
    .unloaded_begin = 0x28,
};

constexpr std::uint32_t unloaded_name_characters = 12;
static_assert(layout32.data_blocks_count + 4 == layout32.size);
static_assert(layout64.data_blocks_count + 4 == layout64.size);
static_assert(layout32.unloaded_name + unloaded_name_characters * 2 == layout32.unloaded_begin);
static_assert(layout64.unloaded_name + unloaded_name_characters * 2 == layout64.unloaded_begin);
static_assert(layout32.unloaded_begin + 2 * 4 == layout32.unloaded_size);
static_assert(layout64.unloaded_begin + 2 * 8 == layout64.unloaded_size);

// More than any machine has; only a broken file lists more.
constexpr std::uint64_t max_drivers = 16384;
constexpr std::uint64_t max_unloaded_drivers = 1024;

constexpr std::uint32_t valid_mark = 0x44475254;  // "TRGD"
constexpr std::uint32_t kdbg_tag = 0x4742444b;    // "KDBG"
constexpr std::uint32_t kdbg_tag_at = 0x10;

class TriageReader {
 public:
  TriageReader(base::Bytes file, const KernelHeader& header)
      : file_(file),
        header_(header),
        layout_(header.is_64_bit ? layout64 : layout32),
        triage_(file.clamp(header.size, layout_.size)) {}

  Dump read();

 private:
  std::uint32_t field(std::uint32_t at) const { return triage_.get_or<std::uint32_t>(at, 0); }
  std::uint64_t pointer(base::Bytes bytes, std::uint64_t at) const {
    return header_.is_64_bit ? bytes.get_or<std::uint64_t>(at, 0)
                             : bytes.get_or<std::uint32_t>(at, 0);
  }
  // The whole entries of a table of `count` entries that are in the file, at most `limit`.
  std::uint64_t entries_in_file(std::uint64_t offset, std::uint64_t count, std::uint64_t size,
                                std::uint64_t limit) const;
  void warn(std::string text) { dump_.warnings.push_back(std::move(text)); }

  void check_completeness();
  void read_crash();
  void read_drivers();
  void read_unloaded_drivers();
  void read_debugger_data();
  void read_data_blocks();
  void read_pieces();
  base::Bytes piece(std::uint32_t offset) const;
  void gather_memory();

  base::Bytes file_;
  const KernelHeader& header_;
  const Layout& layout_;
  base::Bytes triage_;
  Dump dump_;
  TriageRecords records_;
};

std::uint64_t TriageReader::entries_in_file(std::uint64_t offset, std::uint64_t count,
                                            std::uint64_t size, std::uint64_t limit) const {
  return std::min({count, std::uint64_t{file_.clamp(offset).size()} / size, limit});
}

void TriageReader::check_completeness() {
  const std::uint64_t size = field(size_of_dump_at);
  if (size > file_.size()) {
    warn(
        fmt::format("the file was cut off: it has {:#x} bytes of the {:#x} that were written; "
                    "what is there is used",
                    file_.size(), size));
    return;
  }
  if (file_.get_or<std::uint32_t>(field(valid_offset_at), 0) != valid_mark) {
    warn(
        "the dump was not completed: the mark at its end (TRGD) is missing; what is there is used");
  }
}

// The header holds the context and the exception too; the table says where, and may name another
// place.
void TriageReader::read_crash() {
  if (const auto offset = field(context_offset_at); offset != 0) {
    if (const auto context = written_context(file_, offset, header_); !context.empty()) {
      dump_.context = context;
    }
  }
  if (const auto offset = field(exception_offset_at); offset != 0) {
    if (auto exception = written_exception(file_, offset, header_)) {
      dump_.exception = std::move(exception);
    }
  }
}

void TriageReader::read_drivers() {
  const std::uint64_t offset = field(driver_list_offset_at);
  const std::uint64_t count = field(driver_count_at);
  const std::uint64_t present = entries_in_file(offset, count, layout_.driver_size, max_drivers);
  if (present < count) {
    warn(fmt::format("{} drivers are in the file", count_of(present, count)));
  }
  std::uint64_t nameless = 0;
  dump_.modules.reserve(present);
  for (std::uint64_t i = 0; i < present; ++i) {
    const base::Bytes entry = file_.clamp(offset + i * layout_.driver_size, layout_.driver_size);
    ModuleRecord module;
    const std::uint64_t name_at = entry.get_or<std::uint32_t>(0, 0);
    if (const auto characters = file_.get<std::uint32_t>(name_at); name_at != 0 && characters) {
      module.path = module_name(file_.clamp(name_at + 4), *characters);
    }
    if (module.path.empty()) ++nameless;
    module.base = pointer(entry, layout_.driver_base);
    module.size =
        size_in_space(module.base, entry.get_or<std::uint32_t>(layout_.driver_image_size, 0));
    module.checksum = entry.get_or<std::uint32_t>(layout_.driver_checksum, 0);
    module.timestamp = entry.get_or<std::uint32_t>(layout_.driver_timestamp, 0);
    dump_.modules.push_back(std::move(module));
  }
  if (nameless != 0) {
    warn(fmt::format("{} drivers have no name in the file", count_of(nameless, present)));
  }
}

void TriageReader::read_unloaded_drivers() {
  const std::uint64_t offset = field(unloaded_drivers_offset_at);
  if (offset == 0) return;
  const std::uint64_t count = file_.get_or<std::uint32_t>(offset, 0);
  const std::uint64_t first = offset + layout_.unloaded_head;
  const std::uint64_t present =
      entries_in_file(first, count, layout_.unloaded_size, max_unloaded_drivers);
  if (present < count) {
    warn(fmt::format("{} unloaded drivers are in the file", count_of(present, count)));
  }
  for (std::uint64_t i = 0; i < present; ++i) {
    const base::Bytes entry = file_.clamp(first + i * layout_.unloaded_size, layout_.unloaded_size);
    // The length is of the whole name, of which only the first characters are here.
    const std::uint32_t characters = entry.get_or<std::uint16_t>(0, 0) / 2;
    UnloadedModuleRecord driver;
    driver.name = module_name(entry.clamp(layout_.unloaded_name),
                              std::min(characters, unloaded_name_characters));
    driver.begin = pointer(entry, layout_.unloaded_begin);
    driver.end = std::max(driver.begin,
                          pointer(entry, layout_.unloaded_begin + (header_.is_64_bit ? 8u : 4u)));
    dump_.unloaded_modules.push_back(std::move(driver));
  }
}

void TriageReader::read_debugger_data() {
  const base::Bytes data =
      file_.clamp(field(layout_.debugger_data_offset), field(layout_.debugger_data_size));
  if (data.get_or<std::uint32_t>(kdbg_tag_at, 0) == kdbg_tag) {
    dump_.kdbg = data;
  } else if (field(layout_.debugger_data_size) != 0) {
    warn("the kernel's debugger data block (KDBG) is not in the file");
  }
}

void TriageReader::read_data_blocks() {
  const std::uint64_t offset = field(layout_.data_blocks_offset);
  const std::uint64_t count = field(layout_.data_blocks_count);
  const std::uint64_t size = layout_.data_block_size;
  const std::uint64_t present = entries_in_file(offset, count, size, UINT64_MAX);
  const std::uint64_t address_size = header_.is_64_bit ? 8 : 4;
  if (present < count) {
    warn(fmt::format("{} data blocks are listed in the file", count_of(present, count)));
  }
  std::uint64_t cut = 0;
  records_.data_blocks.reserve(present);
  for (std::uint64_t i = 0; i < present; ++i) {
    const base::Bytes entry = file_.clamp(offset + i * size, size);
    const std::uint64_t place = entry.get_or<std::uint32_t>(address_size, 0);
    const std::uint64_t length = entry.get_or<std::uint32_t>(address_size + 4, 0);
    const base::Bytes bytes = file_.clamp(place, length);
    if (bytes.size() < length) ++cut;
    records_.data_blocks.push_back({pointer(entry, 0), bytes, place});
  }
  if (cut != 0) {
    warn(fmt::format("{} data blocks lie wholly or partly behind the end of the file",
                     count_of(cut, present)));
  }
}

// Nothing says how long the PRCB, the process and the thread are (their sizes go with the build).
// Each ends where the next thing begins; in dumps of a live system they are data blocks.
base::Bytes TriageReader::piece(std::uint32_t offset) const {
  if (offset < header_.size + layout_.size || offset >= file_.size()) return {};
  std::uint64_t end = std::max<std::uint64_t>(field(size_of_dump_at), offset);
  if (field(valid_offset_at) > offset) end = std::min<std::uint64_t>(end, field(valid_offset_at));
  for (const std::uint32_t at :
       {mm_offset_at, unloaded_drivers_offset_at, prcb_offset_at, process_offset_at,
        thread_offset_at, call_stack_offset_at, driver_list_offset_at, string_pool_offset_at,
        layout_.data_page_offset, layout_.debugger_data_offset, layout_.data_blocks_offset}) {
    if (field(at) > offset) end = std::min<std::uint64_t>(end, field(at));
  }
  for (const TriageRecords::DataBlock& block : records_.data_blocks) {
    if (block.file_offset == offset) return block.bytes;
    if (block.file_offset > offset) end = std::min(end, block.file_offset);
  }
  return file_.clamp(offset, end - offset);
}

void TriageReader::read_pieces() {
  records_.options = field(options_at);
  records_.prcb = piece(field(prcb_offset_at));
  records_.process = piece(field(process_offset_at));
  records_.thread = piece(field(thread_offset_at));
  records_.thread_file_offset = field(thread_offset_at);
  records_.top_of_stack = pointer(triage_, top_of_stack_at);
  if (const std::uint32_t offset = field(call_stack_offset_at); offset != 0) {
    records_.call_stack = file_.clamp(offset, field(call_stack_size_at));
    if (records_.call_stack.size() < field(call_stack_size_at)) {
      warn(fmt::format("{:#x} of {:#x} bytes of the call stack are in the file",
                       records_.call_stack.size(), field(call_stack_size_at)));
    }
  }
}

void TriageReader::gather_memory() {
  MemoryPieces pieces(file_.size());
  pieces.add(records_.top_of_stack, records_.call_stack);
  if (const std::uint32_t offset = field(layout_.data_page_offset); offset != 0) {
    pieces.add(pointer(triage_, layout_.data_page_address),
               file_.clamp(offset, field(layout_.data_page_size)));
  }
  for (const auto& block : records_.data_blocks) pieces.add(block.address, block.bytes);
  if (pieces.left_out() != 0) {
    warn(
        fmt::format("{} data blocks are left out: together they list far more bytes than the file "
                    "has, so its table is damaged",
                    pieces.left_out()));
  }
  dump_.memory = std::move(pieces).source();
}

Dump TriageReader::read() {
  dump_.kind = Kind::triage;
  take_header(header_, dump_);
  check_completeness();
  read_crash();
  read_drivers();
  read_unloaded_drivers();
  read_debugger_data();
  read_data_blocks();
  read_pieces();
  gather_memory();
  dump_.secondary = read_secondary(file_, field(size_of_dump_at), dump_.warnings);
  dump_.triage = std::move(records_);
  return std::move(dump_);
}

}  // namespace

base::Result<Dump> parse_triage(base::Bytes file, const KernelHeader& header) {
  const std::uint32_t needed = header.size + (header.is_64_bit ? layout64 : layout32).size;
  if (file.size() < needed) {
    return base::fail(
        "a triage dump that was cut off inside its header: {:#x} bytes are there, the header alone "
        "has {:#x}; copy it again from where it was written",
        file.size(), needed);
  }
  return TriageReader(file, header).read();
}

}  // namespace ntstack::dump
