// States by hand, after VMware's own reader in the crash utility; none of a real machine is at
// hand.
#include "dump/vmware.h"

#include <fstream>

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::Pages;
using building::view;
using building::warns;
using Builder = building::VmwareBuilder;

constexpr std::uint64_t four_gb = 0x100000;  // in pages

// 4 pages at 0 and 2 pages above 4 GB, as with the hole for devices.
Builder two_regions() {
  Builder builder;
  builder.groups = {
      {"Checkpoint", {Builder::number("fileversion", {}, 8, 4)}},
      {"memory",
       {Builder::number("regionsCount", {}, 2, 4), Builder::number("regionPageNum", {0}, 0, 4),
        Builder::number("regionPPN", {0}, 0, 4), Builder::number("regionSize", {0}, 4, 4),
        Builder::number("regionPageNum", {1}, 4, 4), Builder::number("regionPPN", {1}, four_gb, 4),
        Builder::number("regionSize", {1}, 2, 4)}}};
  return builder;
}

Pages pages_there() { return building::pages_of({0, 1, 2, 3, four_gb, four_gb + 1}); }

Data memory_file(const Pages& pages) {
  building::File file;
  building::append_pages(file, pages);
  return file.take();
}

TEST(Vmware, GivesTheMemoryBesideTheStateByItsRegions) {
  const Data state = two_regions().build();
  const Data memory = memory_file(pages_there());
  const auto dump = parse_vmware(view(state), view(memory));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->kind, Kind::vmware);
  building::expect_pages(dump->physical.get(), pages_there());
  const auto cut = parse_vmware(view(state), view(memory).clamp(0, 0x4800));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(warns(*cut, "1 of 2 regions"));
}

TEST(Vmware, GivesTheMemoryInsideTheState) {
  for (const std::uint32_t magic : {0xbed2bed2u, 0xbed0bed0u}) {
    Builder builder;
    builder.magic = magic;
    const Data memory = memory_file(building::pages_of({0, 1, 2}));
    builder.groups = {{"memory",
                       {Builder::number("regionsCount", {}, 0, 4),
                        {"Memory", {0, 0}, memory, true},
                        Builder::number("align_mask", {}, 0xfff, 4)}}};
    const Data state = builder.build();
    const auto dump = parse(view(state));
    ASSERT_TRUE(dump) << dump.error().text();
    building::expect_pages(dump->physical.get(), building::pages_of({0, 1, 2}));
  }
}

TEST(Vmware, WhatIsMissingIsSaidInWords) {
  Builder builder = two_regions();
  const Data alone = builder.build();
  const auto without = parse(view(alone));
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().text().find("put the .vmem file"), std::string::npos);
  builder.groups[1].second.push_back({"Memory", {0, 0}, Data(100), true, true});
  const Data compressed = builder.build();
  const auto packed = parse(view(compressed));
  ASSERT_FALSE(packed);
  EXPECT_NE(packed.error().text().find("compressed"), std::string::npos);
}

TEST(Vmware, GivesRegistersFromBlocksAndFromSingleValues) {
  Builder builder = two_regions();
  Data registers;
  for (std::uint64_t i = 0; i < 16; ++i) {
    for (int byte = 0; byte < 8; ++byte) registers.push_back(std::byte(byte == 0 ? 0x40 + i : 0));
  }
  Data control;
  for (std::uint64_t i = 0; i < 9; ++i) {
    for (int byte = 0; byte < 8; ++byte) control.push_back(std::byte(byte == 1 ? 0x10 + i : 0));
  }
  builder.groups.push_back({"cpu",
                            {Builder::number("cpu:numVCPUs", {}, 2, 4),
                             Builder::number("rip", {0}, 0xfffff80000001234, 8),
                             {"gpregs", {0}, registers, true},
                             {"CR64", {0}, control, true},
                             Builder::number("rip", {1}, 0x5678, 8),
                             Builder::number("rsp", {1}, 0x7000, 8),
                             Builder::number("rbp", {1}, 0x7100, 8),
                             Builder::number("CR64", {1, 3}, 0x1ad000, 8),
                             Builder::number("IDTR", {1, 1}, 0x44556677, 4),
                             Builder::number("IDTR", {1, 2}, 0xfffff800, 4),
                             Builder::number("eflags", {1}, 0x246, 4)}});
  const Data state = builder.build();
  Pages pages = pages_there();
  pages[3] = building::self_map_x64(3);
  const Data memory = memory_file(pages);
  const auto dump = parse_vmware(view(state), view(memory));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->architecture, base::Architecture::x64);
  EXPECT_EQ(dump->processor_count, 2u);
  ASSERT_EQ(dump->processors.size(), 2u);
  EXPECT_EQ(dump->processors[0].cr3, 0x1300u);
  const base::Bytes first(std::span<const std::byte>(dump->processors[0].context));
  // rax, rcx, rdx, rbx, rbp, rsp, rsi, rdi in the block.
  EXPECT_EQ(first.get<std::uint64_t>(0x98), 0x45u);  // Rsp
  EXPECT_EQ(first.get<std::uint64_t>(0xa0), 0x44u);  // Rbp
  EXPECT_EQ(first.get<std::uint64_t>(0xf0), 0x4fu);  // R15
  EXPECT_EQ(first.get<std::uint64_t>(0xf8), 0xfffff80000001234u);
  const ProcessorRecord& second = dump->processors[1];
  EXPECT_EQ(second.cr3, 0x1ad000u);
  EXPECT_EQ(second.idt_base, 0xfffff80044556677u);
  const base::Bytes context(std::span<const std::byte>(second.context));
  EXPECT_EQ(context.get<std::uint64_t>(0x98), 0x7000u);
  EXPECT_EQ(context.get<std::uint64_t>(0xa0), 0x7100u);
  EXPECT_EQ(context.get<std::uint32_t>(0x44), 0x246u);
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "ntstack_vmware_test") {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path write(const char* name, const Data& bytes) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

TEST(Vmware, EitherFileFindsTheOtherBesideIt) {
  const Folder folder;
  const auto memory = folder.write("a.vmem", memory_file(pages_there()));
  const auto state = folder.write("a.vmsn", two_regions().build());
  for (const auto& path : {memory, state}) {
    auto opened = open(path);
    ASSERT_TRUE(opened) << opened.error().text();
    const Dump dump = std::move(*opened);
    EXPECT_EQ(dump.kind, Kind::vmware);
    EXPECT_TRUE(dump.companion);
    building::expect_pages(dump.physical.get(), pages_there());
  }
}

TEST(Vmware, MemoryWithoutItsStateIsReadAsItIsOrSaysWhatToDo) {
  const Folder folder;
  Data bytes(1 << 20);
  const Data table = building::self_map_x64(5);
  std::ranges::copy(table, bytes.begin() + 0x5000);
  const auto small = folder.write("b.vmem", bytes);
  const auto dump = open(small);
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->kind, Kind::raw);
  EXPECT_TRUE(warns(*dump, "no .vmss or .vmsn"));
  std::filesystem::resize_file(small, 0xc0001000);  // sparse
  const auto large = open(small);
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().text().find("more than 3 GB"), std::string::npos);
}

}  // namespace
}  // namespace ntstack::dump
