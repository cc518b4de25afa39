#include "dump/minidump.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "dump/dump.h"
#include "dump/dump_builder.h"
#include "test_files.h"

namespace ntstack::dump {
namespace {

using building::Block;
using building::counting;
using building::Data;
using building::MinidumpBuilder;
using building::view;

constexpr base::Guid guid{
    0x7dd47a9f, 0xc2e8, 0x499a, {0xa7, 0x8e, 0xc1, 0x4a, 0xe2, 0xc9, 0x65, 0xa2}};

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

MinidumpBuilder full_builder(std::uint16_t processor) {
  const bool wide = processor != 0;
  const std::uint32_t machine = processor == 9 ? 0x8664 : processor == 12 ? 0xaa64 : 0x14c;
  const std::uint64_t high = wide ? 0x7ff700000000 : 0x70000000;
  MinidumpBuilder builder;
  builder.processor = processor;
  builder.process_id = 0xffffffff;
  builder.process_create_time = 1;
  builder.comment_a = "written by hand";
  builder.threads = {
      {1, 0, high + 0x1000, building::context_of(machine), high + 0x20000, counting(0x80, 1), false,
       "main", high + 0x11},
      {0xffffffff,
       0xffffffff,
       wide ? UINT64_MAX : 0xffffffff,
       building::context_of(machine),
       high + 0x30000,
       counting(0x90, 2),
       true,
       "",
       {}},
      {2, 1, 0, {}, 0, {}, false, "w\xc3\xb6rker", wide ? UINT64_MAX : 0xffffffff},
  };
  builder.modules = {
      {"C:\\app\\\xc3\xa9.exe", high + 0x100000, 0x7000, 0, 0x5c0ae385,
       MinidumpBuilder::rsds(guid, 1, "C:\\build\\a.pdb")},
      {"old.dll", high + 0x200000, 0xffffffff, 0xffffffff, 0xffffffff,
       MinidumpBuilder::nb10(0x12345678, 0xffffffff, "old.pdb")},
      {"bare.dll", high + 0x300000, 0, 0, 0, {}},
  };
  builder.unloaded = {{"gone.dll", high + 0x400000, high + 0x410000}};
  builder.memory = {{high + 0x50000, counting(0x40, 3)}, {high + 0x50040, counting(1, 4)}};
  builder.memory64 = {{high + 0x60000, counting(0x123, 5)}, {high + 0x70000, counting(0x1000, 6)}};
  builder.exception_thread_id = 1;
  builder.exception = building::exception64(0xc0000005, high + 0x100123, {1, UINT64_MAX}, 2);
  builder.context = building::context_of(machine);
  return builder;
}

void expect_everything(const MinidumpBuilder& builder, const Dump& dump) {
  EXPECT_TRUE(dump.warnings.empty()) << dump.warnings.front();
  EXPECT_EQ(dump.kind, Kind::minidump);
  EXPECT_EQ(dump.build, builder.build_number);
  EXPECT_EQ(dump.major_version, 10u);
  EXPECT_EQ(dump.processor_count, builder.processor_count);
  EXPECT_EQ(dump.process_id, 0xffffffffu);
  EXPECT_EQ(dump.process_create_time, 116444736010000000u);
  EXPECT_EQ(dump.system_time, 116444736000000000u + 0x5ab38078ull * 10000000);
  EXPECT_FALSE(dump.bugcheck);
  EXPECT_EQ(dump.comment, "written by hand");
  EXPECT_TRUE(equal(dump.context, builder.context));
  ASSERT_TRUE(dump.exception);
  EXPECT_EQ(dump.exception->code, 0xc0000005u);
  EXPECT_EQ(dump.exception->parameters, (std::vector<std::uint64_t>{1, UINT64_MAX}));
  EXPECT_EQ(dump.exception_thread_id, 1u);

  ASSERT_EQ(dump.threads.size(), builder.threads.size());
  for (std::size_t i = 0; i < dump.threads.size(); ++i) {
    const auto& made = builder.threads[i];
    EXPECT_EQ(dump.threads[i].id, made.id);
    EXPECT_EQ(dump.threads[i].suspend_count, made.suspend_count);
    EXPECT_EQ(dump.threads[i].teb, made.teb);
    EXPECT_EQ(dump.threads[i].name, made.name);
    EXPECT_EQ(dump.threads[i].start_address, made.start_address.value_or(0));
    EXPECT_EQ(dump.threads[i].stack_address, made.stack_address);
    EXPECT_EQ(dump.threads[i].stack_size, made.stack.size());
    EXPECT_TRUE(equal(dump.threads[i].context, made.context));
    EXPECT_EQ(dump.memory->copy(made.stack_address, made.stack.size()), made.stack);
  }
  ASSERT_EQ(dump.modules.size(), builder.modules.size());
  for (std::size_t i = 0; i < dump.modules.size(); ++i) {
    EXPECT_EQ(dump.modules[i].path, builder.modules[i].path);
    EXPECT_EQ(dump.modules[i].base, builder.modules[i].base);
    EXPECT_EQ(dump.modules[i].size, builder.modules[i].size);
    EXPECT_EQ(dump.modules[i].checksum, builder.modules[i].checksum);
    EXPECT_EQ(dump.modules[i].timestamp, builder.modules[i].timestamp);
  }
  EXPECT_EQ(dump.modules[0].pdb_guid, guid);
  EXPECT_EQ(dump.modules[0].pdb_age, 1u);
  EXPECT_EQ(dump.modules[0].pdb_name, "C:\\build\\a.pdb");
  EXPECT_FALSE(dump.modules[1].pdb_guid);
  EXPECT_EQ(dump.modules[1].pdb_age, 0xffffffffu);
  EXPECT_EQ(dump.modules[1].pdb_name, "old.pdb");
  EXPECT_EQ(dump.modules[2].pdb_name, "");
  ASSERT_EQ(dump.unloaded_modules.size(), 1u);
  EXPECT_EQ(dump.unloaded_modules[0].name, "gone.dll");
  EXPECT_EQ(dump.unloaded_modules[0].begin, builder.unloaded[0].begin);
  EXPECT_EQ(dump.unloaded_modules[0].end, builder.unloaded[0].end);
  for (const auto* blocks : {&builder.memory, &builder.memory64}) {
    for (const Block& block : *blocks) {
      EXPECT_EQ(dump.memory->copy(block.address, block.bytes.size()), block.bytes);
    }
  }
  EXPECT_EQ(dump.memory->copy(builder.memory[0].address, 0x1000).size(), 0x41u)
      << "a read goes on over neighbours";
}

TEST(Minidump, GivesEveryStreamOfEachProcessor) {
  const std::pair<std::uint16_t, base::Architecture> processors[] = {
      {9, base::Architecture::x64}, {0, base::Architecture::x86}, {12, base::Architecture::arm64}};
  for (const auto& [processor, architecture] : processors) {
    MinidumpBuilder builder = full_builder(processor);
    const Data file = builder.build();
    const Dump dump = parsed(file);
    EXPECT_EQ(dump.architecture, architecture);
    expect_everything(builder, dump);
  }
}

TEST(Minidump, ListsMayBePaddedAndThreadsMayBeOfTheExKind) {
  MinidumpBuilder builder = full_builder(9);
  builder.pads_lists = true;
  builder.writes_thread_ex = true;
  const Data file = builder.build();
  expect_everything(builder, parsed(file));
}

TEST(Minidump, TheWideCommentComesFirst) {
  MinidumpBuilder builder = full_builder(9);
  builder.comment_w =
      "w\xc3\xaf"
      "de";
  const Data file = builder.build();
  EXPECT_EQ(parsed(file).comment,
            "w\xc3\xaf"
            "de");
}

TEST(Minidump, SignExtendedAddressesOf32BitsAreZeroExtended) {
  MinidumpBuilder builder;
  builder.processor = 0;
  builder.modules = {{"high.dll", 0xffffffff90000000, 0x1000, 0, 0, {}}};
  builder.memory = {{0xffffffffa0000000, counting(16)}};
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_EQ(dump.modules[0].base, 0x90000000u);
  EXPECT_EQ(dump.memory->copy(0xa0000000, 16).size(), 16u);
}

TEST(Minidump, OtherProcessorsAndSystemsAreWarnedOf) {
  MinidumpBuilder builder;
  builder.processor = 5;
  builder.platform = 0x8201;
  const Data file = builder.build();
  const Dump dump = parsed(file);
  EXPECT_EQ(dump.architecture, base::Architecture::unknown);
  EXPECT_EQ(dump.machine, 0x1c4u);
  EXPECT_TRUE(warns_of(dump, "processor"));
  EXPECT_TRUE(warns_of(dump, "not from Windows"));
}

TEST(Minidump, WithoutADirectoryOrASystemInfoItIsRefusedInWords) {
  const Data file = full_builder(9).build();
  for (std::size_t size = 4; size < 0x20; ++size) EXPECT_FALSE(parse(view(file).clamp(0, size)));
  const auto cut = parse(view(file).clamp(0, 0x100));
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().text().find("directory"), std::string::npos) << cut.error().text();

  building::File empty;
  empty.text(0, "MDMP");
  empty.put32(8, 1);
  empty.put32(0xc, 0x20);
  empty.grow(0x2c);
  const Data bytes = empty.take();
  const auto blind = parse(view(bytes));
  ASSERT_FALSE(blind);
  EXPECT_NE(blind.error().text().find("SystemInfo"), std::string::npos) << blind.error().text();
}

TEST(Minidump, MemoryCutByTheEndOfTheFileIsUsedUpToTheCut) {
  // The directory must come first for the file to be cut: the real ones have it there.
  NTSTACK_NEED_DATA(path, "symbolic/windows_mini.dmp");
  const auto whole = base::MappedFile::open(path);
  ASSERT_TRUE(whole);
  const auto cut = parse(whole->bytes().clamp(0, whole->bytes().size() - 100));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(warns_of(*cut, "cut off: it has"));
  EXPECT_EQ(cut->modules.size(), 17u);
}

// The listing of an independent reader: lines "Key: value" in the order of the file.
class Listing {
 public:
#ifdef _WIN32
  explicit Listing(const std::filesystem::path&) {}  // the tool is run on Linux alone
#else
  explicit Listing(const std::filesystem::path& dump) {
    const std::string command = "obj2yaml-19 '" + dump.string() + "' 2>/dev/null";
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return;
    std::string line;
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) {
      if (c != '\n') {
        line.push_back(static_cast<char>(c));
        continue;
      }
      add(line);
      line.clear();
    }
    pclose(pipe);
  }
#endif

  bool empty() const { return lines_.empty(); }
  // All values of a key between the lines that begin and end a stream, unquoted.
  std::vector<std::string> values(std::string_view stream, std::string_view key) const {
    std::vector<std::string> found;
    bool inside = false;
    for (const auto& [name, value] : lines_) {
      if (name == "- Type") inside = value == stream;
      if (inside && (name == key || name == "- " + std::string(key))) found.push_back(value);
    }
    return found;
  }
  std::vector<std::uint64_t> numbers(std::string_view stream, std::string_view key) const {
    std::vector<std::uint64_t> found;
    for (const auto& value : values(stream, key)) found.push_back(std::stoull(value, nullptr, 0));
    return found;
  }

 private:
  void add(const std::string& line) {
    const auto begin = line.find_first_not_of(' ');
    const auto colon = line.find(':', begin);
    if (begin == std::string::npos || colon == std::string::npos) return;
    std::string value = line.substr(colon + 1);
    value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
    if (value.size() >= 2 && value.front() == '\'') value = value.substr(1, value.size() - 2);
    lines_.emplace_back(line.substr(begin, colon - begin), value);
  }
  std::vector<std::pair<std::string, std::string>> lines_;
};

std::string hex_of(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte value : bytes) {
    text.push_back(digits[std::to_integer<unsigned>(value) >> 4]);
    text.push_back(digits[std::to_integer<unsigned>(value) & 15]);
  }
  return text;
}

std::string code_view_hex(const ModuleRecord& module) {
  building::File file;
  file.text(0, "RSDS");
  file.put(4, module.pdb_guid.value_or(base::Guid()));
  file.put32(0x14, module.pdb_age);
  file.text(0x18, module.pdb_name + std::string(1, '\0'));
  return hex_of(file.take());
}

void expect_modules_as_listed(const Dump& dump, const Listing& listing) {
  std::vector<std::uint64_t> bases, sizes, stamps;
  std::vector<std::string> names, code_views;
  for (const ModuleRecord& module : dump.modules) {
    bases.push_back(module.base);
    sizes.push_back(module.size);
    stamps.push_back(module.timestamp);
    names.push_back(module.path);
    if (module.pdb_guid) code_views.push_back(code_view_hex(module));
  }
  EXPECT_EQ(bases, listing.numbers("ModuleList", "Base of Image"));
  EXPECT_EQ(sizes, listing.numbers("ModuleList", "Size of Image"));
  EXPECT_EQ(stamps, listing.numbers("ModuleList", "Time Date Stamp"));
  EXPECT_EQ(names, listing.values("ModuleList", "Module Name"));
  EXPECT_EQ(code_views, listing.values("ModuleList", "CodeView Record"));
}

void expect_threads_as_listed(const Dump& dump, const Listing& listing) {
  std::vector<std::uint64_t> ids, tebs, stacks;
  std::vector<std::string> contexts, stack_bytes;
  for (const ThreadRecord& thread : dump.threads) {
    ids.push_back(thread.id);
    tebs.push_back(thread.teb);
    stacks.push_back(thread.stack_address);
    contexts.push_back(hex_of(thread.context.span()));
    stack_bytes.push_back(hex_of(dump.memory->copy(thread.stack_address, thread.stack_size)));
  }
  EXPECT_EQ(ids, listing.numbers("ThreadList", "Thread Id"));
  EXPECT_EQ(tebs, listing.numbers("ThreadList", "Environment Block"));
  EXPECT_EQ(stacks, listing.numbers("ThreadList", "Start of Memory Range"));
  EXPECT_EQ(contexts, listing.values("ThreadList", "Context"));
  EXPECT_EQ(stack_bytes, listing.values("ThreadList", "Content"));
}

void expect_memory_as_listed(const Dump& dump, const Listing& listing) {
  const auto addresses = listing.numbers("MemoryList", "Start of Memory Range");
  const auto contents = listing.values("MemoryList", "Content");
  ASSERT_EQ(addresses.size(), contents.size());
  ASSERT_FALSE(addresses.empty());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    EXPECT_EQ(hex_of(dump.memory->copy(addresses[i], contents[i].size() / 2)), contents[i]) << i;
  }
}

class RealMinidump : public testing::TestWithParam<const char*> {};

TEST_P(RealMinidump, HoldsWhatObj2yamlLists) {
  NTSTACK_NEED_DATA(path, GetParam());
  const Listing listing(path);
  if (listing.empty()) GTEST_SKIP() << "not at hand: obj2yaml-19";
  const auto opened = open(path);
  ASSERT_TRUE(opened) << opened.error().text();
  const Dump& dump = *opened;
  EXPECT_TRUE(dump.warnings.empty()) << dump.warnings.front();
  expect_modules_as_listed(dump, listing);
  expect_threads_as_listed(dump, listing);
  expect_memory_as_listed(dump, listing);

  EXPECT_EQ(std::vector<std::uint64_t>{dump.build}, listing.numbers("SystemInfo", "Build Number"));
  EXPECT_EQ(std::vector<std::uint64_t>{dump.processor_count},
            listing.numbers("SystemInfo", "Number of Processors"));
  ASSERT_TRUE(dump.exception);
  EXPECT_EQ(std::vector<std::uint64_t>{dump.exception->code},
            listing.numbers("Exception", "Exception Code"));
  EXPECT_EQ(std::vector<std::uint64_t>{dump.exception->address},
            listing.numbers("Exception", "Exception Address"));
  EXPECT_EQ(std::vector<std::uint64_t>{*dump.exception_thread_id},
            listing.numbers("Exception", "Thread ID"));
  EXPECT_EQ(std::vector<std::string>{hex_of(dump.context.span())},
            listing.values("Exception", "Thread Context"));
}

INSTANTIATE_TEST_SUITE_P(, RealMinidump,
                         testing::Values("lldb/sigsegv.dmp", "electron/windows.dmp",
                                         "symbolic/windows_mini.dmp"),
                         [](const auto& file) { return "File" + std::to_string(file.index); });

TEST(Minidump, TheDumpsBuiltHereAreMinidumpsToObj2yamlToo) {
  const auto path = std::filesystem::temp_directory_path() / "ntstack_minidump_test.dmp";
  for (const std::uint16_t processor : {std::uint16_t{9}, std::uint16_t{0}, std::uint16_t{12}}) {
    MinidumpBuilder builder = full_builder(processor);
    builder.threads.pop_back();  // the tool names no field that is zero
    const Data file = builder.build();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()),
               static_cast<std::streamsize>(file.size()));
    const Listing listing(path);
    std::filesystem::remove(path);
    if (listing.empty()) GTEST_SKIP() << "not at hand: obj2yaml-19";
    EXPECT_EQ(listing.numbers("ThreadList", "Thread Id").size(), 2u);
    EXPECT_EQ(listing.numbers("ModuleList", "Base of Image").size(), 3u);
    EXPECT_EQ(listing.numbers("MemoryList", "Start of Memory Range"),
              (std::vector{builder.memory[0].address, builder.memory[1].address}));
    EXPECT_EQ(listing.values("SystemInfo", "Processor Arch"),
              (std::vector<std::string>{processor == 9    ? "AMD64"
                                        : processor == 12 ? "ARM64"
                                                          : "X86"}));
  }
}

TEST(Minidump, OfRealFilesTheProcessAndItsTimesAreGiven) {
  NTSTACK_NEED_DATA(path, "lldb/sigsegv.dmp");
  const auto dump = open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  // MiscInfo, by od: process 0x32fc, created 0x5c0ae38c; the header: 0x5c0ae38e.
  EXPECT_EQ(dump->process_id, 0x32fcu);
  EXPECT_EQ(dump->process_create_time, 116444736000000000u + 0x5c0ae38cull * 10000000);
  EXPECT_EQ(dump->system_time, 116444736000000000u + 0x5c0ae38eull * 10000000);
}

}  // namespace
}  // namespace ntstack::dump
