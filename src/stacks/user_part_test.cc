// The user part below a kernel stack, in a process of a machine's memory that is laid out here by
// hand: 64-bit code, and 32-bit code under WOW64. The page tables, the TEBs and the loader's list
// are as public descriptions have them; the chain of frame pointers is ours.
#include "stacks/user_part.h"

#include <gtest/gtest.h>

#include <array>

#include "user_process.h"

namespace ntstack::stacks {
namespace {

using unwind::Trust;

constexpr std::uint64_t kTeb = 0x7efdb000, kTeb32 = 0x7efdd000, kPeb = 0x7efdf000,
                        kPeb32 = 0x7efde000, kArea = 0x8f000, kLoader = 0x340000, kStack = 0x18f000,
                        kStack64 = 0x8e000, kTrapFrame = 0xfffff88001adfe70;
constexpr std::uint32_t kImage = 0x400000, kImageSize = 0x5000;

// All in one process.
class Memory {
 public:
  template <class T>
  void put(std::uint64_t address, T value) {
    physical_.put(root_, address, value);
  }
  std::uint64_t root() const { return root_; }
  dump::Dump dump() const { return physical_.dump_of(root_); }

 private:
  tests::PhysicalMemory physical_;
  std::uint64_t root_ = physical_.new_page();
};

// The loader's list of one 32-bit image: PEB32.Ldr, LDR_DATA_TABLE_ENTRY.
void put_loader_list(Memory& memory) {
  constexpr std::uint32_t loader = kLoader, head = loader + 0xc, entry = loader + 0x100,
                          name = loader + 0x200;
  constexpr std::u16string_view text = u"C:\\app.exe";
  memory.put(kPeb32 + 0xc, loader);
  memory.put(head, entry);
  memory.put(head + 4, entry);
  memory.put(entry, head);
  memory.put(entry + 4, head);
  memory.put(entry + 0x18, kImage);
  memory.put(entry + 0x20, kImageSize);
  memory.put(entry + 0x24, static_cast<std::uint16_t>(2 * text.size()));
  memory.put(entry + 0x26, static_cast<std::uint16_t>(2 * text.size()));
  memory.put(entry + 0x28, name);
  for (std::uint32_t i = 0; i < text.size(); ++i)
    memory.put(name + 2 * i, static_cast<std::uint16_t>(text[i]));
}

// Three functions of the image, each with its frame pointer; the oldest was called by nothing.
void put_32_bit_stack(Memory& memory) {
  constexpr std::uint32_t frames[] = {kStack + 0x100, kStack + 0x140, kStack + 0x180};
  memory.put(frames[0], frames[1]);
  memory.put(frames[0] + 4, kImage + 0x1234);
  memory.put(frames[1], frames[2]);
  memory.put(frames[1] + 4, kImage + 0x2345);
  memory.put(frames[2], std::uint32_t{0});
  memory.put(frames[2] + 4, std::uint32_t{0});
}

void put_thread(Memory& memory) {
  memory.put(kTeb, kTeb32);  // NT_TIB.ExceptionList: the 32-bit TEB
  memory.put(kTeb + 8, kStack64 + 0x1000);
  memory.put(kTeb + 0x10, kStack64);
  memory.put(kTeb + 0x1488, kArea);
  memory.put(kTeb32 + 4, static_cast<std::uint32_t>(kStack + 0x1000));
  memory.put(kTeb32 + 8, static_cast<std::uint32_t>(kStack));
  memory.put(kTeb32 + 0x18, static_cast<std::uint32_t>(kTeb32));
  memory.put(kTeb32 + 0x30, static_cast<std::uint32_t>(kPeb32));
  memory.put(kArea + 2, std::uint16_t{0x14c});
  memory.put(kArea + 4, std::uint32_t{0x1003f});                             // ContextFlags
  memory.put(kArea + 4 + 0xb4, static_cast<std::uint32_t>(kStack + 0x100));  // Ebp
  memory.put(kArea + 4 + 0xb8, kImage + 0x1010);                             // Eip
  memory.put(kArea + 4 + 0xc4, static_cast<std::uint32_t>(kStack + 0xe0));   // Esp
  memory.put(kArea + 0x2d0, std::uint32_t{0});
  memory.put(kStack64 + 0x800, std::uint64_t{0});
  memory.put(kPeb, std::uint64_t{0});
}

class Wow64Process {
 public:
  // `cs`: of the trap frame through which the thread entered the kernel.
  explicit Wow64Process(std::uint16_t cs) {
    put_thread(memory_);
    put_loader_list(memory_);
    put_32_bit_stack(memory_);
    memory_.put(kTrapFrame + 0x170, cs);
    dump_ = memory_.dump();
    kernel_.emplace(dump_);
    machine_.emplace(*kernel_);
    process_.address = 0xffff800000001000;
    process_.directory_table_base = memory_.root();
    process_.peb = kPeb;
    thread_.teb = kTeb;
  }

  // A kernel stack that ends in user mode with these registers, and what was added to it.
  Stack with_user_part(std::uint64_t rip, std::uint64_t rsp, std::uint64_t rbp, Trust trust) {
    UserPart part(*machine_, tests::symbolizer_of);
    Stack stack;
    stack.thread = &thread_;
    stack.process = &process_;
    stack.frames.resize(2);
    stack.frames[0].trap_frame = kTrapFrame;
    stack.frames[1].ip = rip;
    stack.frames[1].child_sp = rsp;
    stack.frames[1].trust = trust;
    stack.end = End::user_mode;
    stack.user_registers = registers_at(base::Architecture::x64, rip, rsp, rbp);
    part.add_to(stack);
    return stack;
  }

 private:
  Memory memory_;
  dump::Dump dump_;
  std::optional<target::Kernel> kernel_;
  std::optional<target::Machine> machine_;
  target::Process process_;
  target::Thread thread_;
};

void expect_32_bit_frames(const Stack& stack, std::size_t first) {
  constexpr std::uint64_t addresses[] = {kImage + 0x1010, kImage + 0x1234, kImage + 0x2345};
  ASSERT_EQ(stack.frames.size(), first + 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const Frame& frame = stack.frames[first + i];
    EXPECT_EQ(frame.ip, addresses[i]);
    EXPECT_TRUE(frame.is_wow64);
    EXPECT_EQ(frame.symbol.module, "app");
  }
  EXPECT_EQ(stack.end, End::base);
}

TEST(UserPart, Of32BitCodeThatCalledTheKernelStandsBelowThe64BitPart) {
  Wow64Process process(0x33);
  const Stack stack =
      process.with_user_part(0x7ffb12340010, kStack64 + 0x800, 0, Trust::trap_frame);
  expect_32_bit_frames(stack, 2);
  EXPECT_FALSE(stack.frames[1].is_wow64);
  EXPECT_EQ(stack.frames[2].trust, Trust::context);
}

TEST(UserPart, Of32BitCodeThatWasInterruptedBeginsWithTheTrapFramesRegisters) {
  Wow64Process process(0x23);
  const Stack stack =
      process.with_user_part(kImage + 0x1010, kStack + 0xe0, kStack + 0x100, Trust::trap_frame);
  expect_32_bit_frames(stack, 1);
  EXPECT_EQ(stack.frames[1].trust, Trust::trap_frame);
}

TEST(UserPart, BelowAGuessIsAGuess) {
  Wow64Process process(0x23);
  const Stack stack =
      process.with_user_part(kImage + 0x1010, kStack + 0xe0, kStack + 0x100, Trust::scan);
  for (std::size_t i = 1; i < stack.frames.size(); ++i)
    EXPECT_EQ(stack.frames[i].trust, Trust::scan) << i;
}

}  // namespace
}  // namespace ntstack::stacks
