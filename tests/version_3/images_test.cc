// Functions of real images with their unwind data written anew as version 3, by an encoder of our
// own (see encoder.h). Two truths that are not ours: a processor executes prologues and epilogues;
// and at every instruction the step by version 1, which other tests prove, has the same answer.
#include <gtest/gtest.h>

#include "test_files.h"
#include "version_3/reencode.h"
#include "x64_images/function_run.h"

namespace ntstack {
namespace {

struct Pair {
  base::MappedFile file;
  pe::Image image;
  tests::Reencoded made;
  pe::Image remade;
};

std::vector<std::filesystem::path> images_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    const auto extension = entry.path().extension();
    if (extension == ".dll" || extension == ".exe" || extension == ".sys")
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::unique_ptr<Pair> open(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return nullptr;
  auto image = pe::Image::from_file(file->bytes());
  if (!image) return nullptr;
  auto made = tests::reencode_as_version_3(file->bytes());
  if (made.file.empty()) return nullptr;
  auto remade = pe::Image::from_file(base::Bytes(std::span<const std::byte>(made.file)));
  if (!remade) return nullptr;
  return std::make_unique<Pair>(std::move(*file), std::move(*image), std::move(made),
                                std::move(*remade));
}

void add(tests::Reencoded& all, const tests::Reencoded& one) {
  all.functions += one.functions;
  all.left += one.left;
  all.fragments += one.fragments;
  all.epilogs += one.epilogs;
  all.chained += one.chained;
}

void print(const tests::Reencoded& all) {
  std::printf(
      "%zu functions as %zu fragments of version 3 with %zu epilogues, %zu were chained; "
      "%zu are left as they were\n",
      all.functions, all.fragments, all.epilogs, all.chained, all.left);
}

void execute(const std::filesystem::path& folder, std::size_t most_functions) {
  Counts counts;
  tests::Reencoded all;
  for (const auto& path : images_below(folder)) {
    const auto pair = open(path);
    if (!pair) continue;
    add(all, pair->made);
    run_image(pair->image, pair->remade, path.filename().string(), most_functions, counts);
  }
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
  print(all);
  std::printf(
      "executed: %zu functions (%zu with a frame register): %zu instructions of prologues, "
      "%zu bodies, %zu instructions of %zu epilogues; %zu differences\n",
      counts.functions, counts.framed, counts.in_prologues, counts.at_bodies, counts.in_epilogues,
      counts.epilogues, counts.differences);
  EXPECT_EQ(counts.differences, 0u);
  EXPECT_GT(counts.in_epilogues, 0u);
  EXPECT_GT(all.functions, all.left * 50);
}

TEST(Version3Images, StepsInImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  execute(tests::data_dir(), 4000);
}

TEST(Version3Images, StepsInFetchedImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  NTSTACK_NEED_FETCHED(tests::node_pty_x64());
  execute(tests::node_pty_x64(), 4000);
}

TEST(Version3Images, StepsInImagesOfWineGiveTheCallerAsItWas) {
  execute("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", 100);
}

// RSP in the middle of a stack whose words all differ, every other register at a place of its own.
x64::Registers registers_at(std::uint32_t rva) {
  x64::Registers registers;
  for (std::uint64_t i = 0; i < 16; ++i) registers.gpr[i] = kStack + 0x100000 + i * 0x8008;
  registers.gpr[x64::rsp] = kStack + 0x80000;
  registers.rip = kBase + rva;
  registers.known = 0xffff;
  return registers;
}

struct Comparison {
  std::size_t images = 0, functions = 0, instructions = 0, differences = 0;
  std::size_t with_tables = 0;  // functions, left out: their jump tables are no instructions
  std::size_t cut = 0;          // instructions, left out: see is_cut()
};

// The frame register as the prologue would have set it, given RSP at `rva` in it or behind it.
void set_frame_register(const pe::Image& image, const pe::x64::RuntimeFunction& function,
                        std::uint32_t rva, x64::Registers& registers) {
  const auto info = pe::x64::decode(image, function);
  if (!info) return;
  std::uint64_t pushed_since = 0;
  for (const auto& code : info->codes) {
    if (code.prolog_offset > rva - function.begin) continue;
    if (code.op == pe::x64::Op::set_fpreg)
      registers.gpr[code.info] = registers.gpr[x64::rsp] + pushed_since + code.amount;
    if (code.op == pe::x64::Op::push_nonvol || code.op == pe::x64::Op::alloc_small ||
        code.op == pe::x64::Op::alloc_large)
      pushed_since += code.amount;
  }
}

std::vector<std::pair<std::uint32_t, code::Instruction>> instructions_of(
    const pe::Image& image, const pe::x64::RuntimeFunction& function) {
  std::vector<std::pair<std::uint32_t, code::Instruction>> found;
  for (std::uint32_t rva = function.begin; rva < function.end;) {
    const auto instruction = code::decode(image.view(rva, 15), code::Mode::x64);
    if (!instruction) break;
    found.emplace_back(rva, *instruction);
    rva += instruction->length;
  }
  return found;
}

bool jumps_by_table(const code::Instruction& instruction) {
  return !instruction.vex && instruction.map == code::Map::one_byte && instruction.opcode == 0xff &&
         instruction.reg() == 4 && instruction.modrm >= 0xc0;
}

// A jump table between the instructions, of this function or of another part of it.
template <class Instructions>
bool has_data(const Instructions& instructions, std::uint32_t end) {
  if (instructions.empty()) return true;
  const auto& [last, instruction] = instructions.back();
  return last + instruction.length != end ||
         std::ranges::any_of(instructions,
                             [](const auto& each) { return jumps_by_table(each.second); });
}

// Microsoft's linker lays parts of a function out so that an entry of the table may end between an
// epilogue's pops and its return. Version 1 looks at the instructions behind; version 3 has no form
// for it.
template <class Instructions>
bool is_cut(const Instructions& instructions, std::size_t i) {
  if (i == 0) return is_exit(instructions[0].second);
  while (i < instructions.size() && is_release(instructions[i].second)) ++i;
  return i == instructions.size();
}

// Registers that the function or a parent saves by a move. In an epilogue they are restored before,
// and version 1 reads them once more.
std::uint32_t saved_by_moves(const pe::Image& image, pe::x64::RuntimeFunction function) {
  std::uint32_t registers = 0;
  for (int i = 0; i < 8; ++i) {
    const auto info = pe::x64::decode(image, function);
    if (!info) break;
    for (const auto& code : info->codes) {
      if (code.op == pe::x64::Op::save_nonvol || code.op == pe::x64::Op::save_nonvol_far)
        registers |= 1u << code.info;
    }
    if (!info->chained) break;
    function = *info->chained;
  }
  return registers;
}

// What differs, as text.
std::string difference(const std::expected<x64::Step, x64::StepError>& a,
                       const std::expected<x64::Step, x64::StepError>& b,
                       const x64::Registers& callee, std::uint32_t by_moves) {
  if (!a || !b) {
    return a || b || a.error() != b.error() ? "an error" : "";
  }
  if (a->caller.rip != b->caller.rip) return "RIP";
  if (a->caller.gpr[x64::rsp] != b->caller.gpr[x64::rsp]) return "RSP";
  if (a->machine_frame != b->machine_frame) return "a machine frame";
  if (a->caller.known != b->caller.known) return "what is known";
  for (const std::uint8_t i : x64::kNonvolatile) {
    const std::uint64_t x = a->caller.gpr[i], y = b->caller.gpr[i], own = callee.gpr[i];
    const bool restored = (by_moves >> i & 1) != 0 && (x == own || y == own);
    if (x != y && !restored) return fmt::format("register {}: {:x}, {:x}", i, x, y);
  }
  return "";
}

void compare_function(const Pair& pair, const std::string& name,
                      const pe::x64::RuntimeFunction& function, const OneModule& version_1,
                      const OneModule& version_3, const base::SegmentSource& memory,
                      Comparison& found) {
  const auto instructions = instructions_of(pair.image, function);
  if (has_data(instructions, function.end)) {
    ++found.with_tables;
    return;
  }
  ++found.functions;
  const std::uint32_t by_moves = saved_by_moves(pair.image, function);
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const auto& [rva, instruction] = instructions[i];
    if (instruction.is(code::Map::one_byte, 0xcc)) continue;  // padding
    if (is_cut(instructions, i)) {
      ++found.cut;
      continue;
    }
    x64::Registers registers = registers_at(rva);
    set_frame_register(pair.image, function, rva, registers);
    ++found.instructions;
    const std::string text =
        difference(x64::step(version_1, memory, registers, false),
                   x64::step(version_3, memory, registers, false), registers, by_moves);
    if (!text.empty() && ++found.differences <= 40)
      std::printf("%s+%x (function %x): %s\n", name.c_str(), rva, function.begin, text.c_str());
  }
}

// Every instruction of at most `most_functions` of each image.
void compare(const std::filesystem::path& folder, std::size_t most_functions) {
  std::vector<std::uint64_t> words(kStackSize / 8);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = 0x500000000000 + i;
  const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(words)))}});
  Comparison found;
  for (const auto& path : images_below(folder)) {
    const auto pair = open(path);
    if (!pair) continue;
    ++found.images;
    const OneModule version_1(pair->image), version_3(pair->remade);
    const std::size_t size = version_1.functions().size();
    for (std::size_t i = 0; i < size; i += std::max<std::size_t>(1, size / most_functions)) {
      const auto function = version_1.functions().at(i);
      if (function && (function->unwind & 1) == 0)
        compare_function(*pair, path.filename().string(), *function, version_1, version_3, memory,
                         found);
    }
  }
  if (found.images == 0) GTEST_SKIP() << "no images at hand";
  std::printf(
      "%zu images, %zu functions, %zu instructions, %zu differences; left out: %zu functions with "
      "jump tables, %zu instructions of epilogues cut in two\n",
      found.images, found.functions, found.instructions, found.differences, found.with_tables,
      found.cut);
  EXPECT_EQ(found.differences, 0u);
}

TEST(Version3Images, EveryInstructionOfMicrosoftsCompilerStepsAsByVersion1) {
  compare(tests::data_dir(), 1000000);
}

TEST(Version3Images, EveryFetchedInstructionOfMicrosoftsCompilerStepsAsByVersion1) {
  NTSTACK_NEED_FETCHED(tests::node_pty_x64());
  compare(tests::node_pty_x64(), 1000000);
}

TEST(Version3Images, EveryInstructionOfWineStepsAsByVersion1) {
  compare("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", 30);
}

TEST(Version3Images, TheRewrittenDataIsOfVersion3) {
  std::size_t images = 0, entries = 0, of_version_3 = 0;
  for (const auto& path : images_below(tests::data_dir())) {
    const auto pair = open(path);
    if (!pair) continue;
    ++images;
    const pe::x64::FunctionTable table(pair->remade);
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto info = pe::x64::decode(pair->remade, *table.at(i));
      ASSERT_TRUE(info) << path << " " << i << ": " << info.error().text();
      ++entries;
      of_version_3 += info->version == 3;
    }
  }
  if (images == 0) GTEST_SKIP() << "no images at hand";
  EXPECT_GT(of_version_3 * 100, entries * 98);
}

}  // namespace
}  // namespace ntstack
