// The 32-bit half of a WOW64 process in a 64-bit dump. A real 32-bit program's threads, from a dump
// that a 32-bit writer made of it, are put into a 64-bit dump as Windows has such threads: under a
// 64-bit TEB, with the registers in WOW64's own area or, of a thread that runs 32-bit code, in the
// 64-bit CONTEXT. Their frames must be those of the 32-bit dump, which other tests compare with
// what is known of it. How Windows lays the TEBs and the area out is from public PDB types.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "dump/dump.h"
#include "dump/dump_builder.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack {
namespace {

namespace fs = std::filesystem;
using dump::building::Data;
using nlohmann::json;

constexpr std::uint64_t kTeb64 = 0x7efdb000, kTebs = 0x10000, kArea = 0x7ef00000, kAreas = 0x1000;
constexpr std::uint64_t kNtdll = 0x7ffb12340000, kStack64 = 0x8e0000;

Data bytes_of(const base::ByteSource& memory, std::uint64_t& at) {
  Data all;
  for (;;) {
    Data more = memory.copy(at, 0x10000);
    all.insert(all.end(), more.begin(), more.end());
    at += more.size();
    if (more.empty()) return all;
  }
}

std::vector<dump::building::Module> modules_of(const dump::Dump& from) {
  std::vector<dump::building::Module> modules;
  for (const dump::ModuleRecord& record : from.modules) {
    dump::building::Module module{
        record.path,     record.base,      static_cast<std::uint32_t>(record.size),
        record.checksum, record.timestamp, {}};
    if (record.pdb_guid)
      module.code_view =
          dump::building::MinidumpBuilder::rsds(*record.pdb_guid, record.pdb_age, record.pdb_name);
    modules.push_back(std::move(module));
  }
  return modules;
}

enum class Teb32 : std::uint8_t { listed, at_distance };  // how the 64-bit TEB leads to it

// The registers that its stack is walked from: the crash's, of the thread that crashed.
base::Bytes context_of(const dump::Dump& from, const dump::ThreadRecord& thread) {
  return from.exception_thread_id == thread.id ? from.context : thread.context;
}

// A thread's TEBs and the area of its registers, as blocks of memory.
void put_thread_blocks(dump::building::MinidumpBuilder& out, std::size_t index,
                       const dump::ThreadRecord& thread, base::Bytes context, Teb32 where) {
  const std::uint64_t teb = kTeb64 + index * kTebs, teb32 = teb + 0x2000;
  const std::uint64_t area = kArea + index * kAreas;
  dump::building::File wide, narrow, saved;
  wide.grow(0x1838);
  if (where == Teb32::listed)
    wide.put64(0, teb32);
  else
    wide.put32(0x180c, 0x2000);
  wide.put64(0x1488, area);
  narrow.grow(0x1000);
  narrow.put32(4, thread.stack_address + thread.stack_size);
  narrow.put32(8, thread.stack_address);
  narrow.put32(0x18, teb32);
  narrow.put32(0x30, 0x7efde000);
  saved.put(0, std::uint16_t{0});
  saved.put(2, std::uint16_t{0x14c});
  saved.bytes(4, context);
  out.memory.push_back({teb, wide.take()});
  out.memory.push_back({teb32, narrow.take()});
  out.memory.push_back({area, saved.take()});
}

// The 64-bit registers of a thread: in 64-bit code, or those of the 32-bit code that it runs.
Data context64(base::Bytes narrow_context, bool runs_32_bit_code) {
  dump::building::File context;
  context.grow(0x4d0);
  context.put32(0x30, 0x10000f);
  context.put(0x38, static_cast<std::uint16_t>(runs_32_bit_code ? 0x23 : 0x33));
  if (!runs_32_bit_code) {
    context.put64(0x98, kStack64);
    context.put64(0xf8, kNtdll + 0x9d0);
    return context.take();
  }
  const auto narrow = [&](std::uint64_t at) { return narrow_context.get_or<std::uint32_t>(at, 0); };
  const std::uint64_t places[] = {0xb0, 0xac, 0xa8, 0xa4, 0xc4, 0xb4, 0xa0, 0x9c};
  for (std::size_t i = 0; i < std::size(places); ++i)
    context.put64(0x78 + 8 * i, narrow(places[i]));
  context.put64(0xf8, narrow(0xb8));
  return context.take();
}

// The 64-bit dump of the process of `from`, every thread of which runs 32-bit code or none does.
Data wide_dump_of(const dump::Dump& from, bool runs_32_bit_code, Teb32 where) {
  dump::building::MinidumpBuilder out;
  out.build_number = from.build;
  out.process_id = from.process_id;
  out.modules = modules_of(from);
  out.modules.push_back({"C:\\Windows\\System32\\ntdll.dll", kNtdll, 0x1f0000, 0, 0x11223344, {}});
  for (std::size_t i = 0; i < from.threads.size(); ++i) {
    const dump::ThreadRecord& thread = from.threads[i];
    dump::building::Thread wide;
    wide.id = thread.id;
    wide.teb = kTeb64 + i * kTebs;
    wide.context = context64(context_of(from, thread), runs_32_bit_code);
    wide.stack_address = kStack64 - 0x100;
    wide.stack = Data(0x200);
    out.threads.push_back(std::move(wide));
    put_thread_blocks(out, i, thread, context_of(from, thread), where);
  }
  for (std::uint64_t at = 0; (at = from.memory->hole_end(at)) != UINT64_MAX;) {
    const std::uint64_t begin = at;
    Data block = bytes_of(*from.memory, at);
    if (block.empty()) break;
    out.memory.push_back({begin, std::move(block)});
  }
  return out.build();
}

json stacks_of(const fs::path& dump, const fs::path& symbols) {
  const auto result =
      tests::run(fmt::format("{} stacks --json -y {} {}", tests::quoted(NTSTACK_PROGRAM),
                             tests::quoted(symbols), tests::quoted(dump)));
  EXPECT_EQ(result.exit_code, 0) << dump;
  return json::parse(result.out, nullptr, false)["stacks"];
}

// "0x0040102e 0x0018ff40 crash!main+0x2e", a line each; of `wow64` frames alone, or of all.
std::string frames_of(const json& stack, bool wow64) {
  std::string lines;
  for (const json& frame : stack["frames"]) {
    if (wow64 != frame.contains("wow64")) continue;
    lines += fmt::format("{} {} {} {}\n", frame["ip"].get<std::string>(),
                         frame["child_sp"].get<std::string>(), frame["symbol"].dump(),
                         frame["source"].dump());
  }
  return lines;
}

struct Case {
  const char* name;
  bool runs_32_bit_code;
  Teb32 where;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

class Wow64 : public testing::TestWithParam<Case> {};

TEST_P(Wow64, TheFramesOf32BitCodeAreThoseOfThe32BitDump) {
  NTSTACK_NEED_DATA(original, "symbolic/windows_mini.dmp");
  const auto narrow = dump::open(original);
  ASSERT_TRUE(narrow) << narrow.error().text();
  const tests::TemporaryFolder folder;
  const fs::path wide = folder.path() / "wide.dmp";
  const Data bytes = wide_dump_of(*narrow, GetParam().runs_32_bit_code, GetParam().where);
  std::ofstream(wide, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  const fs::path symbols = original.parent_path();
  const json expected = stacks_of(original, symbols), found = stacks_of(wide, symbols);
  ASSERT_EQ(found.size(), expected.size());
  std::size_t named = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(frames_of(found[i], true), frames_of(expected[i], false)) << i;
    EXPECT_EQ(frames_of(found[i], false).empty(), GetParam().runs_32_bit_code);
    for (const json& frame : found[i]["frames"])
      named += frame["symbol"].is_object() && frame["symbol"]["module"] == "crash";
  }
  EXPECT_GT(named, 2u);
}

INSTANTIATE_TEST_SUITE_P(Threads, Wow64,
                         testing::Values(Case{"in_a_system_call", false, Teb32::listed},
                                         Case{"by_its_distance", false, Teb32::at_distance},
                                         Case{"running_32_bit_code", true, Teb32::listed}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace ntstack
