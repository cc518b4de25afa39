// Two dumps of one process, one stack for each thread: the kernel's frames and the user's, as the
// emulated processor had them from a thread's first instruction to the capturing APC.
#include "world_sets/pair.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "test_files.h"
#include "tool.h"
#include "world_sets/stack_check.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path modules() { return tests::binary_dir() / "tests" / "world_sets" / "modules"; }

const Pair& pair() {
  static const Pair built = build_pair(modules());
  return built;
}

void write(const fs::path& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

class Pairs : public testing::Test {
 protected:
  Pairs() {
    write_user(pair().threads);
    write(kernel_, kernel_dump(pair()));
  }
  void write_user(const std::vector<ProgramThread>& threads) {
    write(user_, user_dump(pair(), threads));
  }
  json ask(const std::string& arguments) {
    const std::string line = tests::quoted(NTSTACK_PROGRAM) + " stacks --json -y " +
                             tests::quoted(modules()) + " " + arguments;
    const auto result = tests::run(line);
    EXPECT_EQ(result.exit_code, 0) << line;
    json report = json::parse(result.out, nullptr, false);
    EXPECT_FALSE(report.is_discarded()) << line;
    return report;
  }
  std::string both() const { return tests::quoted(user_) + " " + tests::quoted(kernel_); }

  tests::TemporaryFolder folder_;
  fs::path user_ = folder_.path() / "ConsoleApp1.exe_230605_162449.dmp",
           kernel_ = folder_.path() / "ConsoleApp1.exe_230605_162449.Kernel.dmp";
};

std::string name_of(const json& frame) {
  const json& symbol = frame["symbol"];
  const auto offset = symbol["offset"].get<std::uint64_t>();
  std::string name = symbol["module"].get<std::string>() + "!" + symbol["name"].get<std::string>();
  return offset == 0 ? name : name + fmt::format("+{:#x}", offset);
}

void expect_joined(const json& report) {
  ASSERT_EQ(report["stacks"].size(), pair().threads.size());
  for (const ProgramThread& thread : pair().threads) {
    const auto stacks = stacks_with_id(report, thread.truth.id);
    ASSERT_EQ(stacks.size(), 1u);
    const json& stack = *stacks[0];
    const bool is_captured = thread.truth.capture == Capture::apc;
    const std::span all(thread.truth.frames);
    EXPECT_EQ(frame_difference(stack, is_captured ? all : all.subspan(thread.kernel_frames)), "")
        << thread.truth.role;
    EXPECT_EQ(stack["end"]["kind"], "base");
    EXPECT_EQ(stack["dumps"], is_captured ? json({0, 1}) : json({1}));
    EXPECT_EQ(stack["process"]["id"], 0x3adc);
    EXPECT_EQ(stack["thread"]["name"], thread.name.empty() ? json(nullptr) : json(thread.name));
  }
}

TEST_F(Pairs, EachThreadIsOneStackWhateverTheOrder) {
  expect_joined(ask(both()));
  expect_joined(ask(tests::quoted(kernel_) + " " + tests::quoted(user_)));
  expect_joined(ask(tests::quoted(folder_.path())));
}

TEST_F(Pairs, TheMainThreadsStackIsThePublishedOne) {
  const json report = ask(both() + " --thread 0x5920");
  ASSERT_EQ(report["stacks"].size(), 1u);
  std::string names;
  const json& frames = report["stacks"][0]["frames"];
  for (const json& frame : frames) names += name_of(frame) + "\n";
  EXPECT_EQ(names.substr(0, pair_listing().size()), pair_listing());
  // Addresses of the listing.
  EXPECT_EQ(frames[9]["ip"], "0x7ffe6390d184");
  EXPECT_EQ(frames[9]["child_sp"], "0xd67c9fe328");
  EXPECT_EQ(frames[10]["ip"], "0x7ffe61405593");
  EXPECT_EQ(frames[10]["child_sp"], "0xd67c9fe330");
}

TEST_F(Pairs, AThreadThatNoKernelDumpHasIsNamedWithTheReason) {
  const json report = ask(both());
  ASSERT_EQ(report["missing_threads"].size(), 1u);
  EXPECT_EQ(report["missing_threads"][0]["id"], 0x4a10);
  EXPECT_NE(
      report["missing_threads"][0]["reason"].get<std::string>().find("did not answer in time"),
      std::string::npos);
  const auto text = tests::run(tests::quoted(NTSTACK_PROGRAM) + " stacks -y " +
                               tests::quoted(modules()) + " " + both());
  EXPECT_NE(text.out.find("4 with their user part from a user dump"), std::string::npos)
      << text.out.substr(0, 2000);
  EXPECT_NE(text.out.find("lacking   the kernel stacks of threads 4a10; did not answer in time"),
            std::string::npos);
}

// One thread went on between the dumps: its parts are of different moments, and are not joined.
TEST_F(Pairs, PartsOfDifferentMomentsAreShownApartAndSaidToBe) {
  std::vector<ProgramThread> moved = pair().threads;
  const std::uint64_t rsp = moved[1].truth.user_rsp - 0x40;
  std::memcpy(&moved[1].user_context[0x98], &rsp, 8);
  moved[1].truth.user_rsp = rsp;
  write_user(moved);
  const json report = ask(both());
  const auto stacks = stacks_with_id(report, moved[1].truth.id);
  ASSERT_EQ(stacks.size(), 2u);
  EXPECT_EQ(
      frame_difference(*stacks[0], std::span(moved[1].truth.frames).first(moved[1].kernel_frames)),
      "");
  EXPECT_EQ((*stacks[0])["end"]["kind"], "user_mode");
  ASSERT_FALSE((*stacks[1])["notes"].empty());
  EXPECT_NE((*stacks[1])["notes"].back().get<std::string>().find("at another moment"),
            std::string::npos);
  EXPECT_EQ(report["stacks"].size(), moved.size() + 1);
}

// The minidump by another reader: LLVM's.
TEST_F(Pairs, TheUserDumpIsWhatAnotherReaderTakesForOne) {
  NTSTACK_NEED_TOOL(obj2yaml, "obj2yaml-19");
  const auto yaml = tests::run(tests::quoted(obj2yaml) + " " + tests::quoted(user_));
  EXPECT_EQ(yaml.exit_code, 0);
  for (const ProgramThread& thread : pair().threads)
    EXPECT_NE(yaml.out.find(fmt::format("Thread Id:       0x{:X}", thread.truth.id)),
              std::string::npos);
  for (const LoadedImage& image : pair().program->images()) {
    EXPECT_NE(yaml.out.find(fmt::format("Module Name:     'C:\\App\\{}'", image.file_name)),
              std::string::npos);
    EXPECT_NE(yaml.out.find(fmt::format("Base of Image:   0x{:X}", image.base)), std::string::npos);
  }
}

}  // namespace
}  // namespace ntstack::world
