// Every FrameData program of real PDBs that MSVC's linker wrote compiles and evaluates.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "subject.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

using namespace unwind::x86;

// Memory that is everywhere and holds its own address.
class EverywhereItself : public base::ByteSource {
 public:
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const auto value = static_cast<std::uint32_t>(address);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::byte>(value >> (8 * (i % 4)));
    return out.size();
  }
};

Values start_of(const pdb::FrameDataRecord& record) {
  Values values;
  for (std::size_t name = 0; name < first_variable; ++name)
    values.set(name, static_cast<std::uint32_t>(0x80010000 + name * 0x100));
  values.set(params_size, record.params_size);
  values.set(locals_size, record.locals_size);
  values.set(saved_size, record.saved_registers_size);
  return values;
}

TEST(RecordsOfRealImages, EveryProgramCompilesAndEvaluates) {
  std::size_t records = 0;
  std::set<std::string> programs;
  for (const std::string stem : {"nested_collided", "xcpt4", "xframe_eh_dll", "xframe_eh_exe"}) {
    NTSTACK_NEED_DATA(pdb_path, "seh/x86/" + stem + ".pdb");
    const std::string extension = stem.ends_with("dll") ? ".dll" : ".exe";
    const auto image_path =
        pdb_path.parent_path() /
        (stem + (std::filesystem::exists(pdb_path.parent_path() / (stem + extension)) ? extension
                                                                                      : ".exe"));
    const X86Subject subject(image_path, pdb_path);
    ASSERT_TRUE(subject.pdb) << stem;
    std::set<std::uint32_t> seen;
    for (std::uint32_t rva = 0x1000; rva < subject.module.size; ++rva) {
      const auto record = subject.pdb->frame_data_at(rva);
      if (!record || !seen.insert(record->rva << 1).second) continue;
      ++records;
      programs.emplace(record->program);
      const auto program = Program::compile(record->program);
      ASSERT_TRUE(program) << record->program << ": " << text_of(program.error());
      Values values = start_of(*record);
      const auto done = program->evaluate(values, EverywhereItself());
      ASSERT_TRUE(done) << record->program << ": " << text_of(done.error());
      EXPECT_TRUE(program->assigns() & 1u << eip) << record->program;
    }
  }
  std::printf("records %zu, different programs %zu\n", records, programs.size());
  EXPECT_GT(records, 300u);
}

}  // namespace
}  // namespace ntstack::tests
