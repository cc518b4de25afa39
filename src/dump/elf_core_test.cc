// Cores by hand, as QEMU's sources describe its notes; tests/oracle_qemu holds the reader against
// cores that QEMU itself wrote.
#include "dump/elf_core.h"

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::counting;
using building::Data;
using building::ElfBuilder;
using building::note;
using building::qemu_state;
using building::view;
using building::warns;

std::string refusal_of(const ElfBuilder& builder) {
  const Data file = builder.build();
  const auto dump = parse(view(file));
  return dump ? "accepted" : dump.error().text();
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ElfCore, GivesPhysicalMemoryByItsAddressesInBothWidths) {
  for (const bool is_64_bit : {true, false}) {
    ElfBuilder builder;
    builder.is_64_bit = is_64_bit;
    builder.machine = is_64_bit ? 62 : 3;
    builder.ranges = {{0, counting(0xa000, 1), 0}, {0x100000, counting(0x5123, 2), 0x100000}};
    builder.counts_in_section = !is_64_bit;
    const Data file = builder.build();
    const auto dump = parse(view(file));
    ASSERT_TRUE(dump) << dump.error().text();
    EXPECT_EQ(dump->kind, Kind::elf);
    EXPECT_EQ(dump->architecture, is_64_bit ? base::Architecture::x64 : base::Architecture::x86);
    EXPECT_EQ(dump->physical->copy(0, 0x20000), builder.ranges[0].bytes);
    EXPECT_EQ(dump->physical->copy(0x100000, 0x20000), builder.ranges[1].bytes);
    EXPECT_EQ(dump->physical->hole_end(0xa000), 0x100000u);
    EXPECT_EQ(dump->physical_bytes, 0xa000u + 0x5123u);
    EXPECT_EQ(dump->mapped, nullptr);
    EXPECT_TRUE(dump->warnings.empty()) << dump->warnings[0];
  }
}

TEST(ElfCore, GivesBothAddressesWhereThereAreBoth) {
  ElfBuilder builder;
  // The same page twice, and a range that reaches past another's end.
  builder.ranges = {{0x2000, counting(0x1000, 1), 0xfffff80000001000},
                    {0x2000, counting(0x1000, 1), 0xfffff80000009000},
                    {0x2800, counting(0x1000, 2), 0xfffff8000000f000},
                    {0x2000, counting(0x1000, 1), 0xffff7ff600001000},  // as QEMU has low ones
                    {0x1000, counting(0x800, 3), 0xfffff80000020000}};
  builder.notes = {note("QEMU", 0, qemu_state(1))};
  const Data file = builder.build();
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->physical_bytes, 0x2000u);
  EXPECT_EQ(dump->physical->copy(0x1000, 0x1000), counting(0x800, 3));
  EXPECT_EQ(dump->physical->copy(0x2000, 0x800), counting(0x800, 1));
  ASSERT_NE(dump->mapped, nullptr);
  EXPECT_EQ(dump->mapped->copy(0xfffff80000001000, 0x1000), counting(0x1000, 1));
  EXPECT_EQ(dump->mapped->copy(0xfffff80000009000, 0x1000), counting(0x1000, 1));
  EXPECT_EQ(dump->mapped->copy(0xfffff8000000f000, 0x1000), counting(0x1000, 2));
  EXPECT_EQ(dump->mapped->copy(0x7ff600001000, 0x1000), counting(0x1000, 1));
}

TEST(ElfCore, GivesEachProcessorsRegisters) {
  ElfBuilder builder;
  builder.ranges = {{0x1000, counting(0x1000, 1), 0}};
  builder.notes = {note("CORE", 1, counting(0x150, 9)), note("QEMU", 0, qemu_state(0x100)),
                   note("QEMU", 0, qemu_state(0x200, false)), note("VMCOREINFO", 0, Data(5))};
  const Data file = builder.build();
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->processor_count, 2u);
  ASSERT_EQ(dump->processors.size(), 2u);
  const ProcessorRecord& first = dump->processors[0];
  EXPECT_EQ(first.number, 0u);
  EXPECT_EQ(first.cr0, 0x2000u);
  EXPECT_EQ(first.cr3, 0x2003u);
  EXPECT_EQ(first.cr4, 0x2004u);
  EXPECT_EQ(first.fs_base, 0x1003u);
  EXPECT_EQ(first.gs_base, 0x1004u);
  EXPECT_EQ(first.gdt_base, 0x1008u);
  EXPECT_EQ(first.idt_base, 0x1009u);
  EXPECT_EQ(first.kernel_gs_base, 0x4000u);
  const base::Bytes context(std::span<const std::byte>(first.context));
  ASSERT_EQ(context.size(), 0x4d0u);
  // Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8 to R15; QEMU's order is another.
  const std::uint64_t expected[] = {0x100, 0x102, 0x103, 0x101, 0x106, 0x107, 0x104, 0x105,
                                    0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x10d, 0x10e, 0x10f};
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(context.get<std::uint64_t>(0x78 + i * 8), expected[i]) << i;
  }
  EXPECT_EQ(context.get<std::uint64_t>(0xf8), 0x110u);     // Rip
  EXPECT_EQ(context.get<std::uint32_t>(0x44), 0x111u);     // EFlags
  EXPECT_EQ(context.get<std::uint32_t>(0x30), 0x100007u);  // ContextFlags
  EXPECT_EQ(context.get<std::uint16_t>(0x38), 0x10u);      // SegCs
  EXPECT_EQ(context.get<std::uint16_t>(0x42), 0x15u);      // SegSs
  EXPECT_EQ(dump->processors[1].cr3, 0x4003u);
  EXPECT_FALSE(dump->processors[1].kernel_gs_base);
}

TEST(ElfCore, GivesX86AndArm64RegistersAsTheirContexts) {
  ElfBuilder builder;
  builder.is_64_bit = false;
  builder.machine = 3;
  builder.ranges = {{0x1000, counting(0x1000, 1), 0}};
  builder.notes = {note("QEMU", 0, qemu_state(0x21))};
  const Data x86 = builder.build();
  const auto dump = parse(view(x86));
  ASSERT_TRUE(dump);
  ASSERT_EQ(dump->processors.size(), 1u);
  const base::Bytes context(std::span<const std::byte>(dump->processors[0].context));
  ASSERT_EQ(context.size(), 0x2ccu);
  EXPECT_EQ(context.get<std::uint32_t>(0xb8), 0x31u);  // Eip
  EXPECT_EQ(context.get<std::uint32_t>(0xc4), 0x27u);  // Esp
  EXPECT_EQ(context.get<std::uint32_t>(0xb4), 0x28u);  // Ebp
  EXPECT_EQ(context.get<std::uint32_t>(0xa4), 0x22u);  // Ebx
  EXPECT_TRUE(dump->pae) << "CR4 is 0x424";

  builder.is_64_bit = true;
  builder.machine = 183;
  building::File status;
  for (std::uint64_t i = 0; i < 34; ++i) status.put64(0x70 + i * 8, 0x500 + i);
  builder.notes = {note("CORE", 1, status.take())};
  const Data arm64 = builder.build();
  const auto other = parse(view(arm64));
  ASSERT_TRUE(other);
  ASSERT_EQ(other->processors.size(), 1u);
  const base::Bytes registers(std::span<const std::byte>(other->processors[0].context));
  EXPECT_EQ(other->architecture, base::Architecture::arm64);
  EXPECT_EQ(registers.get<std::uint64_t>(8 + 29 * 8), 0x51du);
  EXPECT_EQ(registers.get<std::uint64_t>(0x100), 0x51fu);  // Sp
  EXPECT_EQ(registers.get<std::uint64_t>(0x108), 0x520u);  // Pc
  EXPECT_EQ(registers.get<std::uint32_t>(4), 0x521u);      // Cpsr
}

TEST(ElfCore, FilesThatAreNoMachinesCoresAreRefusedInWords) {
  ElfBuilder builder;
  builder.ranges = {{0, counting(0x1000, 1), 0x400000}, {0, counting(0x1000, 2), 0x7fff0000}};
  EXPECT_TRUE(has(refusal_of(builder), "of a process, not of a machine")) << refusal_of(builder);
  builder.type = 2;
  EXPECT_TRUE(has(refusal_of(builder), "type 2, and not a memory core")) << refusal_of(builder);
  builder.type = 4;
  builder.ranges.clear();
  EXPECT_TRUE(has(refusal_of(builder), "without memory")) << refusal_of(builder);
}

TEST(ElfCore, OfACutFileTheRangesThatAreThereAreServed) {
  ElfBuilder builder;
  builder.ranges = {{0x1000, counting(0x1000, 1), 0}, {0x9000, counting(0x1000, 2), 0}};
  const Data file = builder.build();
  const auto dump = parse(view(file).clamp(0, file.size() - 0x800));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->physical->copy(0x9000, 0x1000).size(), 0x800u);
  EXPECT_TRUE(warns(*dump, "1 of 2 ranges of memory lie wholly or partly behind its end"));
}

}  // namespace
}  // namespace ntstack::dump
