// Every instruction of every real image at hand against Capstone: lengths, and where calls end.
#ifdef NTSTACK_HAVE_CAPSTONE
#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/mapped_file.h"
#include "code/call.h"
#include "code/instruction.h"
#include "test_files.h"

namespace ntstack::code {
namespace {

struct Counts {
  std::size_t images = 0;
  std::size_t instructions = 0;
  std::size_t calls = 0;
  std::size_t other_lengths = 0;
  std::size_t missed_calls = 0;
};

class Disassembler {
 public:
  explicit Disassembler(Mode mode) {
    cs_open(CS_ARCH_X86, mode == Mode::x64 ? CS_MODE_64 : CS_MODE_32, &handle_);
    instruction_ = cs_malloc(handle_);
  }
  ~Disassembler() {
    cs_free(instruction_, 1);
    cs_close(&handle_);
  }
  Disassembler(const Disassembler&) = delete;
  Disassembler& operator=(const Disassembler&) = delete;

  const cs_insn* at(base::Bytes code, std::uint64_t address) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
    std::size_t size = code.size();
    return cs_disasm_iter(handle_, &bytes, &size, &address, instruction_) ? instruction_ : nullptr;
  }

 private:
  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
};

// The raw bytes of the executable sections of an image of `mode`'s machine.
std::vector<base::Bytes> code_of(base::Bytes file, Mode mode) {
  std::vector<base::Bytes> found;
  const auto header = file.get_or<std::uint32_t>(0x3c, 0);
  if (file.get<std::uint32_t>(header) != 0x4550) return found;
  if (file.get<std::uint16_t>(header + 4u) != (mode == Mode::x64 ? 0x8664 : 0x14c)) return found;
  const auto count = file.get_or<std::uint16_t>(header + 6u, 0);
  const std::uint64_t table = header + 24u + file.get_or<std::uint16_t>(header + 20u, 0);
  for (std::uint64_t at = table; at < table + count * 40u; at += 40) {
    if ((file.get_or<std::uint32_t>(at + 36, 0) & 0x20000000) == 0) continue;
    found.push_back(
        file.clamp(file.get_or<std::uint32_t>(at + 20, 0), file.get_or<std::uint32_t>(at + 16, 0)));
  }
  return found;
}

// A linear sweep. What Capstone does not decode (data between functions) is passed byte by byte.
void compare(base::Bytes code, Mode mode, Disassembler& capstone, const std::string& name,
             Counts& counts) {
  for (std::size_t at = 0; at < code.size();) {
    const cs_insn* truth = capstone.at(code.clamp(at, 16), at);
    if (!truth) {
      ++at;
      continue;
    }
    ++counts.instructions;
    const auto ours = decode(code.clamp(at), mode);
    if (!ours || ours->length != truth->size) {
      if (++counts.other_lengths <= 40) {
        std::string bytes;
        for (int i = 0; i < 15; ++i)
          bytes += fmt::format("{:02x} ", code.get_or<std::uint8_t>(at + i, 0));
        std::printf("%s+%zx: %s: %s %s: Capstone %d, ours %d\n", name.c_str(), at, bytes.c_str(),
                    truth->mnemonic, truth->op_str, int{truth->size},
                    ours ? int{ours->length} : -1);
      }
    }
    at += truth->size;
    if (truth->id != X86_INS_CALL && truth->id != X86_INS_LCALL) continue;
    ++counts.calls;
    const std::size_t back = std::min(at, kBytesBeforeReturn);
    if (!call_before(*code.slice(at - back, back), mode) && ++counts.missed_calls <= 20)
      std::printf("%s+%zx: no call seen: %s %s\n", name.c_str(), at, truth->mnemonic,
                  truth->op_str);
  }
}

void compare_images(const std::filesystem::path& folder, Mode mode, std::size_t most_images,
                    Counts& counts) {
  std::error_code ignored;
  Disassembler capstone(mode);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    if (counts.images >= most_images) return;
    const auto extension = entry.path().extension();
    if (extension != ".dll" && extension != ".exe" && extension != ".sys") continue;
    const auto file = base::MappedFile::open(entry.path());
    if (!file) continue;
    const auto sections = code_of(file->bytes(), mode);
    for (const base::Bytes code : sections)
      compare(code, mode, capstone, entry.path().filename().string(), counts);
    counts.images += !sections.empty();
  }
}

void expect_equal(Mode mode, const std::filesystem::path& wine) {
  Counts counts;
  compare_images(tests::data_dir(), mode, SIZE_MAX, counts);
  compare_images(wine, mode, SIZE_MAX, counts);
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
  std::printf("%zu images, %zu instructions, %zu calls; %zu other lengths, %zu missed calls\n",
              counts.images, counts.instructions, counts.calls, counts.other_lengths,
              counts.missed_calls);
  EXPECT_EQ(counts.other_lengths, 0u);
  EXPECT_EQ(counts.missed_calls, 0u);
}

TEST(CapstoneOracle, LengthsAndCallsOfX64ImagesAreEqual) {
  expect_equal(Mode::x64, "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows");
}

TEST(CapstoneOracle, LengthsAndCallsOfX86ImagesAreEqual) {
  expect_equal(Mode::x86, "/usr/lib/x86_64-linux-gnu/wine/i386-windows");
}

}  // namespace
}  // namespace ntstack::code
#endif
