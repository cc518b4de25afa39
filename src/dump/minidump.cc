#include "dump/minidump.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "dump/kernel_stacks.h"
#include "dump/records.h"

namespace ntstack::dump {

namespace {

// Offsets and sizes are from minidumpapiset.h, documented by Microsoft; the structures there are
// packed to 4 bytes.
constexpr std::uint64_t header_size = 0x20;
constexpr std::uint64_t stream_count_at = 0x8;
constexpr std::uint64_t directory_rva_at = 0xc;
constexpr std::uint64_t timestamp_at = 0x14;
constexpr std::uint64_t directory_entry_size = 0xc;

enum class Stream : std::uint32_t {
  thread_list = 3,
  module_list = 4,
  memory_list = 5,
  exception = 6,
  system_info = 7,
  thread_ex_list = 8,
  memory64_list = 9,
  comment_a = 10,
  comment_w = 11,
  unloaded_module_list = 14,
  misc_info = 15,
  thread_info_list = 17,
  thread_names = 24,
};

constexpr std::uint64_t thread_size = 0x30;
constexpr std::uint64_t thread_ex_size = 0x40;
constexpr std::uint64_t module_size = 0x6c;
constexpr std::uint64_t memory_descriptor_size = 0x10;
constexpr std::uint64_t thread_name_size = 0xc;

// More than any process has; only a broken file lists more.
constexpr std::uint64_t max_streams = 4096;
constexpr std::uint64_t max_threads = 1 << 18;
constexpr std::uint64_t max_modules = 1 << 14;
constexpr std::uint64_t max_unloaded_modules = 1 << 14;
constexpr std::uint64_t max_memory_ranges = 1 << 22;
constexpr std::uint64_t max_comment_bytes = 1 << 16;

constexpr std::uint64_t filetime_of_unix_epoch = 116444736000000000;
constexpr std::uint64_t filetime_per_second = 10000000;

std::uint64_t filetime_of_unix_time(std::uint32_t seconds) {
  return filetime_of_unix_epoch + seconds * filetime_per_second;
}

// PROCESSOR_ARCHITECTURE_* of SystemInfo to IMAGE_FILE_MACHINE_*; 0 for one that no Windows has.
std::uint32_t machine_of_processor(std::uint16_t processor) {
  switch (processor) {
    case 0:
      return 0x14c;
    case 5:
      return 0x1c4;
    case 6:
      return 0x200;
    case 9:
      return 0x8664;
    case 12:
    case 0x8003:
      return 0xaa64;  // the latter was Breakpad's before Windows had a number
    default:
      return 0;
  }
}

// A table of a stream: where its entries are, and how many of them are wholly in the file.
struct Table {
  base::Bytes entries;
  std::uint64_t entry_size = 0;
  std::uint64_t count = 0;
  base::Bytes entry(std::uint64_t i) const { return entries.clamp(i * entry_size, entry_size); }
};

class MinidumpReader {
 public:
  explicit MinidumpReader(base::Bytes file) : file_(file) {}

  base::Result<Dump> read();

 private:
  base::Bytes stream(std::uint32_t type) const;
  base::Bytes stream(Stream type) const { return stream(static_cast<std::uint32_t>(type)); }
  // A list that begins with a u32 count, and perhaps 4 bytes to align its entries.
  Table counted_table(Stream type, std::uint64_t entry_size, std::uint64_t limit,
                      std::string_view what);
  // A list that begins with the sizes of its header and of its entries.
  Table sized_table(Stream type, std::uint64_t least_entry_size, std::uint64_t limit,
                    std::string_view what, bool count_is_64_bit);
  base::Bytes located(base::Bytes descriptor, std::uint64_t at);
  std::string string_at(std::uint64_t rva) const;
  std::uint64_t address(base::Bytes entry, std::uint64_t at) const {
    return target_address(entry.get_or<std::uint64_t>(at, 0), is_64_bit(dump_.architecture));
  }
  void warn(std::string text) { dump_.warnings.push_back(std::move(text)); }

  base::Result<void> read_directory();
  base::Result<void> read_system();
  void read_misc();
  void read_comments();
  void read_modules();
  void read_code_view(base::Bytes record, ModuleRecord& module);
  void read_unloaded_modules();
  void read_threads();
  void read_kernel_stacks();
  void read_thread_names();
  void read_thread_starts();
  void read_exception();
  void read_memory();
  void add_memory64(MemoryPieces& pieces);

  base::Bytes file_;
  base::Bytes directory_;
  Dump dump_;
  std::vector<base::SegmentSource::Segment> stacks_;
  std::unordered_map<std::uint32_t, std::size_t> thread_by_id_;
  std::uint64_t end_listed_ = 0;  // the highest end of anything that the file lists
};

base::Result<void> MinidumpReader::read_directory() {
  if (file_.size() < header_size) {
    return base::fail("a minidump that was cut off inside its header: {:#x} bytes are there",
                      file_.size());
  }
  const std::uint64_t rva = file_.get_or<std::uint32_t>(directory_rva_at, 0);
  const std::uint64_t count = file_.get_or<std::uint32_t>(stream_count_at, 0);
  const std::uint64_t listed = std::min(count, max_streams) * directory_entry_size;
  directory_ = file_.clamp(rva, listed);
  end_listed_ = rva + listed;
  if (count == 0 || directory_.size() < directory_entry_size) {
    return base::fail(
        "a minidump without its directory of streams, which should be at {:#x} of "
        "{:#x} bytes: it was cut off, or its writer did not finish",
        rva, file_.size());
  }
  for (std::uint64_t at = 0; directory_.contains(at, directory_entry_size);
       at += directory_entry_size) {
    if (directory_.get_or<std::uint32_t>(at, 0) == 0) continue;  // an unused stream
    end_listed_ = std::max(end_listed_, std::uint64_t{directory_.get_or<std::uint32_t>(at + 4, 0)} +
                                            directory_.get_or<std::uint32_t>(at + 8, 0));
  }
  return {};
}

base::Bytes MinidumpReader::stream(std::uint32_t type) const {
  for (std::uint64_t at = 0; directory_.contains(at, directory_entry_size);
       at += directory_entry_size) {
    if (directory_.get_or<std::uint32_t>(at, 0) != type) continue;
    return file_.clamp(directory_.get_or<std::uint32_t>(at + 8, 0),
                       directory_.get_or<std::uint32_t>(at + 4, 0));
  }
  return {};
}

Table MinidumpReader::counted_table(Stream type, std::uint64_t entry_size, std::uint64_t limit,
                                    std::string_view what) {
  const base::Bytes bytes = stream(type);
  const std::uint64_t count = bytes.get_or<std::uint32_t>(0, 0);
  const bool padded = bytes.size() == 8 + count * entry_size;
  Table table;
  table.entries = bytes.clamp(padded ? 8 : 4);
  table.entry_size = entry_size;
  table.count = std::min({count, std::uint64_t{table.entries.size()} / entry_size, limit});
  if (table.count < count) {
    warn(fmt::format("{} {} are listed in the file", count_of(table.count, count), what));
  }
  return table;
}

Table MinidumpReader::sized_table(Stream type, std::uint64_t least_entry_size, std::uint64_t limit,
                                  std::string_view what, bool count_is_64_bit) {
  const base::Bytes bytes = stream(type);
  Table table;
  if (bytes.empty()) return table;
  const std::uint64_t head = bytes.get_or<std::uint32_t>(0, 0);
  const std::uint64_t count =
      count_is_64_bit ? bytes.get_or<std::uint64_t>(8, 0) : bytes.get_or<std::uint32_t>(8, 0);
  table.entry_size = bytes.get_or<std::uint32_t>(4, 0);
  if (table.entry_size < least_entry_size) {
    warn(fmt::format("the list of {} is damaged: entries of {:#x} bytes", what, table.entry_size));
    return table;
  }
  table.entries = bytes.clamp(head);
  table.count = std::min({count, std::uint64_t{table.entries.size()} / table.entry_size, limit});
  if (table.count < count) {
    warn(fmt::format("{} {} are listed in the file", count_of(table.count, count), what));
  }
  return table;
}

// What a MINIDUMP_LOCATION_DESCRIPTOR (size, RVA) names, as far as the file has it.
base::Bytes MinidumpReader::located(base::Bytes descriptor, std::uint64_t at) {
  const std::uint64_t size = descriptor.get_or<std::uint32_t>(at, 0);
  const std::uint64_t rva = descriptor.get_or<std::uint32_t>(at + 4, 0);
  if (size == 0 || rva == 0) return {};
  end_listed_ = std::max(end_listed_, rva + size);
  return file_.clamp(rva, size);
}

// MINIDUMP_STRING: the length in bytes, then UTF-16.
std::string MinidumpReader::string_at(std::uint64_t rva) const {
  const auto length = file_.get<std::uint32_t>(rva);
  if (rva == 0 || !length) return {};
  return module_name(file_.clamp(rva + 4), *length / 2);
}

base::Result<void> MinidumpReader::read_system() {
  const base::Bytes system = stream(Stream::system_info);
  const auto processor = system.get<std::uint16_t>(0);
  if (!processor) {
    return base::fail(
        "a minidump that does not say what processor it is from (no SystemInfo "
        "stream): it was cut off, or its writer did not finish");
  }
  dump_.machine = machine_of_processor(*processor);
  dump_.architecture = base::architecture_of_machine(dump_.machine);
  dump_.processor_count = system.get_or<std::uint8_t>(0x6, 0);
  dump_.major_version = system.get_or<std::uint32_t>(0x8, 0);
  dump_.build = system.get_or<std::uint32_t>(0x10, 0);
  if (dump_.architecture == base::Architecture::unknown) {
    warn(
        fmt::format("the processor (architecture {:#x}) is not one that is understood: x86, x64 "
                    "and ARM64 are",
                    *processor));
  }
  constexpr std::uint32_t windows_nt = 2;  // VER_PLATFORM_WIN32_NT
  if (const auto platform = system.get_or<std::uint32_t>(0x14, windows_nt);
      platform != windows_nt) {
    warn(fmt::format("the dump is not from Windows (platform {:#x})", platform));
  }
  return {};
}

void MinidumpReader::read_misc() {
  const base::Bytes misc = stream(Stream::misc_info);
  constexpr std::uint32_t has_process_id = 1;
  constexpr std::uint32_t has_process_times = 2;
  const auto flags = misc.get_or<std::uint32_t>(4, 0);
  if ((flags & has_process_id) != 0) dump_.process_id = misc.get<std::uint32_t>(8);
  if (const auto created = misc.get<std::uint32_t>(0xc);
      (flags & has_process_times) != 0 && created) {
    dump_.process_create_time = filetime_of_unix_time(*created);
  }
}

void MinidumpReader::read_comments() {
  const base::Bytes wide = stream(Stream::comment_w);
  if (!wide.empty()) {
    dump_.comment = module_name(wide, max_comment_bytes / 2);
    return;
  }
  dump_.comment = std::string(stream(Stream::comment_a).text(0, max_comment_bytes));
}

void MinidumpReader::read_modules() {
  const Table table = counted_table(Stream::module_list, module_size, max_modules, "modules");
  std::uint64_t nameless = 0;
  dump_.modules.reserve(table.count);
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const base::Bytes entry = table.entry(i);
    ModuleRecord module;
    module.base = address(entry, 0);
    module.size = size_in_space(module.base, entry.get_or<std::uint32_t>(0x8, 0));
    module.checksum = entry.get_or<std::uint32_t>(0xc, 0);
    module.timestamp = entry.get_or<std::uint32_t>(0x10, 0);
    module.path = string_at(entry.get_or<std::uint32_t>(0x14, 0));
    if (module.path.empty()) ++nameless;
    read_code_view(located(entry, 0x4c), module);
    dump_.modules.push_back(std::move(module));
  }
  if (nameless != 0) {
    warn(fmt::format("{} modules have no name in the file", count_of(nameless, table.count)));
  }
}

// RSDS (PDB 7) has a GUID; NB10 (PDB 2) has only a time stamp.
void MinidumpReader::read_code_view(base::Bytes record, ModuleRecord& module) {
  constexpr std::size_t max_path = 1024;
  const std::string_view signature = record.text(0, 4);
  if (signature == "RSDS") {
    module.pdb_guid = record.get<base::Guid>(4);
    module.pdb_age = record.get_or<std::uint32_t>(0x14, 0);
    module.pdb_name = std::string(record.text(0x18, max_path));
  } else if (signature == "NB10") {
    module.pdb_age = record.get_or<std::uint32_t>(0xc, 0);
    module.pdb_name = std::string(record.text(0x10, max_path));
  }
}

void MinidumpReader::read_unloaded_modules() {
  constexpr std::uint64_t least_size = 0x18;
  const Table table = sized_table(Stream::unloaded_module_list, least_size, max_unloaded_modules,
                                  "unloaded modules", false);
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const base::Bytes entry = table.entry(i);
    UnloadedModuleRecord module;
    module.begin = address(entry, 0);
    module.end = module.begin + size_in_space(module.begin, entry.get_or<std::uint32_t>(0x8, 0));
    module.name = string_at(entry.get_or<std::uint32_t>(0x14, 0));
    dump_.unloaded_modules.push_back(std::move(module));
  }
}

void MinidumpReader::read_threads() {
  Table table = counted_table(Stream::thread_list, thread_size, max_threads, "threads");
  if (table.count == 0) {
    table = counted_table(Stream::thread_ex_list, thread_ex_size, max_threads, "threads");
  }
  dump_.threads.reserve(table.count);
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const base::Bytes entry = table.entry(i);
    ThreadRecord thread;
    thread.id = entry.get_or<std::uint32_t>(0, 0);
    thread.suspend_count = entry.get_or<std::uint32_t>(4, 0);
    thread.teb = address(entry, 0x10);
    thread.stack_address = address(entry, 0x18);
    thread.stack_size = size_in_space(thread.stack_address, entry.get_or<std::uint32_t>(0x20, 0));
    thread.context = located(entry, 0x28);
    // Where the RVA is 0 the stack is among the full memory (Memory64List).
    stacks_.push_back({thread.stack_address, located(entry, 0x20)});
    thread_by_id_.emplace(thread.id, dump_.threads.size());
    dump_.threads.push_back(std::move(thread));
  }
}

// Ours: it makes the file one of the kernel's.
void MinidumpReader::read_kernel_stacks() {
  const base::Bytes bytes = stream(kernel_stacks_stream);
  if (bytes.empty()) return;
  if (auto taken = take_kernel_stacks(bytes, max_threads, dump_); !taken) {
    warn(taken.error().text());
    return;
  }
  for (std::size_t i = 0; i < dump_.threads.size(); ++i)
    thread_by_id_.emplace(dump_.threads[i].id, i);
}

void MinidumpReader::read_thread_names() {
  const Table table =
      counted_table(Stream::thread_names, thread_name_size, max_threads, "thread names");
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const base::Bytes entry = table.entry(i);
    const auto found = thread_by_id_.find(entry.get_or<std::uint32_t>(0, 0));
    if (found == thread_by_id_.end()) continue;
    dump_.threads[found->second].name = string_at(entry.get_or<std::uint64_t>(4, 0));
  }
}

void MinidumpReader::read_thread_starts() {
  constexpr std::uint64_t least_size = 0x40;
  constexpr std::uint64_t start_address_at = 0x30;
  const Table table =
      sized_table(Stream::thread_info_list, least_size, max_threads, "thread times", false);
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const base::Bytes entry = table.entry(i);
    const auto found = thread_by_id_.find(entry.get_or<std::uint32_t>(0, 0));
    if (found == thread_by_id_.end()) continue;
    dump_.threads[found->second].start_address = address(entry, start_address_at);
  }
}

void MinidumpReader::read_exception() {
  const base::Bytes exception = stream(Stream::exception);
  if (exception.empty()) return;
  dump_.exception_thread_id = exception.get<std::uint32_t>(0);
  dump_.exception = exception_record(exception.clamp(8, 0x98), true);
  if (dump_.exception) {
    dump_.exception->address =
        target_address(dump_.exception->address, is_64_bit(dump_.architecture));
  }
  dump_.context = located(exception, 0xa0);
}

// Memory64List: all ranges lie one behind another from one place on, without RVAs of their own.
void MinidumpReader::add_memory64(MemoryPieces& pieces) {
  const base::Bytes bytes = stream(Stream::memory64_list);
  if (bytes.empty()) return;
  const std::uint64_t count = bytes.get_or<std::uint64_t>(0, 0);
  std::uint64_t rva = bytes.get_or<std::uint64_t>(8, 0);
  const base::Bytes entries = bytes.clamp(0x10);
  const std::uint64_t present =
      std::min({count, std::uint64_t{entries.size()} / memory_descriptor_size, max_memory_ranges});
  if (present < count) {
    warn(fmt::format("{} memory ranges are listed in the file", count_of(present, count)));
  }
  for (std::uint64_t i = 0; i < present; ++i) {
    const base::Bytes entry = entries.clamp(i * memory_descriptor_size, memory_descriptor_size);
    const std::uint64_t size = entry.get_or<std::uint64_t>(8, 0);
    pieces.add(address(entry, 0), file_.clamp(rva, size));
    rva = size > UINT64_MAX - rva ? UINT64_MAX : rva + size;
    end_listed_ = std::max(end_listed_, rva);
  }
}

void MinidumpReader::read_memory() {
  MemoryPieces pieces(file_.size());
  const Table list = counted_table(Stream::memory_list, memory_descriptor_size, max_memory_ranges,
                                   "memory ranges");
  for (std::uint64_t i = 0; i < list.count; ++i) {
    pieces.add(address(list.entry(i), 0), located(list.entry(i), 8));
  }
  add_memory64(pieces);
  for (const auto& stack : stacks_) pieces.add(stack.address, stack.bytes);
  if (pieces.left_out() != 0) {
    warn(
        fmt::format("{} memory ranges are left out: together they list far more bytes than the "
                    "file has, so its tables are damaged",
                    pieces.left_out()));
  }
  dump_.memory = std::move(pieces).source();
}

base::Result<Dump> MinidumpReader::read() {
  dump_.kind = Kind::minidump;
  if (auto found = read_directory(); !found) return std::unexpected(std::move(found.error()));
  if (auto found = read_system(); !found) return std::unexpected(std::move(found.error()));
  if (const auto time = file_.get_or<std::uint32_t>(timestamp_at, 0); time != 0) {
    dump_.system_time = filetime_of_unix_time(time);
  }
  read_misc();
  read_comments();
  read_modules();
  read_unloaded_modules();
  read_threads();
  read_kernel_stacks();
  read_thread_names();
  read_thread_starts();
  read_exception();
  read_memory();
  if (end_listed_ > file_.size()) {
    warn(
        fmt::format("the file was cut off: it has {:#x} bytes of the {:#x} that it lists; what is "
                    "there is used",
                    file_.size(), end_listed_));
  }
  return std::move(dump_);
}

}  // namespace

bool is_minidump(base::Bytes file) { return file.text(0, 4) == "MDMP"; }

base::Result<Dump> parse_minidump(base::Bytes file) { return MinidumpReader(file).read(); }

}  // namespace ntstack::dump
