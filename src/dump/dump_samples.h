// Small built dumps with something in every part: for the tests of robustness, and the first inputs
// of fuzzing.
#pragma once

#include <string>
#include <vector>

#include "dump/dump_builder.h"
#include "dump/physical_builder.h"

namespace ntstack::dump::building {

struct Sample {
  std::string name;
  Data bytes;
};

inline Data triage_sample(bool is_64_bit, std::uint32_t machine, TriageWriter writer) {
  const std::uint64_t high = is_64_bit ? 0xfffff80400000000 : 0x80000000;
  TriageBuilder builder;
  builder.is_64_bit = is_64_bit;
  builder.machine = machine;
  builder.writer = writer;
  builder.comment = "sample";
  builder.system_time = 0x1d707f23dbb3399;
  builder.up_time = 0x23bc1e9;
  builder.attributes = 0;
  builder.context = context_of(machine);
  builder.exception = is_64_bit ? exception64(0xc0000005, high + 0x1234, {1, 2}, 2)
                                : exception32(0xc0000005, 0x80001234, {1, 2}, 2);
  builder.top_of_stack = high + 0x20f00;
  builder.prcb = counting(0x80, 10);
  builder.process = counting(0x70, 20);
  builder.thread = counting(0x60, 30);
  builder.call_stack = counting(0x100, 40);
  builder.kdbg = kdbg_of(0x80);
  builder.data_page = Block{high + 0x30000, counting(0x40, 80)};
  builder.drivers = {{"\\SystemRoot\\system32\\ntoskrnl.exe", high + 0x100000, 0x1046000, 1, 2},
                     {"hal.dll", high + 0x2000000, 0x1000, 3, 4}};
  builder.unloaded = {{"dam.sys", high + 0x5000000, high + 0x501c000}};
  builder.blocks = {{high + 0x21000, counting(0x40, 60)}, {high + 0x20fc0, counting(0x80, 70)}};
  const base::Guid tag{1, 2, 3, {4}};
  builder.secondary = {{tag, counting(0x11, 5), 4, 3}, {tag, counting(8, 6), 0, 0}};
  return builder.build();
}

inline Data minidump_sample(std::uint16_t processor, bool pads) {
  const std::uint32_t machine = processor == 9 ? 0x8664 : processor == 12 ? 0xaa64 : 0x14c;
  const std::uint64_t high = processor != 0 ? 0x7ff700000000 : 0x70000000;
  MinidumpBuilder builder;
  builder.processor = processor;
  builder.pads_lists = pads;
  builder.writes_thread_ex = pads;
  builder.process_id = 4242;
  builder.process_create_time = 0x5ab38000;
  builder.comment_a = "sample";
  builder.comment_w = "wide";
  builder.threads = {{1, 0, high + 0x1000, context_of(machine), high + 0x20000, counting(0x80, 1),
                      false, "main", high + 0x11},
                     {2, 0, high + 0x2000, {}, high + 0x30000, counting(0x90, 2), true, "", {}}};
  const base::Guid guid{1, 2, 3, {4}};
  builder.modules = {
      {"C:\\a.exe", high + 0x100000, 0x7000, 0, 5, MinidumpBuilder::rsds(guid, 1, "a.pdb")},
      {"old.dll", high + 0x200000, 0x1000, 6, 7, MinidumpBuilder::nb10(8, 9, "old.pdb")}};
  builder.unloaded = {{"gone.dll", high + 0x400000, high + 0x410000}};
  builder.memory = {{high + 0x50000, counting(0x40, 3)}, {high + 0x50020, counting(0x40, 4)}};
  builder.memory64 = {{high + 0x60000, counting(0x123, 5)}};
  builder.exception_thread_id = 1;
  builder.exception = exception64(0xc0000005, high + 0x100123, {1, 2}, 2);
  builder.context = context_of(machine);
  return builder.build();
}

inline Data physical_sample(bool is_64_bit, std::uint32_t type, bool old_counts = false) {
  PhysicalBuilder builder;
  builder.header.is_64_bit = is_64_bit;
  builder.header.machine = is_64_bit ? 0x8664 : 0x14c;
  builder.header.dump_type = type;
  builder.old_counts = old_counts;
  builder.pages = pages_of({3, 4, 77});
  builder.bit_count = 83;
  return builder.build();
}

inline Data elf_sample(bool is_64_bit) {
  ElfBuilder builder;
  builder.is_64_bit = is_64_bit;
  builder.machine = is_64_bit ? 62 : 3;
  const std::uint64_t high = is_64_bit ? 0xfffff80400000000 : 0x80000000;
  builder.ranges = {{0, counting(0x180, 1), 0},
                    {0x100000, counting(0x140, 2), high},
                    {0x100040, counting(0x140, 3), high + 0x1000}};
  builder.notes = {note("CORE", 1, counting(0x90, 4)), note("QEMU", 0, qemu_state(0x1000)),
                   note("QEMU", 0, qemu_state(0x2000, false))};
  return builder.build();
}

inline Data vmware_sample() {
  using B = VmwareBuilder;
  VmwareBuilder builder;
  builder.groups = {{"cpu",
                     {B::number("cpu:numVCPUs", {}, 2, 4),
                      B::number("rip", {0}, 0xfffff80412345678, 8),
                      {"gpregs", {0}, counting(128, 5), true},
                      {"CR64", {0}, counting(72, 6), true},
                      B::number("rsp", {1}, 0x7000, 8),
                      B::number("CR64", {1, 3}, 0x1ad000, 8),
                      {"IDTR", {0}, counting(10, 7)},
                      B::number("IDTR", {1, 1}, 0x44556677, 4)}},
                    {"memory",
                     {B::number("regionsCount", {}, 2, 4),
                      B::number("regionPageNum", {0}, 0, 4),
                      B::number("regionPPN", {0}, 0, 4),
                      B::number("regionSize", {0}, 1, 4),
                      B::number("regionPageNum", {1}, 1, 4),
                      B::number("regionPPN", {1}, 0x100, 4),
                      B::number("regionSize", {1}, 2, 4),
                      {"Memory", {0, 0}, page_of(1), true}}}};
  return builder.build();
}

inline std::vector<Sample> samples() {
  return {
      {"triage_x64_kernel", triage_sample(true, 0x8664, TriageWriter::kernel)},
      {"triage_x64_report", triage_sample(true, 0x8664, TriageWriter::error_report)},
      {"triage_x64_live", triage_sample(true, 0x8664, TriageWriter::live_system)},
      {"triage_arm64", triage_sample(true, 0xaa64, TriageWriter::kernel)},
      {"triage_x86", triage_sample(false, 0x14c, TriageWriter::kernel)},
      {"minidump_x64", minidump_sample(9, false)},
      {"minidump_x86", minidump_sample(0, true)},
      {"minidump_arm64", minidump_sample(12, true)},
      {"full_x64", physical_sample(true, 1)},
      {"full_x86", physical_sample(false, 1)},
      {"summary_x64", physical_sample(true, 2, true)},
      {"summary_x86", physical_sample(false, 2, true)},
      {"bitmap_full_x64", physical_sample(true, 5)},
      {"bitmap_kernel_x64", physical_sample(true, 6)},
      {"bitmap_x86", physical_sample(false, 5)},
      {"rdmp_kernel_x64", physical_sample(true, 8)},
      {"rdmp_full_x64", physical_sample(true, 10)},
      {"elf_x64", elf_sample(true)},
      {"elf_x86", elf_sample(false)},
      {"lime", lime_dump({{0x1000, counting(0x80, 1), 0}, {0x100000, counting(0x40, 2), 0}})},
      {"vmware", vmware_sample()},
  };
}

}  // namespace ntstack::dump::building
