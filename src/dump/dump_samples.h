// Small built dumps with something in every part: for the tests of robustness, and the first inputs
// of fuzzing.
#pragma once

#include <string>
#include <vector>

#include "dump/dump_builder.h"

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
  };
}

}  // namespace ntstack::dump::building
