// Builds small dumps by hand, for tests and for fuzzing's first inputs: what is in them is what the
// test put there. The layouts are written out here a second time, apart from the readers' tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/guid.h"
#include "base/text.h"

namespace ntstack::dump::building {

using Data = std::vector<std::byte>;

// `size` bytes that tell their places apart: seed, seed + 1, ...
inline Data counting(std::size_t size, unsigned seed = 0) {
  Data data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>((seed + i * 7) & 0xff);
  return data;
}

inline base::Bytes view(const Data& data) { return base::Bytes(std::span(data)); }

// A file that grows where it is written.
class File {
 public:
  std::uint32_t size() const { return static_cast<std::uint32_t>(data_.size()); }
  void grow(std::size_t size) {
    if (data_.size() < size) data_.resize(size);
  }
  void align(std::size_t to) { data_.resize((data_.size() + to - 1) / to * to); }

  template <class T>
  void put(std::size_t at, T value) {
    grow(at + sizeof(T));
    std::memcpy(data_.data() + at, &value, sizeof(T));
  }
  void put32(std::size_t at, std::uint64_t value) { put(at, static_cast<std::uint32_t>(value)); }
  void put64(std::size_t at, std::uint64_t value) { put(at, value); }
  void pointer(std::size_t at, std::uint64_t value, bool is_64_bit) {
    is_64_bit ? put64(at, value) : put32(at, value);
  }
  void bytes(std::size_t at, base::Bytes from) {
    grow(at + from.size());
    if (!from.empty()) std::memcpy(data_.data() + at, from.data(), from.size());
  }
  void text(std::size_t at, std::string_view from) { bytes(at, base::Bytes::of(from)); }

  // At the end of the file; gives the place.
  std::uint32_t append(base::Bytes from) {
    const std::uint32_t at = size();
    bytes(at, from);
    return at;
  }
  std::uint32_t append_utf16(std::string_view utf8) {
    const std::u16string wide = base::utf16_from_utf8(utf8);
    return append(base::Bytes(std::as_bytes(std::span(wide))));
  }
  // Fills [begin, end) with the letters PAGE, as a kernel does before it sets fields.
  void fill_unset(std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at + 4 <= end; at += 4) put32(at, 0x45474150);
  }
  Data take() { return std::move(data_); }

 private:
  Data data_;
};

struct Driver {
  std::string path;
  std::uint64_t base = 0;
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  std::uint32_t timestamp = 0;
};

struct UnloadedDriver {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct Block {
  std::uint64_t address = 0;
  Data bytes;
};

struct Secondary {
  base::Guid tag;
  Data bytes;
  std::uint32_t padding_before = 0;
  std::uint32_t padding_after = 0;
};

// Who writes a triage dump decides what lies where.
enum class TriageWriter {
  kernel,        // at the crash: unloaded drivers, then the PRCB and the rest
  error_report,  // later, out of MEMORY.DMP: the PRCB before the unloaded drivers, short names
  live_system,   // NtSystemDebugControl: PRCB, process and thread are data blocks
};

struct TriageBuilder {
  TriageWriter writer = TriageWriter::kernel;
  bool is_64_bit = true;
  std::uint32_t machine = 0x8664;
  std::uint32_t major_version = 0xf;
  std::uint32_t build_number = 19041;
  std::uint32_t processor_count = 4;
  std::uint32_t dump_type = 4;
  std::uint32_t mini_dump_fields = 0xcff;
  std::optional<std::uint32_t> attributes;
  std::uint32_t bugcheck_code = 0x1000007e;
  std::array<std::uint64_t, 4> bugcheck_parameters{1, 2, 3, 4};
  std::uint64_t directory_table_base = 0x1ad000;
  std::uint64_t ps_loaded_module_list = 0x1111;
  std::uint64_t ps_active_process_head = 0x2222;
  std::uint64_t kd_debugger_data_block = 0x3333;
  std::optional<std::uint64_t> system_time;
  std::optional<std::uint64_t> up_time;
  std::string comment;
  Data context;    // goes to the header
  Data exception;  // the same
  std::uint64_t top_of_stack = 0;
  Data prcb, process, thread, call_stack, kdbg;
  std::optional<Block> data_page;
  std::vector<Driver> drivers;
  std::vector<UnloadedDriver> unloaded;
  std::vector<Block> blocks;
  std::vector<Secondary> secondary;
  bool completed = true;

  Data build() const {
    File file;
    const std::uint32_t header = is_64_bit ? 0x2000 : 0x1000;
    file.fill_unset(0, header);
    put_header(file);
    file.grow(header + (is_64_bit ? 0x80 : 0x68));
    const auto at = [&](std::uint32_t offset) { return header + offset; };
    file.put32(at(0xc), is_64_bit ? 0x348 : 0x320);
    file.put32(at(0x10), is_64_bit ? 0xf00 : 0x7d0);
    file.put32(at(0x14), file.append(view(counting(0x50, 1))));
    put_parts(file, header);
    file.put32(at(0x44), writer == TriageWriter::kernel ? 0xffffffff : 0x41);
    file.pointer(at(0x48), top_of_stack, is_64_bit);
    put_drivers(file, header);
    if (data_page) {
      file.pointer(at(is_64_bit ? 0x60 : 0x4c), data_page->address, is_64_bit);
      file.put32(at(is_64_bit ? 0x68 : 0x50), file.append(view(data_page->bytes)));
      file.put32(at(is_64_bit ? 0x6c : 0x54), data_page->bytes.size());
    }
    put_blocks(file, header);
    file.put32(at(0x8), file.append(base::Bytes::of(completed ? "TRGD" : "PAGE")));
    file.put32(at(0x4), file.size());
    put_secondary(file);
    if (is_64_bit) file.put64(0xfa0, file.size());
    return file.take();
  }

  // DUMP_HEADER32 or 64 alone; its place is already filled with the letters PAGE.
  void put_header(File& file) const {
    const bool wide = is_64_bit;
    file.text(0, wide ? "PAGEDU64" : "PAGEDUMP");
    file.put32(0x8, major_version);
    file.put32(0xc, build_number);
    file.pointer(0x10, directory_table_base, wide);
    file.pointer(wide ? 0x20 : 0x18, ps_loaded_module_list, wide);
    file.pointer(wide ? 0x28 : 0x1c, ps_active_process_head, wide);
    file.put32(wide ? 0x30 : 0x20, machine);
    file.put32(wide ? 0x34 : 0x24, processor_count);
    file.put32(wide ? 0x38 : 0x28, bugcheck_code);
    for (std::size_t i = 0; i < 4; ++i) {
      file.pointer((wide ? 0x40 : 0x2c) + i * (wide ? 8 : 4), bugcheck_parameters[i], wide);
    }
    file.pointer(wide ? 0x80 : 0x60, kd_debugger_data_block, wide);
    file.bytes(wide ? 0x348 : 0x320, view(context));
    file.bytes(wide ? 0xf00 : 0x7d0, view(exception));
    file.put32(wide ? 0xf98 : 0xf88, dump_type);
    if (system_time) file.put64(wide ? 0xfa8 : 0xfc0, *system_time);
    if (up_time) file.put64(wide ? 0x1030 : 0xfb8, *up_time);
    if (!comment.empty()) {
      file.text(wide ? 0xfb0 : 0x820, comment);
      if (comment.size() < 128) file.put((wide ? 0xfb0 : 0x820) + comment.size(), '\0');
    }
    file.put32(wide ? 0x1038 : 0xf8c, mini_dump_fields);
    if (attributes) file.put32(wide ? 0x1050 : 0x8a0, *attributes);
  }

 private:
  void put_unloaded(File& file, std::uint32_t header) const {
    const bool wide = is_64_bit;
    const std::uint32_t begin = file.size();
    file.put32(header + 0x18, begin);
    file.pointer(begin, unloaded.size(), wide);
    for (const UnloadedDriver& driver : unloaded) {
      const std::uint32_t at = file.size();
      const std::u16string name = base::utf16_from_utf8(driver.name);
      file.put(at, static_cast<std::uint16_t>(name.size() * 2));
      file.put(at + 2, static_cast<std::uint16_t>(name.size() * 2));
      file.grow(at + (wide ? 0x38 : 0x28));
      for (std::size_t i = 0; i < name.size() && i < 12; ++i) {
        file.put(at + (wide ? 0x10 : 0x8) + i * 2, name[i]);
      }
      file.pointer(at + (wide ? 0x28 : 0x20), driver.begin, wide);
      file.pointer(at + (wide ? 0x30 : 0x24), driver.end, wide);
    }
  }

  void put_parts(File& file, std::uint32_t header) const {
    if (writer == TriageWriter::kernel) put_unloaded(file, header);
    if (writer != TriageWriter::live_system) {
      file.put32(header + 0x1c, file.append(view(prcb)));
      file.put32(header + 0x20, file.append(view(process)));
      file.put32(header + 0x24, file.append(view(thread)));
    }
    file.put32(header + 0x28, call_stack.empty() ? 0 : file.append(view(call_stack)));
    file.put32(header + 0x2c, call_stack.size());
    file.put32(header + (is_64_bit ? 0x70 : 0x58), kdbg.empty() ? 0 : file.append(view(kdbg)));
    file.put32(header + (is_64_bit ? 0x74 : 0x5c), kdbg.size());
    if (writer == TriageWriter::error_report) put_unloaded(file, header);
  }

  void put_drivers(File& file, std::uint32_t header) const {
    const bool wide = is_64_bit;
    const std::uint32_t entry = wide ? 0x90 : 0x4c;
    const std::uint32_t list = file.size();
    const auto count = static_cast<std::uint32_t>(drivers.size());
    file.put32(header + 0x30, list);
    file.put32(header + 0x34, count);
    file.grow(list + count * entry);
    const std::uint32_t pool = file.size();
    for (std::uint32_t i = 0; i < count; ++i) {
      const Driver& driver = drivers[i];
      const std::uint32_t at = list + i * entry;
      const std::uint32_t first = wide ? 8 : 4;  // KLDR_DATA_TABLE_ENTRY
      file.put32(at, file.size());
      file.pointer(at + first + (wide ? 0x30 : 0x18), driver.base, wide);
      file.put32(at + first + (wide ? 0x40 : 0x20), driver.size);
      file.put32(at + first + (wide ? 0x78 : 0x40), driver.checksum);
      file.put32(at + first + (wide ? 0x80 : 0x44), driver.timestamp);
      file.put32(file.size(), base::utf16_from_utf8(driver.path).size());
      file.append_utf16(driver.path + std::string(1, '\0'));
      file.align(8);
    }
    file.put32(header + 0x38, pool);
    file.put32(header + 0x3c, file.size() - pool);
  }

  void put_blocks(File& file, std::uint32_t header) const {
    const bool wide = is_64_bit;
    const std::uint32_t entry = wide ? 0x10 : 0xc;
    std::vector<Block> all = blocks;
    const bool live = writer == TriageWriter::live_system;
    if (live) {  // at addresses that the test knows: after the test's own blocks
      all.push_back({live_prcb_address, prcb});
      all.push_back({live_process_address, process});
      all.push_back({live_thread_address, thread});
    }
    const std::uint32_t table = file.size();
    file.put32(header + (wide ? 0x78 : 0x60), table);
    file.put32(header + (wide ? 0x7c : 0x64), all.size());
    file.grow(table + all.size() * entry);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::size_t at = table + i * entry;
      if (live) file.align(8);
      const std::uint32_t place = file.append(view(all[i].bytes));
      file.pointer(at, all[i].address, wide);
      file.put32(at + (wide ? 8 : 4), place);
      file.put32(at + (wide ? 12 : 8), all[i].bytes.size());
      if (live && i + 3 >= all.size()) {
        file.put32(header + 0x1c + 4 * (i + 3 - all.size()), place);
      }
    }
  }

  void put_secondary(File& file) const {
    if (secondary.empty()) return;
    file.append(base::Bytes::of("DumpBlob"));
    file.put32(file.size(), 0x10);
    file.put32(file.size(), 0xf0000000u | build_number);
    for (const Secondary& piece : secondary) {
      const std::uint32_t at = file.size();
      file.put32(at, 0x20);
      file.put(at + 4, piece.tag);
      file.put32(at + 0x14, piece.bytes.size());
      file.put32(at + 0x18, piece.padding_before);
      file.put32(at + 0x1c, piece.padding_after);
      file.grow(file.size() + piece.padding_before);
      file.append(view(piece.bytes));
      file.grow(file.size() + piece.padding_after);
    }
  }

 public:
  static constexpr std::uint64_t live_prcb_address = 0x8a000000;
  static constexpr std::uint64_t live_process_address = 0x8b000000;
  static constexpr std::uint64_t live_thread_address = 0x8c000000;
};

struct Module {
  std::string path;
  std::uint64_t base = 0;
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  std::uint32_t timestamp = 0;
  Data code_view;
};

struct Thread {
  std::uint32_t id = 0;
  std::uint32_t suspend_count = 0;
  std::uint64_t teb = 0;
  Data context;
  std::uint64_t stack_address = 0;
  Data stack;
  bool stack_in_memory64 = false;  // the descriptor has a size, and 0 for its place
  std::string name;
  std::optional<std::uint64_t> start_address;
};

struct MinidumpBuilder {
  std::uint16_t processor = 9;
  std::uint8_t processor_count = 8;
  std::uint32_t major_version = 10;
  std::uint32_t build_number = 22631;
  std::uint32_t platform = 2;
  std::uint32_t timestamp = 0x5ab38078;
  bool pads_lists = false;        // 4 bytes after each count, so that entries are aligned
  bool writes_thread_ex = false;  // ThreadExList instead of ThreadList
  std::optional<std::uint32_t> process_id;
  std::optional<std::uint32_t> process_create_time;
  std::string comment_a, comment_w;
  std::vector<Thread> threads;
  std::vector<Module> modules;
  std::vector<UnloadedDriver> unloaded;
  std::vector<Block> memory, memory64;
  std::optional<std::uint32_t> exception_thread_id;
  Data exception;  // EXCEPTION_RECORD64
  Data context;

  Data build() {
    streams_.clear();
    file_ = File();
    file_.grow(0x20);
    put_system();
    put_misc();
    put_comments();
    put_threads();
    put_names_and_starts();
    put_modules();
    put_unloaded();
    put_exception();
    put_memory();
    put_memory64();  // last: its bytes go on to the end of the file
    put_directory();
    return file_.take();
  }

  static Data rsds(const base::Guid& guid, std::uint32_t age, std::string_view path) {
    File file;
    file.text(0, "RSDS");
    file.put(4, guid);
    file.put32(0x14, age);
    file.text(0x18, path);
    file.put(file.size(), '\0');
    return file.take();
  }
  static Data nb10(std::uint32_t signature, std::uint32_t age, std::string_view path) {
    File file;
    file.text(0, "NB10");
    file.put32(8, signature);
    file.put32(0xc, age);
    file.text(0x10, path);
    file.put(file.size(), '\0');
    return file.take();
  }

 private:
  struct StreamPlace {
    std::uint32_t type, size, rva;
  };

  void stream(std::uint32_t type, base::Bytes bytes) {
    file_.align(4);
    const std::uint32_t rva = file_.append(bytes);
    streams_.push_back({type, static_cast<std::uint32_t>(bytes.size()), rva});
  }
  void stream(std::uint32_t type, File content) {
    const Data data = content.take();
    stream(type, view(data));
  }
  std::uint32_t string(std::string_view utf8) {
    file_.align(4);
    const std::uint32_t at = file_.size();
    file_.put32(at, base::utf16_from_utf8(utf8).size() * 2);
    file_.append_utf16(utf8);
    file_.put(file_.size(), std::uint16_t{0});
    return at;
  }
  // Count, then entries from where they are to begin.
  std::size_t begin_list(File& list, std::size_t count) const {
    list.put32(0, count);
    if (pads_lists) list.put32(4, 0);
    return list.size();
  }
  void locate(File& entry, std::size_t at, const Data& data) {
    entry.put32(at, data.size());
    entry.put32(at + 4, data.empty() ? 0 : file_.append(view(data)));
  }

  void put_system() {
    File system;
    system.put(0, processor);
    system.put(6, processor_count);
    system.put32(8, major_version);
    system.put32(0x10, build_number);
    system.put32(0x14, platform);
    system.put32(0x18, string(""));  // no service pack
    system.grow(0x38);
    stream(7, std::move(system));
  }
  void put_misc() {
    if (!process_id && !process_create_time) return;
    File misc;
    misc.put32(0, 0x18);
    misc.put32(4, (process_id ? 1 : 0) | (process_create_time ? 2 : 0));
    misc.put32(8, process_id.value_or(0xdead));
    misc.put32(0xc, process_create_time.value_or(0xdead));
    misc.grow(0x18);
    stream(15, std::move(misc));
  }
  void put_comments() {
    if (!comment_a.empty()) stream(10, base::Bytes::of(comment_a));
    if (comment_w.empty()) return;
    File text;
    text.append_utf16(comment_w);
    stream(11, std::move(text));
  }
  void put_threads() {
    if (threads.empty()) return;
    File list;
    std::size_t at = begin_list(list, threads.size());
    for (const Thread& thread : threads) {
      list.put32(at, thread.id);
      list.put32(at + 4, thread.suspend_count);
      list.put64(at + 0x10, thread.teb);
      list.put64(at + 0x18, thread.stack_address);
      if (thread.stack_in_memory64) {
        list.put32(at + 0x20, thread.stack.size());
        list.put32(at + 0x24, 0);
      } else {
        locate(list, at + 0x20, thread.stack);
      }
      locate(list, at + 0x28, thread.context);
      at += writes_thread_ex ? 0x40 : 0x30;
      list.grow(at);
    }
    stream(writes_thread_ex ? 8 : 3, std::move(list));
  }
  void put_names_and_starts() {
    File names, starts;
    std::uint32_t named = 0, started = 0;
    for (const Thread& thread : threads) {
      if (!thread.name.empty()) {
        names.put32(4 + named * 12, thread.id);
        names.put64(4 + named * 12 + 4, string(thread.name));
        names.put32(0, ++named);
      }
      if (thread.start_address) {
        starts.put32(0xc + started * 0x40, thread.id);
        starts.grow(0xc + started * 0x40 + 0x40);
        starts.put64(0xc + started * 0x40 + 0x30, *thread.start_address);
        ++started;
      }
    }
    if (named != 0) stream(24, std::move(names));
    if (started == 0) return;
    starts.put32(0, 0xc);
    starts.put32(4, 0x40);
    starts.put32(8, started);
    stream(17, std::move(starts));
  }
  void put_modules() {
    if (modules.empty()) return;
    File list;
    std::size_t at = begin_list(list, modules.size());
    for (const Module& module : modules) {
      list.grow(at + 0x6c);
      list.put64(at, module.base);
      list.put32(at + 8, module.size);
      list.put32(at + 0xc, module.checksum);
      list.put32(at + 0x10, module.timestamp);
      list.put32(at + 0x14, string(module.path));
      locate(list, at + 0x4c, module.code_view);
      at += 0x6c;
    }
    stream(4, std::move(list));
  }
  void put_unloaded() {
    if (unloaded.empty()) return;
    File list;
    list.put32(0, 0xc);
    list.put32(4, 0x18);
    list.put32(8, unloaded.size());
    for (const UnloadedDriver& module : unloaded) {
      const std::size_t at = list.size();
      list.put64(at, module.begin);
      list.put32(at + 8, module.end - module.begin);
      list.put32(at + 0xc, 0);
      list.put32(at + 0x10, 0);
      list.put32(at + 0x14, string(module.name));
    }
    stream(14, std::move(list));
  }
  void put_exception() {
    if (!exception_thread_id) return;
    File record;
    record.put32(0, *exception_thread_id);
    record.bytes(8, view(exception));
    record.grow(0xa0);
    locate(record, 0xa0, context);
    stream(6, std::move(record));
  }
  void put_memory() {
    if (memory.empty()) return;
    File list;
    std::size_t at = begin_list(list, memory.size());
    for (const Block& block : memory) {
      list.put64(at, block.address);
      locate(list, at + 8, block.bytes);
      at += 0x10;
    }
    stream(5, std::move(list));
  }
  void put_memory64() {
    std::vector<Block> all = memory64;
    for (const Thread& thread : threads) {
      if (thread.stack_in_memory64) all.push_back({thread.stack_address, thread.stack});
    }
    if (all.empty()) return;
    File bytes;
    for (const Block& block : all) bytes.append(view(block.bytes));
    const Data data = bytes.take();
    File list;
    list.put64(0, all.size());
    list.put64(8, file_.append(view(data)));
    for (const Block& block : all) {
      const std::size_t at = list.size();
      list.put64(at, block.address);
      list.put64(at + 8, block.bytes.size());
    }
    stream(9, std::move(list));
  }
  void put_directory() {
    file_.align(4);
    const std::uint32_t directory = file_.size();
    for (const StreamPlace& place : streams_) {
      const std::uint32_t at = file_.size();
      file_.put32(at, place.type);
      file_.put32(at + 4, place.size);
      file_.put32(at + 8, place.rva);
    }
    file_.text(0, "MDMP");
    file_.put32(4, 0xa0f1a793);
    file_.put32(8, streams_.size());
    file_.put32(0xc, directory);
    file_.put32(0x14, timestamp);
  }

  File file_;
  std::vector<StreamPlace> streams_;
};

// A CONTEXT of the machine with its flags set, otherwise counting bytes.
inline Data context_of(std::uint32_t machine) {
  Data context = counting(machine == 0x8664 ? 0x4d0 : machine == 0xaa64 ? 0x390 : 0x2cc, 3);
  const std::uint32_t flags = machine == 0x8664 ? 0x10001f : machine == 0xaa64 ? 0x400007 : 0x1003f;
  std::memcpy(context.data() + (machine == 0x8664 ? 0x30 : 0), &flags, 4);
  return context;
}

inline Data exception64(std::uint32_t code, std::uint64_t address,
                        const std::vector<std::uint64_t>& parameters, std::uint32_t count) {
  File record;
  record.put32(0, code);
  record.put32(4, 1);
  record.put64(0x10, address);
  record.put32(0x18, count);
  record.grow(0x98);
  for (std::size_t i = 0; i < parameters.size(); ++i) record.put64(0x20 + i * 8, parameters[i]);
  return record.take();
}

inline Data exception32(std::uint32_t code, std::uint32_t address,
                        const std::vector<std::uint32_t>& parameters, std::uint32_t count) {
  File record;
  record.put32(0, code);
  record.put32(4, 1);
  record.put32(0xc, address);
  record.put32(0x10, count);
  record.grow(0x50);
  for (std::size_t i = 0; i < parameters.size(); ++i) record.put32(0x14 + i * 4, parameters[i]);
  return record.take();
}

inline Data kdbg_of(std::uint32_t size) {
  Data data = counting(size, 9);
  std::memcpy(data.data() + 0x10, "KDBG", 4);
  std::memcpy(data.data() + 0x14, &size, 4);
  return data;
}

}  // namespace ntstack::dump::building
