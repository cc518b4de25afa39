// A kernel and a driver that have DWARF and no PDB, on a build that no table knows: every thread,
// every frame and its name against the truth, with offsets from the DWARF; and what a reader of
// stacks sees of the driver, which MinGW's GCC compiled.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "test_files.h"
#include "tool.h"
#include "world_physical/comparison.h"
#include "world_physical/layouts.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path modules() {
  return tests::binary_dir() / "tests" / "world_physical" / "modules" / "future_dwarf";
}

class DwarfKernel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    stories_ = new Stories(run_stories(modules()));
    machine_ = new PhysicalMachine(
        make_physical_machine(*stories_, windows_future, {12, 80}, runs_of_few(0x1800), false));
    folder_ = new tests::TemporaryFolder;
    write_dump(*machine_, stories_->crash, Container::bitmap_kernel, dump());
  }
  static void TearDownTestSuite() {
    delete folder_;
    delete machine_;
    delete stories_;
  }
  static fs::path dump() { return folder_->path() / "machine.dmp"; }
  static std::string ask(const std::string& command) {
    const auto result = tests::run(tests::quoted(NTSTACK_PROGRAM) + " " + command + " -y " +
                                   tests::quoted(modules()) + " " + tests::quoted(dump()));
    EXPECT_EQ(result.exit_code, 0) << command;
    return result.out;
  }

  static inline Stories* stories_ = nullptr;
  static inline PhysicalMachine* machine_ = nullptr;
  static inline tests::TemporaryFolder* folder_ = nullptr;
};

TEST_F(DwarfKernel, HasEveryThreadEveryFrameAndEveryName) {
  const json report = json::parse(ask("stacks --json"), nullptr, false);
  const Expected expected{machine_->kernel, stories_->world->images()};
  std::string differences;
  for (const std::string& line : stack_differences(report, expected)) differences += line + "\n";
  EXPECT_EQ(differences, "");
}

TEST_F(DwarfKernel, OffsetsOfItsStructuresAreThoseOfItsDwarf) {
  const json info = json::parse(ask("info --json"), nullptr, false);
  std::map<std::string, json> fields;
  for (const json& each : info["offsets"])
    if (each["field"].is_string())
      fields[each["structure"].get<std::string>() + "." + each["field"].get<std::string>()] = each;
  const auto expect_types = [&](const char* field, std::uint64_t offset) {
    EXPECT_EQ(fields[field]["source"], "types") << field;
    EXPECT_EQ(fields[field]["offset"], offset) << field;
  };
  expect_types("_EPROCESS.UniqueProcessId", windows_future.eprocess.unique_process_id);
  expect_types("_EPROCESS.ActiveProcessLinks", windows_future.eprocess.active_process_links);
  expect_types("_EPROCESS.ImageFileName", windows_future.eprocess.image_file_name);
  expect_types("_ETHREAD.Cid", windows_future.ethread.cid);
  expect_types("_KTHREAD.ThreadListEntry", windows_future.kthread.thread_list_entry);
  EXPECT_NE(ask("info").find("DWARF types: "), std::string::npos);
}

// "RxFindOrCreateFcb d:/world/rdbss.c:41", as binutils' addr2line has it: of the call where the
// frame is a caller's.
std::string place_by_addr2line(const json& frame, bool is_caller) {
  const std::uint64_t ip = std::stoull(frame["ip"].get<std::string>(), nullptr, 16);
  std::string out =
      tests::run(fmt::format("x86_64-w64-mingw32-addr2line -f -e {} {:#x}",
                             tests::quoted(modules() / "rdbss.sys"), is_caller ? ip - 1 : ip))
          .out;
  if (const std::size_t more = out.find(" (discriminator"); more != std::string::npos)
    out.resize(more);
  while (out.ends_with('\n')) out.pop_back();
  std::ranges::replace(out, '\n', ' ');
  // To addr2line "d:/world/rdbss.c" is below the folder that it was compiled in.
  const std::size_t folder = out.find(" /"), drive = out.find("d:/world");
  if (folder < drive && drive != std::string::npos) out.erase(folder + 1, drive - folder - 1);
  return out;
}

TEST_F(DwarfKernel, FramesOfItsDriverHaveTheNamesAndLinesOfAddr2line) {
  NTSTACK_NEED_TOOL(addr2line, "x86_64-w64-mingw32-addr2line");
  const json report = json::parse(ask("stacks --json"), nullptr, false);
  std::set<std::string> places;
  for (const json& stack : report["stacks"]) {
    for (const json& frame : stack["frames"]) {
      if (frame["symbol"].is_null() || frame["symbol"]["module"] != "rdbss") continue;
      ASSERT_FALSE(frame["source"].is_null()) << frame.dump();
      const std::string place = fmt::format("{} {}:{}", frame["symbol"]["name"].get<std::string>(),
                                            frame["source"]["file"].get<std::string>(),
                                            frame["source"]["line"].get<unsigned>());
      const bool is_caller = frame["trust"] == "unwind_info";
      EXPECT_EQ(place, place_by_addr2line(frame, is_caller)) << frame.dump();
      places.insert(place);
    }
  }
  EXPECT_GE(places.size(), 6u);
}

TEST_F(DwarfKernel, NothingIsSaidToBeMissingOfWhatHasDwarf) {
  const json report = json::parse(ask("stacks --json"), nullptr, false);
  for (const json& missing : report["missing"]) {
    EXPECT_NE(missing["module"], "ntoskrnl.exe") << missing.dump();
    EXPECT_NE(missing["module"], "rdbss.sys") << missing.dump();
  }
}

}  // namespace
}  // namespace ntstack::world
