// The file of kernel stacks, written by the public layouts of minidumpapiset.h.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "dump/kernel_stacks.h"
#include "dump/kernel_stacks_layout.h"

namespace ntstack::dump {
namespace {

namespace layout = kernel_stacks_layout;

enum class Stream : std::uint32_t {
  thread_list = 3,
  module_list = 4,
  memory_list = 5,
  system_info = 7,
  misc_info = 15,
  thread_names = 24,
  kernel_stacks = kernel_stacks_stream
};

constexpr std::uint32_t kSignature = 0x504d444d, kVersion = 0xa793;  // "MDMP"
constexpr std::size_t kHeaderSize = 0x20, kStreams = 7, kEntrySize = 0xc;
constexpr std::size_t kThreadSize = 0x30, kModuleSize = 0x6c, kDescriptorSize = 0x10;
constexpr std::size_t kNameSize = 0xc, kSystemInfoSize = 0x38, kMiscInfoSize = 0x18;
constexpr std::uint64_t kUnixEpoch = 116444736000000000, kSecond = 10000000;  // FILETIME
constexpr std::uint64_t kMostStack = 0x100000;  // bytes of one; the driver's own limit is a quarter

std::uint32_t unix_time(std::uint64_t filetime) {
  if (filetime < kUnixEpoch) return 0;
  return static_cast<std::uint32_t>((filetime - kUnixEpoch) / kSecond);
}

// PROCESSOR_ARCHITECTURE_*
std::uint16_t processor_of(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x64:
      return 9;
    case base::Architecture::arm64:
      return 12;
    case base::Architecture::x86:
    case base::Architecture::unknown:
      break;
  }
  return 0;
}

// 6.1 to 6.3; later ones have 10.0.
std::uint32_t minor_version(const Dump& dump) {
  if (dump.major_version != 6 || dump.build < 7600) return 0;
  return dump.build < 9200 ? 1 : dump.build < 9600 ? 2 : 3;
}

class Writer {
 public:
  Writer(const Dump& dump, std::span<const MemoryRange> more) : dump_(dump), more_(more) {}

  base::Result<std::vector<std::byte>> write();

 private:
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(&file_[at], &value, sizeof value);
  }
  // Zeros at the end of the file, aligned to 8 bytes; where they begin.
  std::size_t add(std::size_t size) {
    file_.resize((file_.size() + 7) & ~std::size_t{7});
    const std::size_t at = file_.size();
    file_.resize(at + size);
    return at;
  }
  std::size_t add(base::Bytes bytes) {
    const std::size_t at = add(bytes.size());
    if (!bytes.empty()) std::memcpy(&file_[at], bytes.data(), bytes.size());
    return at;
  }
  std::size_t add_stream(Stream type, std::size_t size);
  std::size_t add_string(std::string_view utf8);
  void put_located(std::size_t at, std::size_t size, std::size_t where) {
    put(at, static_cast<std::uint32_t>(size));
    put(at + 4, size == 0 ? 0u : static_cast<std::uint32_t>(where));
  }

  void write_system_info();
  void write_misc_info();
  void write_modules();
  void write_module(const ModuleRecord& module, std::size_t at);
  void write_threads();
  std::size_t add_memory(std::uint64_t address, std::uint64_t size);
  void write_memory_list();
  void write_thread_names();
  void write_kernel_stacks();
  layout::Thread entry_of(std::size_t thread, std::size_t stream);

  const Dump& dump_;
  std::span<const MemoryRange> more_;
  std::vector<std::byte> file_;
  std::size_t streams_ = 0;
  struct Range {
    std::uint64_t address;
    std::size_t size, at;
  };
  std::vector<Range> stacks_;
};

std::size_t Writer::add_stream(Stream type, std::size_t size) {
  const std::size_t at = add(size), entry = kHeaderSize + kEntrySize * streams_++;
  put(entry, static_cast<std::uint32_t>(type));
  put_located(entry + 4, size, at);
  return at;
}

// MINIDUMP_STRING: bytes of UTF-16 in front, a zero behind.
std::size_t Writer::add_string(std::string_view utf8) {
  const std::u16string text = base::utf16_from_utf8(utf8);
  const std::size_t at = add(4 + 2 * text.size() + 2);
  put(at, static_cast<std::uint32_t>(2 * text.size()));
  if (!text.empty()) std::memcpy(&file_[at + 4], text.data(), 2 * text.size());
  return at;
}

void Writer::write_system_info() {
  constexpr std::uint32_t kWindowsNt = 2;  // VER_PLATFORM_WIN32_NT
  const std::size_t at = add_stream(Stream::system_info, kSystemInfoSize);
  put(at, processor_of(dump_.architecture));
  put(at + 0x6, static_cast<std::uint8_t>(std::min(dump_.processor_count, 255u)));
  put(at + 0x7, std::uint8_t{1});
  put(at + 0x8, dump_.major_version);
  put(at + 0xc, minor_version(dump_));
  put(at + 0x10, dump_.build);
  put(at + 0x14, kWindowsNt);
  put(at + 0x18, static_cast<std::uint32_t>(add_string("")));
}

void Writer::write_misc_info() {
  constexpr std::uint32_t kProcessId = 1, kProcessTimes = 2;
  const std::size_t at = add_stream(Stream::misc_info, kMiscInfoSize);
  put(at, static_cast<std::uint32_t>(kMiscInfoSize));
  put(at + 4,
      (dump_.process_id ? kProcessId : 0) | (dump_.process_create_time ? kProcessTimes : 0));
  put(at + 8, dump_.process_id.value_or(0));
  put(at + 0xc, unix_time(dump_.process_create_time.value_or(0)));
}

void Writer::write_module(const ModuleRecord& module, std::size_t at) {
  put(at, module.base);
  put(at + 0x8, static_cast<std::uint32_t>(std::min<std::uint64_t>(module.size, UINT32_MAX)));
  put(at + 0xc, module.checksum);
  put(at + 0x10, module.timestamp);
  put(at + 0x14, static_cast<std::uint32_t>(add_string(module.path)));
  if (!module.pdb_guid) return;
  std::vector<std::byte> record(0x18 + module.pdb_name.size() + 1);  // "RSDS"
  std::memcpy(record.data(), "RSDS", 4);
  std::memcpy(&record[4], &*module.pdb_guid, sizeof *module.pdb_guid);
  std::memcpy(&record[0x14], &module.pdb_age, 4);
  std::memcpy(&record[0x18], module.pdb_name.data(), module.pdb_name.size());
  put_located(at + 0x4c, record.size(), add(base::Bytes(record)));
}

void Writer::write_modules() {
  const std::size_t list = add_stream(Stream::module_list, 4 + kModuleSize * dump_.modules.size());
  put(list, static_cast<std::uint32_t>(dump_.modules.size()));
  for (std::size_t i = 0; i < dump_.modules.size(); ++i)
    write_module(dump_.modules[i], list + 4 + kModuleSize * i);
}

// Those that have registers: other readers know no thread without.
void Writer::write_threads() {
  const auto count = static_cast<std::size_t>(std::ranges::count_if(
      dump_.threads, [](const ThreadRecord& thread) { return !thread.context.empty(); }));
  const std::size_t list = add_stream(Stream::thread_list, 4 + kThreadSize * count);
  put(list, static_cast<std::uint32_t>(count));
  std::size_t at = list + 4;
  for (const ThreadRecord& thread : dump_.threads) {
    if (thread.context.empty()) continue;
    put(at, thread.id);
    put(at + 0x10, thread.teb);
    put_located(at + 0x28, thread.context.size(), add(thread.context));
    if (const std::size_t size = add_memory(thread.stack_address, thread.stack_size); size != 0) {
      put(at + 0x18, thread.stack_address);
      put_located(at + 0x20, size, stacks_.back().at);
    }
    at += kThreadSize;
  }
}

// Copies what memory has from there on into the file.
std::size_t Writer::add_memory(std::uint64_t address, std::uint64_t size) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(size, kMostStack)));
  if (dump_.memory) bytes.resize(dump_.memory->read(address, bytes));
  if (bytes.empty()) return 0;
  stacks_.push_back({address, bytes.size(), add(base::Bytes(bytes))});
  return bytes.size();
}

void Writer::write_memory_list() {
  for (const MemoryRange& range : more_) add_memory(range.address, range.size);
  const std::size_t list = add_stream(Stream::memory_list, 4 + kDescriptorSize * stacks_.size());
  put(list, static_cast<std::uint32_t>(stacks_.size()));
  for (std::size_t i = 0; i < stacks_.size(); ++i) {
    const std::size_t at = list + 4 + kDescriptorSize * i;
    put(at, stacks_[i].address);
    put_located(at + 8, stacks_[i].size, stacks_[i].at);
  }
}

void Writer::write_thread_names() {
  const auto count = static_cast<std::size_t>(std::ranges::count_if(
      dump_.threads, [](const ThreadRecord& thread) { return !thread.name.empty(); }));
  const std::size_t list = add_stream(Stream::thread_names, 4 + kNameSize * count);
  put(list, static_cast<std::uint32_t>(count));
  std::size_t at = list + 4;
  for (const ThreadRecord& thread : dump_.threads) {
    if (thread.name.empty()) continue;
    put(at, thread.id);
    put(at + 4, std::uint64_t{add_string(thread.name)});
    at += kNameSize;
  }
}

// The entry of a thread, its frames at the end of the file.
layout::Thread Writer::entry_of(std::size_t thread, std::size_t stream) {
  const KernelStackRecord& record = dump_.kernel_stacks->threads[thread];
  layout::Thread entry{};
  entry.id = dump_.threads[thread].id;
  entry.status = record.status;
  entry.flags = record.flags;
  entry.hash = record.hash;
  entry.object = record.object;
  entry.create_time = record.create_time;
  entry.time = record.time;
  entry.stack_low = record.stack_low;
  entry.stack_high = record.stack_high;
  entry.callers_address = record.callers_address;
  entry.callers_caller = record.callers_caller;
  entry.state = record.state.value_or(layout::kUnknown);
  entry.wait_reason = record.wait_reason.value_or(layout::kUnknown);
  entry.frame_count = static_cast<std::uint32_t>(record.frames.size());
  const base::Bytes frames{std::as_bytes(std::span(record.frames))};
  entry.frames_offset = static_cast<std::uint32_t>(add(frames) - stream);
  return entry;
}

// The last of the streams: it goes to the end of the file.
void Writer::write_kernel_stacks() {
  const KernelStacks& stacks = *dump_.kernel_stacks;
  layout::Header header{};
  std::memcpy(header.text, layout::kText, sizeof header.text);
  header.size = sizeof header;
  header.thread_size = sizeof(layout::Thread);
  header.version = layout::kVersion;
  header.driver_version = stacks.driver_version;
  header.thread_count = static_cast<std::uint32_t>(dump_.threads.size());
  header.written = dump_.system_time.value_or(0);
  if (dump_.up_time && *dump_.up_time < header.written)
    header.boot_time = header.written - *dump_.up_time;
  header.process_create_time = dump_.process_create_time.value_or(0);
  const std::size_t letters = std::min(stacks.process_name.size(), sizeof header.process_name - 1);
  std::memcpy(header.process_name, stacks.process_name.data(), letters);
  const std::size_t at = add_stream(Stream::kernel_stacks,
                                    sizeof header + sizeof(layout::Thread) * dump_.threads.size());
  put(at, header);
  for (std::size_t i = 0; i < dump_.threads.size(); ++i)
    put(at + sizeof header + sizeof(layout::Thread) * i, entry_of(i, at));
  put_located(kHeaderSize + kEntrySize * (streams_ - 1) + 4, file_.size() - at, at);
}

base::Result<std::vector<std::byte>> Writer::write() {
  std::uint64_t stacks = 0;
  for (const ThreadRecord& thread : dump_.threads)
    stacks += std::min(thread.stack_size, kMostStack);
  for (const MemoryRange& range : more_) stacks += std::min(range.size, kMostStack);
  constexpr std::uint64_t kRoom = 0xe0000000;  // the rest for what is not stacks
  if (stacks > kRoom || dump_.threads.size() > 0x40000)
    return base::fail("{} kernel stacks are more than a minidump can have: choose threads",
                      dump_.threads.size());
  add(kHeaderSize + kEntrySize * kStreams);
  put(0, kSignature);
  put(4, kVersion);
  put(8, static_cast<std::uint32_t>(kStreams));
  put(0xc, static_cast<std::uint32_t>(kHeaderSize));
  put(0x14, unix_time(dump_.system_time.value_or(0)));
  write_system_info();
  write_misc_info();
  write_modules();
  write_threads();
  write_memory_list();
  write_thread_names();
  write_kernel_stacks();
  return std::move(file_);
}

}  // namespace

base::Result<std::vector<std::byte>> kernel_stacks_file(const Dump& dump,
                                                        std::span<const MemoryRange> more) {
  if (!dump.kernel_stacks || dump.kernel_stacks->threads.size() != dump.threads.size())
    return base::fail("these are no kernel stacks");
  return Writer(dump, more).write();
}

}  // namespace ntstack::dump
