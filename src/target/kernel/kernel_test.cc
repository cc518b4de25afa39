// The whole way without a header: from memory alone to nt, KDBG, modules, build and processors.
// Kernels by hand, of each architecture.
#include "target/kernel/kernel.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

struct Places {
  std::uint64_t base, pool, modules, kdbg, processors, prcb;
};

Places places_of(const KernelBuilder& builder) {
  const std::uint64_t base = builder.is_x86() ? 0x80400000 : 0xfffff802'3a2b8000;
  const std::uint64_t pool = builder.is_x86() ? 0x85c00000 : 0xffffe001'00000000;
  const std::uint64_t data = base + KernelBuilder::data;
  return {base, pool, data + 0x10, data + 0x800, data + 0x400, pool + 0x2180};
}

KernelBuilder whole_kernel(Paging paging) {
  KernelBuilder builder(paging);
  const Places at = places_of(builder);
  builder.put_image(at.base, "ntoskrnl.exe",
                    {{"NtBuildNumber", KernelBuilder::data + 0x40},
                     {"PsInitialSystemProcess", KernelBuilder::data + 0x48}});
  builder.write(at.base + KernelBuilder::data + 0x40, std::uint32_t{0xf0004a61});
  builder.write_pointer(at.base + KernelBuilder::data + 0x48, at.pool + 0x8000);
  builder.put_module(at.modules, at.pool, at.base);
  builder.put_shared_user_data(10, 0, 19045);
  builder.put_kdbg(at.kdbg, at.base, 0x380);
  builder.write(at.kdbg + 0x218, at.processors);
  builder.write_pointer(at.processors, at.prcb);
  builder.write_pointer(at.prcb, 0);
  for (std::uint64_t i = 0; i < 16; ++i)  // two-level tables are not known by fewer
    builder.page(at.pool + 0x100000 + (i << 22));
  return builder;
}

TEST(Kernel, IsFoundInMemoryOfEachKindOfPaging) {
  for (const Paging paging :
       {Paging::x86, Paging::x86_pae, Paging::x64, Paging::x64_la57, Paging::arm64}) {
    const KernelBuilder builder = whole_kernel(paging);
    const Places at = places_of(builder);
    const dump::Dump dump = builder.dump();
    const Kernel kernel(dump);
    const auto name = memory::name_of(paging);
    ASSERT_TRUE(kernel.page_tables()) << name;
    EXPECT_EQ(kernel.page_tables()->root(), builder.self_mapping_table()) << name;
    EXPECT_EQ(kernel.base(), at.base) << name;
    EXPECT_EQ(kernel.base_found_by(), "a search of the kernel's address space") << name;
    ASSERT_TRUE(kernel.kdbg()) << name;
    EXPECT_EQ(kernel.kdbg_address(), at.kdbg) << name;
    EXPECT_EQ(kernel.loaded_module_list(), at.modules) << name;
    ASSERT_EQ(kernel.modules().size(), 1u) << name;
    EXPECT_EQ(kernel.modules()[0].base, at.base) << name;
    EXPECT_EQ(kernel.build(), 19041u) << name;
    EXPECT_EQ(kernel.build_found_by(), "nt!NtBuildNumber") << name;
    EXPECT_EQ(kernel.processor_block(), at.processors) << name;
    EXPECT_EQ(kernel.processor_count(), 1u) << name;
    EXPECT_EQ(kernel.system_process(), at.pool + 0x8000) << name;
  }
}

// Nothing but what the processors say: KDBG's tag is gone.
TEST(Kernel, WithoutKdbgHasItsModulesAndProcessorsAllTheSame) {
  for (const Paging paging : {Paging::x86_pae, Paging::x64}) {
    KernelBuilder builder = whole_kernel(paging);
    const Places at = places_of(builder);
    builder.write(at.kdbg + 0x10, std::uint32_t{0});
    const std::uint64_t region = at.prcb - (builder.is_x86() ? 0x120 : 0x180);
    builder.put_processor_region(region, at.prcb, 0, 0);
    dump::Dump dump = builder.dump();
    dump.processors.resize(1);
    dump.processors[0].cr3 = builder.root();
    (builder.is_x86() ? dump.processors[0].fs_base : dump.processors[0].gs_base) = region;
    const Kernel kernel(dump);
    EXPECT_FALSE(kernel.kdbg());
    EXPECT_EQ(kernel.tables_found_by(), "CR3 of processor 0");
    EXPECT_EQ(kernel.loaded_module_list(), at.modules);
    EXPECT_EQ(kernel.modules().size(), 1u);
    EXPECT_EQ(kernel.processor_block(), at.processors);
  }
}

TEST(Kernel, AHeaderWhoseFieldsAreDamagedIsMended) {
  KernelBuilder builder = whole_kernel(Paging::x64);
  const Places at = places_of(builder);
  dump::Dump dump = builder.dump();
  dump.kind = dump::Kind::bitmap;
  dump.dump_type = 5;
  dump.directory_table_base = builder.root();
  dump.ps_loaded_module_list = 0xfffff802'00000000;
  dump.ps_active_process_head = 0xfffff802'00000010;
  dump.kd_debugger_data_block = 0xfffff802'00000020;
  dump.build = 19041;
  // KDBG names the list of processes, which is empty.
  const std::uint64_t processes = at.base + KernelBuilder::data + 0x20;
  builder.write_pointer(processes, processes);
  builder.write_pointer(processes + 8, processes);
  const Kernel kernel(dump);
  EXPECT_EQ(kernel.base(), at.base);
  EXPECT_EQ(kernel.kdbg_address(), at.kdbg);
  EXPECT_EQ(kernel.loaded_module_list(), at.modules);
  EXPECT_EQ(kernel.active_process_head(), processes);
  EXPECT_EQ(kernel.build_found_by(), "the dump's header");
}

TEST(Kernel, MemoryWithoutOneHasAWarning) {
  KernelBuilder builder(Paging::x64);
  const dump::Dump dump = builder.dump();
  const Kernel kernel(dump);
  EXPECT_EQ(kernel.base(), 0u);
  EXPECT_EQ(kernel.system_process(), 0u);
  EXPECT_FALSE(kernel.warnings().empty());
}

}  // namespace
}  // namespace ntstack::target
