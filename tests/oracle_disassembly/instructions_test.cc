// Every instruction of real images against llvm-objdump: its length, what it is, where it leads,
// and the memory that it reads; and every form of ARM64's pointer authentication as clang assembles
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "listed_by_llvm.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

using base::Architecture;
using code::Disassembled;
using code::Flow;

struct Counts {
  std::size_t images = 0, instructions = 0, targets = 0, slots = 0, unknown_to_us = 0;
  std::size_t wrong = 0;
};

Flow flow_of(const ListedInstruction& listed, Architecture architecture) {
  const std::string& name = listed.mnemonic;
  if (architecture == Architecture::arm64) {
    if (name == "bl" || name.starts_with("blr")) return Flow::call;
    if (name == "b" || name == "br" || name.starts_with("bra")) return Flow::jump;
    if (name.starts_with("b.") || name.starts_with("cb") || name.starts_with("tb"))
      return Flow::conditional;
    if (name.starts_with("ret") || name.starts_with("eret")) return Flow::returns;
    return name == "udf" || (name == "brk" && listed.operands == "#0xf003") ? Flow::stops
                                                                            : Flow::other;
  }
  if (name == "call" || name == "lcall") return Flow::call;
  if (name.starts_with("jmp") || name.starts_with("ljmp") || name.ends_with("jmp"))
    return Flow::jump;
  if (name.starts_with("j") || name.starts_with("loop")) return Flow::conditional;
  if (name.starts_with("ret") || name.starts_with("iret") || name.starts_with("lret") ||
      name.starts_with("sysret") || name.starts_with("sysexit") || name == "rep\tret")
    return Flow::returns;
  return name == "ud2" || (name == "int" && listed.operands == "0x29") ? Flow::stops : Flow::other;
}

// "0x370f83d60" at the end of a branch's operands.
std::optional<std::uint64_t> target_of(const ListedInstruction& listed) {
  const std::size_t at = listed.operands.rfind("0x");
  if (at == std::string::npos || listed.operands.find('[') != std::string::npos) return {};
  return std::stoull(listed.operands.substr(at), nullptr, 16);
}

void say(const std::string& image, const ListedInstruction& listed, const Disassembled& ours) {
  std::printf("%s %llx: %s %s: ours %s %s, %d bytes\n", image.c_str(),
              static_cast<unsigned long long>(listed.address), listed.mnemonic.c_str(),
              listed.operands.c_str(), ours.mnemonic.c_str(), ours.operands.c_str(), ours.length);
}

bool is_equal(const ListedInstruction& listed, const Disassembled& ours, Architecture architecture,
              Counts& counts) {
  if (ours.length != listed.length) return false;
  const Flow flow = flow_of(listed, architecture);
  if (ours.flow != flow) return false;
  const bool leads = flow == Flow::call || flow == Flow::jump || flow == Flow::conditional;
  if (const auto target = leads ? target_of(listed) : std::nullopt) {
    ++counts.targets;
    if (ours.target != target) return false;
  }
  const bool reads = listed.operands.find("[rip") != std::string::npos &&
                     !listed.mnemonic.starts_with("lea") && !listed.mnemonic.starts_with("nop");
  if (architecture == Architecture::x64 && reads && listed.commented) {
    ++counts.slots;
    if (ours.slot != listed.commented) return false;
  }
  return true;
}

void compare(const std::filesystem::path& objdump, const std::filesystem::path& path,
             Architecture architecture, Counts& counts) {
  LoadedImage image(path, false);
  ++counts.images;
  std::vector<Extent> functions = extents_of(path);
  std::ranges::sort(functions, {}, &Extent::begin);
  // Data between functions is decoded in one way by one, in another by the other.
  const auto is_data = [&](std::uint64_t address) {
    const auto after = std::ranges::upper_bound(functions, address, {}, &Extent::begin);
    return !functions.empty() && (after == functions.begin() || address >= std::prev(after)->end);
  };
  for (const ListedInstruction& listed : listed_by_llvm(objdump, path)) {
    if (listed.mnemonic == "<unknown>" || is_data(listed.address)) continue;
    if (listed.operands.find("[r24") != std::string::npos) continue;  // APX, which is not read
    const auto ours = image.view().instruction_at(listed.address);
    ++counts.instructions;
    if (!ours || (!ours->is_known && ours->length == listed.length)) {
      if (++counts.unknown_to_us <= 10 && ours) say(path.filename().string(), listed, *ours);
      continue;
    }
    if (!is_equal(listed, *ours, architecture, counts) && ++counts.wrong <= 20)
      say(path.filename().string(), listed, *ours);
  }
}

void expect_equal(Architecture architecture) {
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  Counts counts;
  for (const auto& path : images_of(architecture)) compare(objdump, path, architecture, counts);
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
  std::printf(
      "%zu images, %zu instructions, %zu targets, %zu slots: %zu wrong, %zu that Capstone does not "
      "know\n",
      counts.images, counts.instructions, counts.targets, counts.slots, counts.wrong,
      counts.unknown_to_us);
  EXPECT_EQ(counts.wrong, 0u);
  EXPECT_LE(counts.unknown_to_us * 1000, counts.instructions);
}

TEST(InstructionsAgainstLlvm, AreEqualInX64Images) { expect_equal(Architecture::x64); }
TEST(InstructionsAgainstLlvm, AreEqualInX86Images) { expect_equal(Architecture::x86); }
TEST(InstructionsAgainstLlvm, AreEqualInArm64Images) { expect_equal(Architecture::arm64); }

// LLVM's text as ours has it: no spaces behind commas, fp and lr by their names, hexadecimal.
std::string as_ours(std::string operands) {
  std::string out;
  for (std::size_t i = 0; i < operands.size();) {
    if (operands[i] == ' ') {
      ++i;
    } else if (operands[i] == '#') {
      std::size_t used = 0;
      const long value = std::stol(operands.substr(i + 1), &used, 0);
      const long size = value < 0 ? -value : value;
      out += fmt::format("#{}{}", value < 0 ? "-" : "",
                         size < 10 ? fmt::format("{}", size) : fmt::format("0x{:X}", size));
      i += 1 + used;
    } else if (std::isalpha(static_cast<unsigned char>(operands[i]))) {
      std::size_t end = i;
      while (end < operands.size() && std::isalnum(static_cast<unsigned char>(operands[end])))
        ++end;
      const std::string word = operands.substr(i, end - i);
      out += word == "x29"   ? "fp"
             : word == "x30" ? "lr"
             : word == "x16" ? "xip0"
             : word == "x17" ? "xip1"
             : word == "x18" ? "xpr"
             : word == "w16" ? "wip0"
                             : word;
      i = end;
    } else {
      out += operands[i++];
    }
  }
  return out;
}

std::string all_forms() {
  std::string text;
  for (const char* name :
       {"paciasp", "pacibsp",   "paciaz",    "pacibz",    "autiasp",   "autibsp", "autiaz",
        "autibz",  "pacia1716", "pacib1716", "autia1716", "autib1716", "xpaclri", "retaa",
        "retab",   "eretaa",    "eretab",    "bti",       "bti c",     "bti j",   "bti jc"})
    text += std::string(name) + "\n";
  for (const char* name : {"pacia", "pacib", "pacda", "pacdb", "autia", "autib", "autda", "autdb"})
    for (const char* operands : {" x0, x1", " x30, sp", " x17, x16"})
      text += std::string(name) + operands + "\n";
  for (const char* name : {"paciza", "pacizb", "pacdza", "pacdzb", "autiza", "autizb", "autdza",
                           "autdzb", "xpaci", "xpacd", "braaz", "brabz", "blraaz", "blrabz"})
    for (const char* operands : {" x0", " x29", " x18"})
      text += std::string(name) + operands + "\n";
  for (const char* name : {"braa", "brab", "blraa", "blrab"})
    for (const char* operands : {" x8, x9", " x16, sp", " x17, x30"})
      text += std::string(name) + operands + "\n";
  for (const char* name : {"ldraa", "ldrab"})
    for (const char* operands :
         {" x0, [x1]", " x3, [sp, #8]", " x30, [x29, #-4096]", " x4, [x5, #4088]!", " x6, [x7]!"})
      text += std::string(name) + operands + "\n";
  return text + "pacga x0, x1, x2\npacga x3, x4, sp\n";
}

std::string all_atomics() {
  std::string text;
  const std::string orders[] = {"", "a", "l", "al"};
  for (const std::string& order : orders) {
    for (const char* change : {"add", "clr", "eor", "set", "smax", "smin", "umax", "umin"})
      for (const char* size : {"b", "h", ""}) {
        text += fmt::format("ld{}{}{} w1, w16, [x2]\n", change, order, size);
        if (order.empty() || order == "l")
          text += fmt::format("st{}{}{} w3, [sp]\n", change, order, size);
        if (*size == 0) text += fmt::format("ld{}{} x1, x30, [sp]\n", change, order);
      }
    for (const char* size : {"b", "h", ""})
      text += fmt::format("swp{0}{1} w1, w2, [x3]\ncas{0}{1} w4, w5, [x6]\n", order, size);
    text += fmt::format("swp{0} x1, xzr, [x3]\ncas{0} x4, x29, [sp]\n", order);
    text += fmt::format("casp{0} x0, x1, x2, x3, [x4]\ncasp{0} w6, w7, w8, w9, [sp]\n", order);
  }
  return text + "ldapr x0, [x1]\nldapr w2, [sp]\nldaprb w3, [x4]\nldaprh w5, [x6]\n";
}

// Assembles, lists, and compares every text; how many there were.
std::size_t compare_forms(const std::string& forms) {
  const auto clang = find_tool("clang-19"), objdump = find_tool("llvm-objdump-19");

  const TemporaryFolder folder;
  const auto source = folder.path() / "forms.s", object = folder.path() / "forms.o";
  std::ofstream(source) << ".arch armv8.5-a\n" << forms;
  EXPECT_EQ(run(quoted(clang) + " --target=aarch64-linux-gnu -c " + quoted(source) + " -o " +
                quoted(object))
                .exit_code,
            0);
  const ToolResult listing = run(quoted(objdump) + " -d --mattr=+all " + quoted(object));
  const code::Disassembler ours(Architecture::arm64);
  std::istringstream lines(listing.out);
  std::size_t compared = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": "), tab = line.find('\t');
    if (colon == std::string::npos || tab == std::string::npos) continue;
    const auto word =
        static_cast<std::uint32_t>(std::stoul(line.substr(colon + 2, 8), nullptr, 16));
    const std::size_t next = line.find('\t', tab + 1);
    const std::string mnemonic = line.substr(tab + 1, next - tab - 1);
    const std::size_t end = line.find("//");
    const std::string operands =
        next == std::string::npos ? "" : as_ours(line.substr(next + 1, end - next - 1));
    const auto found = ours.at(base::Bytes(std::as_bytes(std::span(&word, 1))), 0x1000);
    EXPECT_EQ(found.mnemonic, mnemonic) << line;
    EXPECT_EQ(found.operands, operands) << line;
    EXPECT_EQ(found.falls_through(), !(mnemonic.starts_with("bra") || mnemonic.starts_with("ret") ||
                                       mnemonic.starts_with("eret")))
        << line;
    ++compared;
  }
  return compared;
}

TEST(NewerArm64AgainstLlvm, EveryFormOfPointerAuthenticationThatClangAssemblesIsEqual) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  EXPECT_EQ(compare_forms(all_forms()), 21u + 24 + 42 + 12 + 10 + 2);
}

TEST(NewerArm64AgainstLlvm, EveryAtomicThatClangAssemblesIsEqual) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  EXPECT_EQ(compare_forms(all_atomics()), 96u + 48 + 32 + 4 * 10 + 4);
}

}  // namespace
}  // namespace ntstack::tests
