// Which function a return address says was called, from code put down by hand; the encodings are
// those of Intel's and Arm's manuals.
#include "stacks/call_edge.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace ntstack::stacks {
namespace {

using base::Architecture;

constexpr std::uint32_t kModule = 0x82600000, kCaller = kModule + 0x100;

// A module of 0x40000 bytes of which 0x20000 are in the dump: no image, no PDB.
class Code {
 public:
  explicit Code(Architecture architecture) : architecture_(architecture), bytes_(0x20000) {}
  Code& put(std::uint64_t at, std::initializer_list<int> values) {
    for (const int value : values) bytes_[at++ - kModule] = static_cast<std::byte>(value);
    return *this;
  }
  Code& word(std::uint64_t at, std::uint32_t value) {
    for (int i = 0; i < 4; ++i)
      bytes_[at - kModule + static_cast<std::uint64_t>(i)] = static_cast<std::byte>(value >> 8 * i);
    return *this;
  }
  CallEdge edge(std::uint64_t ip, std::uint64_t return_address) const {
    const base::SegmentSource memory({{kModule, base::Bytes(std::span(bytes_))}});
    symbols::ModuleKey key;
    key.name = "hog.sys";
    key.base = kModule;
    key.size = 0x40000;
    symbols::Symbolizer symbolizer({key}, {{}, {}, &memory});
    const ModuleMap modules(symbolizer);
    return call_edge({architecture_, &modules, &memory, &memory}, ip, true, return_address);
  }

 private:
  Architecture architecture_;
  std::vector<std::byte> bytes_;
};

TEST(CallEdge, ADirectCallTellsWhichFunctionItWentTo) {
  Code code(Architecture::x86);
  code.put(kCaller, {0xe8, 0xfb, 0x0e, 0x00, 0x00});  // call kModule + 0x1000
  EXPECT_EQ(code.edge(kModule + 0x1000 + 0x45, kCaller + 5), CallEdge::unknown);  // near enough
  EXPECT_EQ(code.edge(kModule + 0xf00, kCaller + 5), CallEdge::elsewhere);        // it lies before
  EXPECT_EQ(code.edge(kModule + 0x11000 + 1, kCaller + 5), CallEdge::elsewhere);
  EXPECT_EQ(code.edge(kModule + 0x1045, kCaller + 6), CallEdge::no_call);
  EXPECT_EQ(code.edge(kModule + 0x1045, kModule + 0x30000), CallEdge::no_code);
}

TEST(CallEdge, ACallThroughAPointerTellsItByWhatIsThere) {
  Code code(Architecture::x86);
  code.put(kCaller, {0xff, 0x15, 0x00, 0x20, 0x60, 0x82});  // call [kModule + 0x2000]
  code.word(kModule + 0x2000, kModule + 0x3000);
  EXPECT_EQ(code.edge(kModule + 0x3010, kCaller + 6), CallEdge::unknown);
  EXPECT_EQ(code.edge(kModule + 0x2ff0, kCaller + 6), CallEdge::elsewhere);
  code.put(kCaller, {0xff, 0x90, 0x00, 0x20, 0x60, 0x82});  // call [eax + ...]
  EXPECT_EQ(code.edge(kModule + 0x2ff0, kCaller + 6), CallEdge::unknown);
}

TEST(CallEdge, JumpsOfThunksAreFollowed) {
  Code code(Architecture::x86);
  code.put(kCaller, {0xe8, 0xfb, 0x0e, 0x00, 0x00});           // call kModule + 0x1000
  code.put(kModule + 0x1000, {0xe9, 0xfb, 0xef, 0x01, 0x00});  // jmp kModule + 0x20000
  EXPECT_EQ(code.edge(kModule + 0x20010, kCaller + 5), CallEdge::unknown);
  EXPECT_EQ(code.edge(kModule + 0x3fff0, kCaller + 5), CallEdge::elsewhere);
}

TEST(CallEdge, Arm64sBranchWithLinkTellsIt) {
  Code code(Architecture::arm64);
  code.word(kCaller, 0x940003c0);  // bl kModule + 0x100 + 0xf00
  EXPECT_EQ(code.edge(kModule + 0x1040, kCaller + 4), CallEdge::unknown);
  EXPECT_EQ(code.edge(kModule + 0xff0, kCaller + 4), CallEdge::unknown);
  code.word(kCaller, 0xd63f0100);  // blr x8
  EXPECT_EQ(code.edge(kModule + 0xff0, kCaller + 4), CallEdge::unknown);
  code.word(kCaller, 0xd73f0900);  // blraa x8, x0
  EXPECT_EQ(code.edge(kModule + 0xff0, kCaller + 4), CallEdge::unknown);
  code.word(kCaller, 0xd503201f);  // nop
  EXPECT_EQ(code.edge(kModule + 0xff0, kCaller + 4), CallEdge::no_call);
}

}  // namespace
}  // namespace ntstack::stacks
