// Bugcheck parameters in a dump laid out by hand: addresses in modules, an IRP at a driver's
// device. Layouts: public wdm.h.
#include "analysis/blame_parameters.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kNt = 0xfffff80001000000, kDriver = 0xfffff80002000000,
                        kObjects = 0xffffe00000001000;

struct World {
  explicit World(std::uint32_t code, std::array<std::uint64_t, 4> parameters) {
    dump.kind = dump::Kind::triage;
    dump.architecture = base::Architecture::x64;
    dump.bugcheck = dump::Bugcheck{code, parameters};
    add_module("nt", kNt, 0x100000);
    add_module("\\SystemRoot\\mydrv.sys", kDriver, 0x10000);
    dump.unloaded_modules = {{"gone.sys", 0xfffff80003000000, 0xfffff80003010000}};
  }
  void add_module(std::string path, std::uint64_t base, std::uint64_t size) {
    dump::ModuleRecord module;
    module.path = path;
    module.base = base;
    module.size = size;
    dump.modules.push_back(module);
    symbols::ModuleKey key;
    key.name = path == "nt" ? "ntoskrnl.exe" : std::string(path.substr(path.rfind('\\') + 1));
    key.base = base;
    key.size = size;
    keys.push_back(key);
  }
  void put(std::uint64_t offset, std::uint64_t value) {
    std::memcpy(&bytes.at(offset), &value, sizeof value);
  }
  std::vector<NamedByParameter> named() {
    std::vector<base::SegmentSource::Segment> segments = {
        {kObjects, base::Bytes(std::span<const std::byte>(bytes))}};
    dump.memory = std::make_unique<base::SegmentSource>(std::move(segments));
    const symbols::Symbolizer symbolizer(keys, {});
    target::Kernel kernel(dump);
    const target::Machine machine(kernel);
    return named_by_parameters(machine, symbolizer);
  }
  dump::Dump dump;
  std::vector<symbols::ModuleKey> keys;
  std::vector<std::byte> bytes = std::vector<std::byte>(0x1000);
};

TEST(BlameParameters, TheInstructionsAddressNamesItsModule) {
  const auto named = World(0xd1, {0, 2, 0, kDriver + 0x123}).named();
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].module, "mydrv.sys");
  EXPECT_EQ(named[0].parameter, 3u);
  EXPECT_TRUE(named[0].is_certain);
}

TEST(BlameParameters, AnAddressInNoModuleNamesNobody) {
  EXPECT_TRUE(World(0xd1, {0, 2, 0, 0x1234}).named().empty());
  EXPECT_TRUE(World(0xd1, {kDriver, 2, 0, UINT64_MAX}).named().empty());
}

TEST(BlameParameters, AnUnloadedModuleIsNamedAsUnloaded) {
  const auto named = World(0xce, {0xfffff80003000010, 8, 0xfffff80003000010, 0}).named();
  ASSERT_FALSE(named.empty());
  EXPECT_EQ(named[0].module, "gone.sys");
  EXPECT_TRUE(named[0].is_unloaded);
}

TEST(BlameParameters, APowerIrpNamesTheDriverThatItIsAt) {
  World world(0x9f, {3, 0, 0, kObjects});
  world.put(0xb8, kObjects + 0x200);          // IRP: its current stack location
  world.put(0x200 + 0x28, kObjects + 0x400);  // of that: the device object
  world.put(0x400 + 0x8, kObjects + 0x600);   // of that: the driver object
  world.put(0x600 + 0x18, kDriver);           // of that: DriverStart
  const auto named = world.named();
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].module, "mydrv.sys");
  EXPECT_TRUE(named[0].reason.contains("IRP"));
}

TEST(BlameParameters, AnIrpWhoseMemoryIsMissingNamesNobody) {
  World world(0x9f, {3, 0, 0, kObjects});
  world.put(0xb8, 0xffffe00000900000);
  EXPECT_TRUE(world.named().empty());
  EXPECT_TRUE(World(0x9f, {3, UINT64_MAX, 0, UINT64_MAX}).named().empty());
}

}  // namespace
}  // namespace ntstack::analysis
