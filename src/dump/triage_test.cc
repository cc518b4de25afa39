#include "dump/triage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "dump/dump.h"
#include "dump/dump_builder.h"
#include "test_files.h"

namespace ntstack::dump {
namespace {

using building::Block;
using building::counting;
using building::Data;
using building::TriageBuilder;
using building::TriageWriter;
using building::view;

// A dump with something in every part, of either width and from any writer.
TriageBuilder full_builder(bool is_64_bit, TriageWriter writer) {
  const std::uint64_t high = is_64_bit ? 0xfffff80400000000 : 0x80000000;
  TriageBuilder builder;
  builder.writer = writer;
  builder.is_64_bit = is_64_bit;
  builder.machine = is_64_bit ? 0x8664 : 0x14c;
  builder.kd_debugger_data_block = high + 0x900000;
  builder.context = building::context_of(builder.machine);
  builder.exception = is_64_bit ? building::exception64(0x80000003, high + 0x1234, {}, 0)
                                : building::exception32(
                                      0x80000003, static_cast<std::uint32_t>(high + 0x1234), {}, 0);
  builder.top_of_stack = high + 0x20e88;
  builder.prcb = counting(0x700, 10);
  builder.process = counting(0x240, 20);
  builder.thread = counting(0x198, 30);
  builder.call_stack = counting(0x178, 40);
  builder.kdbg = building::kdbg_of(0x380);
  builder.drivers = {
      {"\\SystemRoot\\system32\\ntoskrnl.exe", high + 0x100000, 0x1046000, 0xa5938c, 0xd8333e6},
      {"hal.dll", high + 0x2000000, 0xffffffff, 0, 0xffffffff},
      {"\\SystemRoot\\System32\\drivers\\\xc3\xa9t\xc3\xa9.sys", high + 0x3000000, 0, 0xffffffff,
       0},
  };
  builder.unloaded = {
      {"dam.sys", high + 0x5000000, high + 0x501c000},
      {"a_long_name_that_is_cut.sys", high + 0x6000000, high + 0x6001000},
  };
  builder.blocks = {
      {high + 0x900000, counting(0x40, 50)},
      {high + 0x21000, counting(0x1000, 60)},
      {high + 0x400, counting(1, 70)},
  };
  return builder;
}

Dump parsed(const Data& file) {
  auto dump = parse(view(file));
  EXPECT_TRUE(dump) << dump.error().text();
  return dump ? std::move(*dump) : Dump();
}

bool equal(base::Bytes a, const Data& b) { return std::ranges::equal(a.span(), b); }

bool warns_of(const Dump& dump, std::string_view part) {
  return std::ranges::any_of(
      dump.warnings, [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

void expect_everything(const TriageBuilder& builder, const Dump& dump) {
  EXPECT_TRUE(dump.warnings.empty()) << dump.warnings.front();
  EXPECT_EQ(dump.kind, Kind::triage);
  EXPECT_EQ(dump.build, builder.build_number);
  EXPECT_EQ(dump.processor_count, builder.processor_count);
  ASSERT_TRUE(dump.bugcheck);
  EXPECT_EQ(dump.bugcheck->code, builder.bugcheck_code);
  EXPECT_TRUE(equal(dump.context, builder.context));
  EXPECT_TRUE(equal(dump.kdbg, builder.kdbg));
  ASSERT_TRUE(dump.exception);
  EXPECT_EQ(dump.exception->code, 0x80000003u);

  ASSERT_EQ(dump.modules.size(), builder.drivers.size());
  for (std::size_t i = 0; i < dump.modules.size(); ++i) {
    EXPECT_EQ(dump.modules[i].path, builder.drivers[i].path);
    EXPECT_EQ(dump.modules[i].base, builder.drivers[i].base);
    EXPECT_EQ(dump.modules[i].size, builder.drivers[i].size);
    EXPECT_EQ(dump.modules[i].checksum, builder.drivers[i].checksum);
    EXPECT_EQ(dump.modules[i].timestamp, builder.drivers[i].timestamp);
  }
  ASSERT_EQ(dump.unloaded_modules.size(), 2u);
  EXPECT_EQ(dump.unloaded_modules[0].name, "dam.sys");
  EXPECT_EQ(dump.unloaded_modules[0].begin, builder.unloaded[0].begin);
  EXPECT_EQ(dump.unloaded_modules[0].end, builder.unloaded[0].end);
  EXPECT_EQ(dump.unloaded_modules[1].name, "a_long_name_") << "12 characters are kept";

  ASSERT_TRUE(dump.triage);
  EXPECT_TRUE(equal(dump.triage->prcb, builder.prcb));
  EXPECT_TRUE(equal(dump.triage->process, builder.process));
  EXPECT_TRUE(equal(dump.triage->thread, builder.thread));
  EXPECT_TRUE(equal(dump.triage->call_stack, builder.call_stack));
  EXPECT_EQ(dump.triage->top_of_stack, builder.top_of_stack);
  ASSERT_GE(dump.triage->data_blocks.size(), builder.blocks.size());
  for (std::size_t i = 0; i < builder.blocks.size(); ++i) {
    EXPECT_EQ(dump.triage->data_blocks[i].address, builder.blocks[i].address);
    EXPECT_TRUE(equal(dump.triage->data_blocks[i].bytes, builder.blocks[i].bytes));
    const auto copy = dump.memory->copy(builder.blocks[i].address, builder.blocks[i].bytes.size());
    EXPECT_EQ(copy, builder.blocks[i].bytes);
  }
  // The call stack ends where the second block begins: one read goes over both.
  const auto both = dump.memory->copy(builder.top_of_stack, 0x1178);
  EXPECT_EQ(both.size(), 0x1178u);
}

TEST(Triage, GivesEveryPartOfA64BitDumpOfTheKernel) {
  const TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  const Data file = builder.build();
  const Dump dump = parsed(file);
  expect_everything(builder, dump);
  EXPECT_EQ(dump.architecture, base::Architecture::x64);
  EXPECT_EQ(dump.triage->options, 0xffffffffu);
}

TEST(Triage, GivesEveryPartOfA64BitDumpMadeLaterFromAMemoryDump) {
  const TriageBuilder builder = full_builder(true, TriageWriter::error_report);
  const Data file = builder.build();
  const Dump dump = parsed(file);
  expect_everything(builder, dump);
  EXPECT_EQ(dump.triage->options, 0x41u);
}

TEST(Triage, GivesEveryPartOfA32BitDumpWithZeroExtendedAddresses) {
  for (const auto writer : {TriageWriter::kernel, TriageWriter::error_report}) {
    const TriageBuilder builder = full_builder(false, writer);
    const Data file = builder.build();
    const Dump dump = parsed(file);
    expect_everything(builder, dump);
    EXPECT_EQ(dump.architecture, base::Architecture::x86);
    EXPECT_EQ(dump.context.size(), 0x2ccu);
  }
}

TEST(Triage, GivesTheContextOfAnArm64Dump) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  builder.machine = 0xaa64;
  builder.context = building::context_of(0xaa64);
  const Data file = builder.build();
  const Dump dump = parsed(file);
  expect_everything(builder, dump);
  EXPECT_EQ(dump.architecture, base::Architecture::arm64);
  EXPECT_EQ(dump.context.size(), 0x390u);
}

TEST(Triage, InADumpOfALiveSystemPrcbProcessAndThreadAreTheirDataBlocks) {
  TriageBuilder builder = full_builder(true, TriageWriter::live_system);
  builder.attributes = 0x10;
  const Data file = builder.build();
  const Dump dump = parsed(file);
  ASSERT_TRUE(dump.triage);
  EXPECT_TRUE(equal(dump.triage->prcb, builder.prcb));
  EXPECT_TRUE(equal(dump.triage->process, builder.process));
  EXPECT_TRUE(equal(dump.triage->thread, builder.thread));
  const auto& thread = dump.triage->data_blocks.back();
  EXPECT_EQ(thread.address, TriageBuilder::live_thread_address);
  EXPECT_EQ(thread.file_offset, dump.triage->thread_file_offset);
  EXPECT_EQ(dump.attributes, 0x10u);
}

TEST(Triage, AnUnknownMachineIsReadAsFarAsItsLayoutGoes) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  builder.machine = 0x200;
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_EQ(dump.architecture, base::Architecture::unknown);
  EXPECT_EQ(dump.machine, 0x200u);
  EXPECT_TRUE(dump.context.empty());
  EXPECT_EQ(dump.modules.size(), 3u);
  EXPECT_TRUE(warns_of(dump, "processor"));
}

TEST(Triage, TheDataPageIsMemoryToo) {
  for (const bool is_64_bit : {true, false}) {
    TriageBuilder builder = full_builder(is_64_bit, TriageWriter::kernel);
    builder.data_page = Block{0x70000000, counting(0x1000, 99)};
    const Data file = builder.build();
    const Dump dump = parsed(file);
    expect_everything(builder, dump);
    EXPECT_EQ(dump.memory->copy(0x70000000, 0x1000), builder.data_page->bytes);
  }
}

TEST(Triage, BlocksThatOverlapAreHarmless) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  builder.blocks = {{0x1000, counting(0x100, 1)},
                    {0x1080, counting(0x100, 2)},
                    {0x1000, counting(0x100, 3)},
                    {0xffffffffffffff80, counting(0x100, 4)},
                    {0x5000, {}}};
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_EQ(dump.triage->data_blocks.size(), 5u);
  Data expected = builder.blocks[0].bytes;
  expected.insert(expected.end(), builder.blocks[1].bytes.begin() + 0x80,
                  builder.blocks[1].bytes.end());
  EXPECT_EQ(dump.memory->copy(0x1000, 0x1000), expected);
  EXPECT_EQ(dump.memory->copy(0xffffffffffffff80, 0x1000).size(), 0x80u);
}

TEST(Triage, SecondaryDataIsListedByItsTag) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  const base::Guid tag{
      0x270a33fd, 0x3da6, 0x460d, {0xba, 0x89, 0x3c, 0x1b, 0xae, 0x21, 0xe3, 0x9b}};
  builder.secondary = {{tag, counting(0x23, 5), 4, 1}, {{}, {}, 0, 0}, {tag, counting(8, 6), 0, 0}};
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_TRUE(dump.warnings.empty());
  ASSERT_EQ(dump.secondary.size(), 3u);
  EXPECT_EQ(dump.secondary[0].tag, tag);
  EXPECT_TRUE(equal(dump.secondary[0].bytes, builder.secondary[0].bytes));
  EXPECT_EQ(dump.secondary[1].tag, base::Guid());
  EXPECT_TRUE(dump.secondary[1].bytes.empty());
  EXPECT_TRUE(equal(dump.secondary[2].bytes, builder.secondary[2].bytes));

  const auto cut = parse(view(file).clamp(0, file.size() - 1));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->secondary.size(), 2u);
  EXPECT_TRUE(warns_of(*cut, "secondary data"));
}

TEST(Triage, AMissingMarkAtTheEndIsAWarning) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  builder.completed = false;
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_TRUE(warns_of(dump, "not completed"));
  EXPECT_EQ(dump.modules.size(), 3u);
}

TEST(Triage, OfATruncatedDumpEverythingThatIsThereIsUsed) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  const Data file = builder.build();
  const Dump whole = parsed(file);
  const auto& blocks = whole.triage->data_blocks;
  // In the middle of the second block; the third is gone.
  const std::size_t size = blocks[1].file_offset + 0x700;
  const auto dump = parse(view(file).clamp(0, size));
  ASSERT_TRUE(dump);
  EXPECT_TRUE(warns_of(*dump, "cut off"));
  EXPECT_TRUE(warns_of(*dump, "2 of 3 data blocks"));
  EXPECT_EQ(dump->modules.size(), 3u);
  EXPECT_EQ(dump->memory->copy(blocks[1].address, 0x1000).size(), 0x700u);
  EXPECT_EQ(dump->memory->copy(blocks[2].address, 1).size(), 0u);
  EXPECT_EQ(dump->memory->copy(blocks[0].address, 0x40).size(), 0x40u);
}

TEST(Triage, ContextAndExceptionAreWhereTheTableSays) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  Data elsewhere = building::context_of(0x8664);
  elsewhere[0xf8] = std::byte{0x5a};
  const Data record = building::exception64(0xc0000094, 0x77, {}, 0);
  builder.blocks = {{0x1000, elsewhere}, {0x2000, record}};
  Data file = builder.build();
  const Dump before = parsed(file);
  for (const auto& [field, block] : {std::pair{0x200c, 0}, {0x2010, 1}}) {
    const auto place = static_cast<std::uint32_t>(before.triage->data_blocks[block].file_offset);
    std::memcpy(&file[field], &place, 4);
  }
  const Dump dump = parsed(file);
  EXPECT_TRUE(equal(dump.context, elsewhere));
  ASSERT_TRUE(dump.exception);
  EXPECT_EQ(dump.exception->code, 0xc0000094u);
  // A place outside the file leaves what the header holds.
  const std::uint32_t nowhere = 0xfffffff0;
  std::memcpy(&file[0x200c], &nowhere, 4);
  EXPECT_TRUE(equal(parsed(file).context, builder.context));
}

TEST(Triage, CountsThatTheFileCannotHoldAreBoundByIt) {
  Data file = full_builder(true, TriageWriter::kernel).build();
  const auto set = [&](std::size_t at, std::uint32_t value) { std::memcpy(&file[at], &value, 4); };
  set(0x2034, 0xffffffff);  // drivers
  set(0x207c, 0xffffffff);  // data blocks
  set(0x202c, 0xffffffff);  // the call stack
  set(0x2074, 0xffffffff);  // KDBG
  const Dump dump = parsed(file);
  EXPECT_LE(dump.modules.size(), file.size() / 0x90);
  EXPECT_LE(dump.triage->data_blocks.size(), file.size() / 0x10);
  EXPECT_LE(dump.triage->call_stack.size(), file.size());
  EXPECT_TRUE(warns_of(dump, "of 4294967295 drivers"));
  EXPECT_TRUE(warns_of(dump, "of 4294967295 data blocks"));
}

TEST(Triage, AFileThatListsItsBytesOverAndOverStaysReadable) {
  TriageBuilder builder = full_builder(true, TriageWriter::kernel);
  builder.blocks.assign(2000, {0, {}});
  Data file = builder.build();
  std::uint32_t table = 0;
  std::memcpy(&table, &file[0x2078], 4);
  for (std::uint64_t i = 0; i < 2000; ++i) {  // each block: the whole file, at another address
    const std::uint64_t address = i << 32;
    const std::uint32_t place = 0, size = static_cast<std::uint32_t>(file.size());
    std::memcpy(&file[table + i * 16], &address, 8);
    std::memcpy(&file[table + i * 16 + 8], &place, 4);
    std::memcpy(&file[table + i * 16 + 12], &size, 4);
  }
  const Dump dump = parsed(file);
  std::uint64_t listed = 0;
  for (const auto& piece : dynamic_cast<base::SegmentSource&>(*dump.memory).segments()) {
    listed += piece.bytes.size();
  }
  EXPECT_LE(listed, file.size() * 4);
  EXPECT_TRUE(warns_of(dump, "damaged"));
}

// What the script below says of a real dump, taken from its bytes without this library:
// names, bases, sizes of the drivers, and address, size and CRC of each block.
struct Sums {
  std::uint32_t drivers, blocks;
};

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::byte value : bytes) {
    crc ^= std::to_integer<std::uint32_t>(value);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0 - (crc & 1)));
  }
  return ~crc;
}

Sums sums_of(const Dump& dump) {
  std::string drivers, blocks;
  for (const ModuleRecord& module : dump.modules) {
    drivers += fmt::format("{}|{:x}|{:x}|{:x}|{:x}\n", module.path, module.base, module.size,
                           module.checksum, module.timestamp);
  }
  for (const auto& block : dump.triage->data_blocks) {
    blocks += fmt::format("{:x}|{:x}|{:x}\n", block.address, block.bytes.size(),
                          crc32(block.bytes.span()));
  }
  return {crc32(std::as_bytes(std::span(drivers))), crc32(std::as_bytes(std::span(blocks)))};
}

TEST(Triage, GivesWhatARealDumpOfTheKernelHolds) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_19041.dmp");
  const auto opened = open(path);
  ASSERT_TRUE(opened) << opened.error().text();
  const Dump& dump = *opened;
  EXPECT_TRUE(dump.warnings.empty()) << dump.warnings.front();
  EXPECT_EQ(dump.architecture, base::Architecture::x64);
  EXPECT_EQ(dump.major_version, 0xfu);
  EXPECT_EQ(dump.build, 19041u);
  EXPECT_EQ(dump.processor_count, 16u);
  ASSERT_TRUE(dump.bugcheck);
  EXPECT_EQ(dump.bugcheck->code, 0x1000007eu);
  EXPECT_EQ(dump.bugcheck->parameters,
            (std::array<std::uint64_t, 4>{0xffffffffc0000005, 0xfffff8048b58334c,
                                          0xffff850429891ee8, 0xffff850429891720}));
  EXPECT_EQ(dump.ps_loaded_module_list, 0xfffff8047c62a390u);
  EXPECT_EQ(dump.ps_active_process_head, 0xfffff8047c61e200u);
  EXPECT_EQ(dump.kd_debugger_data_block, 0xfffff8047c600b20u);
  EXPECT_EQ(dump.directory_table_base, 0x1ad000u);
  EXPECT_EQ(dump.system_time, 0x1d707f23dbb3399u);
  EXPECT_EQ(dump.up_time, 0x23bc1e9u);
  EXPECT_EQ(dump.attributes, 0u);
  EXPECT_EQ(dump.comment, "");
  EXPECT_EQ(dump.context.get<std::uint64_t>(0xf8), 0xfffff8048b58334cu);
  EXPECT_EQ(dump.context.get<std::uint64_t>(0x98), 0xffff850429892120u);
  ASSERT_TRUE(dump.exception);
  EXPECT_EQ(dump.exception->code, 0x80000003u);
  EXPECT_EQ(dump.exception->address, 0xfffff8047bdf5a80u);
  EXPECT_EQ(dump.kdbg.size(), 0x380u);
  EXPECT_EQ(dump.modules.size(), 151u);
  EXPECT_EQ(dump.unloaded_modules.size(), 4u);
  EXPECT_EQ(dump.unloaded_modules[3].name, "mcupdate.dll");
  EXPECT_EQ(dump.unloaded_modules[3].begin, 0xfffff804793e0000u);
  EXPECT_EQ(dump.unloaded_modules[3].end, 0xfffff80479409000u);
  EXPECT_EQ(dump.secondary.size(), 20u);
  EXPECT_EQ(dump.secondary[3].bytes.size(), 0xd4bbu);

  ASSERT_TRUE(dump.triage);
  EXPECT_EQ(dump.triage->options, 0xffffffffu);
  EXPECT_EQ(dump.triage->data_blocks.size(), 1831u);
  // The sizes that the dump's own KDBG gives for this build: SizePrcb, SizeEProcess, SizeEThread.
  EXPECT_EQ(dump.triage->prcb.size(), dump.kdbg.get<std::uint16_t>(0x2b0));
  EXPECT_EQ(dump.triage->process.size(), dump.kdbg.get<std::uint16_t>(0x2a8));
  EXPECT_EQ(dump.triage->thread.size(), dump.kdbg.get<std::uint16_t>(0x2c0));
  EXPECT_EQ(dump.triage->prcb.get<std::uint64_t>(8), 0xffffc08bde9e1640u);
  EXPECT_EQ(dump.triage->top_of_stack, 0xffff850429890ee8u);
  EXPECT_EQ(dump.triage->call_stack.size(), 0x2118u);
  EXPECT_EQ(dump.memory->copy(dump.triage->top_of_stack, 0x2118).size(), 0x2118u);
  EXPECT_EQ(dump.memory->copy(0xffff850429893000, 0x10).size(), 0u) << "the end of the stack";
  const Sums sums = sums_of(dump);
  EXPECT_EQ(sums.drivers, 0xd33eb6ccu);
  EXPECT_EQ(sums.blocks, 0x909a8e21u);
}

TEST(Triage, GivesWhatARealDumpMadeLaterHolds) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_17763.dmp");
  const auto opened = open(path);
  ASSERT_TRUE(opened) << opened.error().text();
  const Dump& dump = *opened;
  EXPECT_TRUE(dump.warnings.empty()) << dump.warnings.front();
  EXPECT_EQ(dump.build, 17763u);
  EXPECT_EQ(dump.processor_count, 8u);
  ASSERT_TRUE(dump.bugcheck);
  EXPECT_EQ(dump.bugcheck->code, 0x1000007eu);
  EXPECT_EQ(dump.bugcheck->parameters[1], 0xfffff8044a24d2d4u);
  EXPECT_EQ(dump.attributes, 8u) << "made by the kernel's triage code";
  EXPECT_EQ(dump.context.get<std::uint64_t>(0xf8), 0xfffff8044a24d2d4u);
  EXPECT_EQ(dump.context.get<std::uint64_t>(0x98), 0xffff998071d4efc8u);
  EXPECT_EQ(dump.modules.size(), 108u);
  EXPECT_EQ(dump.modules[0].path, "ntoskrnl.exe");
  EXPECT_EQ(dump.modules[0].base + 0x4a2d4, dump.bugcheck->parameters[1]);
  EXPECT_EQ(dump.unloaded_modules.size(), 3u);
  ASSERT_TRUE(dump.triage);
  EXPECT_EQ(dump.triage->options, 0x41u);
  EXPECT_EQ(dump.triage->data_blocks.size(), 40u);
  EXPECT_EQ(dump.triage->prcb.size(), dump.kdbg.get<std::uint16_t>(0x2b0));
  EXPECT_EQ(dump.triage->process.size(), dump.kdbg.get<std::uint16_t>(0x2a8));
  EXPECT_EQ(dump.triage->thread.size(), dump.kdbg.get<std::uint16_t>(0x2c0));
  EXPECT_EQ(dump.triage->prcb.get<std::uint32_t>(0x24), 6u) << "the processor that crashed";
  EXPECT_EQ(dump.triage->prcb.get<std::uint64_t>(8), 0xffff8903517e7240u);
  EXPECT_EQ(dump.triage->call_stack.size(), 0x2298u);
  EXPECT_EQ(dump.secondary.size(), 11u);
  EXPECT_EQ(dump.secondary[10].bytes.size(), 0x60b0u);
  const Sums sums = sums_of(dump);
  EXPECT_EQ(sums.drivers, 0x19e65fb3u);
  EXPECT_EQ(sums.blocks, 0x9b42d85bu);
}

}  // namespace
}  // namespace ntstack::dump
