// From physical memory to printed stacks: page tables, KDBG, the lists of images, processes and
// threads, and their stacks, over memory that is anything. The input's first 64 bytes are what a
// dump's header says; the rest is physical memory, from address 0 on.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "memory/page_tables.h"
#include "whole_way/whole_way.h"

namespace {

using namespace ntstack;

constexpr std::size_t kHeader = 64;
constexpr std::uint64_t kRoot = 0x1000, kFirstPage = 5;

// Tables of ours before the input's memory, so that an input is the kernel's data alone: two
// megabytes from 0xfffff80000000000 on (x86: 0x80000000) are the input, again and again.
std::vector<std::uint8_t> with_tables(std::span<const std::uint8_t> data, bool is_x86,
                                      bool is_pae) {
  std::vector<std::uint8_t> memory(kFirstPage << 12);
  memory.insert(memory.end(), data.begin(), data.end());
  const std::uint64_t pages = std::max<std::uint64_t>((data.size() + 0xfff) / 0x1000, 1);
  const std::size_t word = is_x86 && !is_pae ? 4 : 8;
  const auto put = [&](std::uint64_t at, std::uint64_t value) {
    std::memcpy(&memory[at], &value, word);
  };
  // Bits that x64 and ARM64 both take for a page that is there.
  for (std::uint64_t i = 0; i < 0x1000 / word; i++)
    put(0x4000 + i * word, (kFirstPage + i % pages) << 12 | 0x463);
  if (is_x86 && is_pae) {
    put(kRoot + 8 * 2, 0x2001);
    put(0x2000, 0x4063);
  } else if (is_x86) {
    put(kRoot + 4 * 0x200, 0x4063);
  } else {
    put(kRoot + 8 * 0x1f0, 0x2063);
    put(0x2000, 0x3063);
    put(0x3000, 0x4063);
  }
  return memory;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kHeader || size > 0x40000) return 0;
  const base::Bytes header = base::Bytes::of(std::span(data, kHeader));
  const auto word = [&](std::size_t at) { return header.get_or<std::uint64_t>(at, 0); };
  dump::Dump dump;
  const unsigned kind = data[0] % 3;
  dump.kind = dump::Kind::bitmap;
  dump.architecture = kind == 0   ? base::Architecture::x64
                      : kind == 1 ? base::Architecture::x86
                                  : base::Architecture::arm64;
  const bool own_tables = (data[1] & 1) != 0;
  dump.pae = (data[1] & 2) != 0;
  dump.build = static_cast<std::uint32_t>(word(2) & 0xffff);
  dump.processor_count = data[4];
  dump.directory_table_base = own_tables ? word(8) & 0xffffff : kRoot;
  dump.ps_loaded_module_list = word(16);
  dump.ps_active_process_head = word(24);
  dump.kd_debugger_data_block = word(32);
  dump.physical_bytes = size;
  if ((data[1] & 4) != 0) {  // the header names nothing: a processor's registers do
    dump.processors.resize(1);
    dump.processors[0].cr3 = dump.directory_table_base;
    dump.processors[0].gs_base = dump.processors[0].fs_base = word(16);
    dump.processors[0].gdt_base = word(24);
    dump.processors[0].idt_base = word(32);
    dump.build = dump.processor_count = 0;
    dump.directory_table_base = dump.ps_loaded_module_list = 0;
    dump.ps_active_process_head = dump.kd_debugger_data_block = 0;
  }
  const std::span<const std::uint8_t> rest(data + kHeader, size - kHeader);
  const std::vector<std::uint8_t> memory = own_tables
                                               ? std::vector<std::uint8_t>(rest.begin(), rest.end())
                                               : with_tables(rest, kind == 1, dump.pae);
  dump.physical = std::make_unique<base::SegmentSource>(
      std::vector<base::SegmentSource::Segment>{{0, base::Bytes::of(std::span(memory))}});
  if (!tests::whole_way_complaint(std::move(dump), "").empty()) std::abort();
  return 0;
}
