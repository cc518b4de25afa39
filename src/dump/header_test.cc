#include "dump/header.h"

#include <gtest/gtest.h>

#include "dump/dump_builder.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::TriageBuilder;
using building::view;

TriageBuilder x86_builder() {
  TriageBuilder builder;
  builder.is_64_bit = false;
  builder.machine = 0x14c;
  return builder;
}

constexpr std::uint64_t all_ones = UINT64_MAX;

TEST(KernelHeader, GivesEveryFieldOf64BitsAtItsExtremes) {
  TriageBuilder builder;
  builder.major_version = 0xffffffff;
  builder.build_number = 0x7fffffff;
  builder.processor_count = 0xffffffff;
  builder.bugcheck_code = 0xffffffff;
  builder.bugcheck_parameters = {0, 1, 0x8000000000000000, all_ones};
  builder.directory_table_base = all_ones;
  builder.ps_loaded_module_list = all_ones - 1;
  builder.ps_active_process_head = 0x8000000000000000;
  builder.kd_debugger_data_block = 1;
  builder.system_time = all_ones;
  builder.up_time = 0;
  builder.attributes = 0xfffffeff;
  builder.comment = std::string(128, 'c');
  const Data file = builder.build();
  const auto header = read_kernel_header(view(file));
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_TRUE(header->is_64_bit);
  EXPECT_EQ(header->size, 0x2000u);
  EXPECT_EQ(header->major_version, 0xffffffffu);
  EXPECT_EQ(header->build, 0x7fffffffu);
  EXPECT_EQ(header->processor_count, 0xffffffffu);
  ASSERT_TRUE(header->bugcheck);
  EXPECT_EQ(header->bugcheck->code, 0xffffffffu);
  EXPECT_EQ(header->bugcheck->parameters, builder.bugcheck_parameters);
  EXPECT_EQ(header->directory_table_base, all_ones);
  EXPECT_EQ(header->ps_loaded_module_list, all_ones - 1);
  EXPECT_EQ(header->ps_active_process_head, 0x8000000000000000u);
  EXPECT_EQ(header->kd_debugger_data_block, 1u);
  EXPECT_EQ(header->system_time, all_ones);
  EXPECT_EQ(header->up_time, 0u);
  EXPECT_EQ(header->attributes, 0xfffffeffu);
  EXPECT_EQ(header->comment, std::string(128, 'c'));
  EXPECT_EQ(header->required_dump_space, file.size());
  EXPECT_EQ(header->mini_dump_fields, 0xcffu);
}

TEST(KernelHeader, GivesEveryFieldOf32BitsZeroExtended) {
  TriageBuilder builder = x86_builder();
  builder.build_number = 7601;
  builder.bugcheck_parameters = {0xffffffff, 0x80000000, 1, 0};
  builder.directory_table_base = 0xffffffe0;
  builder.ps_loaded_module_list = 0x82f4c850;
  builder.ps_active_process_head = 0x82f44f18;
  builder.kd_debugger_data_block = 0x82f2dbe8;
  builder.system_time = 0x1d707f23dbb3399;
  builder.up_time = all_ones;
  builder.attributes = 0x8;
  builder.comment = "by hand";
  const Data file = builder.build();
  const auto header = read_kernel_header(view(file));
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_FALSE(header->is_64_bit);
  EXPECT_EQ(header->size, 0x1000u);
  EXPECT_EQ(header->architecture, base::Architecture::x86);
  EXPECT_EQ(header->build, 7601u);
  EXPECT_EQ(header->processor_count, 4u);
  ASSERT_TRUE(header->bugcheck);
  EXPECT_EQ(header->bugcheck->parameters, builder.bugcheck_parameters);
  EXPECT_EQ(header->directory_table_base, 0xffffffe0u);
  EXPECT_EQ(header->ps_loaded_module_list, 0x82f4c850u);
  EXPECT_EQ(header->ps_active_process_head, 0x82f44f18u);
  EXPECT_EQ(header->kd_debugger_data_block, 0x82f2dbe8u);
  EXPECT_EQ(header->system_time, 0x1d707f23dbb3399u);
  EXPECT_EQ(header->up_time, all_ones);
  EXPECT_EQ(header->attributes, 8u);
  EXPECT_EQ(header->comment, "by hand");
  EXPECT_EQ(header->dump_type, 4u);
  EXPECT_FALSE(header->pae) << "the byte holds the P of PAGE";
}

TEST(KernelHeader, FieldsFilledWithTheLettersPageAreUnset) {
  for (const bool is_64_bit : {true, false}) {
    building::File file;
    file.fill_unset(0, 0x2000);
    file.text(0, is_64_bit ? "PAGEDU64" : "PAGEDUMP");
    const Data bytes = file.take();
    const auto header = read_kernel_header(view(bytes));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->build, 0u);
    EXPECT_EQ(header->machine, 0u);
    EXPECT_EQ(header->processor_count, 0u);
    EXPECT_FALSE(header->bugcheck);
    EXPECT_EQ(header->directory_table_base, 0u);
    EXPECT_EQ(header->kd_debugger_data_block, 0u);
    EXPECT_EQ(header->comment, "");
    EXPECT_FALSE(header->system_time);
    EXPECT_FALSE(header->up_time);
    EXPECT_FALSE(header->mini_dump_fields);
    EXPECT_EQ(header->attributes, 0u) << "or the encrypted bit would be taken from the letters";
    EXPECT_TRUE(header->context.empty());
    EXPECT_FALSE(header->exception);
  }
}

TEST(KernelHeader, GivesTheContextInTheSizeOfItsProcessor) {
  const std::pair<std::uint32_t, std::size_t> sizes[] = {
      {0x8664, 0x4d0}, {0xaa64, 0x390}, {0x14c, 0x2cc}};
  for (const auto& [machine, size] : sizes) {
    TriageBuilder builder;
    builder.machine = machine;
    builder.is_64_bit = machine != 0x14c;
    builder.context = building::context_of(machine);
    const Data file = builder.build();
    const auto header = read_kernel_header(view(file));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->context.size(), size);
    EXPECT_TRUE(std::ranges::equal(header->context.span(), builder.context));
  }
}

TEST(KernelHeader, AContextOfZerosThatIsNotPromisedIsNotTaken) {
  TriageBuilder builder;
  builder.context = Data(0x4d0);
  builder.mini_dump_fields = 0xcfe;
  const Data file = builder.build();
  EXPECT_TRUE(read_kernel_header(view(file))->context.empty());
  builder.context = building::context_of(0x8664);
  const Data with_flags = builder.build();
  EXPECT_EQ(read_kernel_header(view(with_flags))->context.size(), 0x4d0u);
}

TEST(KernelHeader, GivesExceptionRecordsWithAtMost15Parameters) {
  TriageBuilder builder;
  std::vector<std::uint64_t> parameters(15, all_ones);
  builder.exception = building::exception64(0xc0000005, 0xfffff80000001234, parameters, 0xffffffff);
  const Data file = builder.build();
  const auto record = read_kernel_header(view(file))->exception;
  ASSERT_TRUE(record);
  EXPECT_EQ(record->code, 0xc0000005u);
  EXPECT_EQ(record->flags, 1u);
  EXPECT_EQ(record->address, 0xfffff80000001234u);
  EXPECT_EQ(record->parameters, parameters);

  TriageBuilder narrow = x86_builder();
  narrow.exception = building::exception32(0x80000003, 0x82e8a1b0, {0, 0xffffffff, 3}, 2);
  const Data file32 = narrow.build();
  const auto record32 = read_kernel_header(view(file32))->exception;
  ASSERT_TRUE(record32);
  EXPECT_EQ(record32->address, 0x82e8a1b0u);
  EXPECT_EQ(record32->parameters, (std::vector<std::uint64_t>{0, 0xffffffff}));
}

TEST(KernelHeader, AFileCutInsideTheHeaderIsRefusedInWords) {
  const Data file = TriageBuilder().build();
  for (const std::size_t size : {8uz, 9uz, 0x1fffuz}) {
    const auto header = read_kernel_header(view(file).clamp(0, size));
    ASSERT_FALSE(header);
    EXPECT_NE(header.error().text().find("cut off"), std::string::npos);
  }
  EXPECT_TRUE(read_kernel_header(view(file).clamp(0, 0x2000)));
}

TEST(KernelHeader, NamesEveryTypeOfDump) {
  EXPECT_EQ(text_of_dump_type(1), "a complete kernel dump (type 1)");
  EXPECT_EQ(text_of_dump_type(6), "a bitmap kernel dump (type 6)");
  for (std::uint32_t type = 1; type <= 10; ++type) {
    EXPECT_EQ(text_of_dump_type(type).find("unknown"), std::string::npos) << type;
  }
  EXPECT_EQ(text_of_dump_type(0x45474150), "a kernel dump of an unknown kind (type 1162297680)");
}

}  // namespace
}  // namespace ntstack::dump
