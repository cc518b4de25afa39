// The machine of seed 3, whose thread ran out of its kernel stack in the drivers of one product, on
// x86 as the seed's listing has it, on x64 and ARM64 with the same calls.
//
// True by the seed (x86): the stack, the process, every return address, every frame's bytes and
// every ChildEBP of its listing, the words that it shows of the stack, the code that it
// disassembles. Ours: what functions do besides calling, the layout of the kernel's structures
// (Windows 7's, whose KDBG names it), what stands above the listing's first line: a function of a
// driver without PDB that has no frame along EBP and aligns its stack.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "world/kernel_objects.h"
#include "world/truth.h"

namespace ntstack::world {

struct StackHog {
  std::shared_ptr<const KernelObjects> world;
  Crash crash;
  std::size_t first_listed = 0;  // the crashed thread's frame that is the listing's first line
  const ThreadTruth& thread() const { return crash.threads[crash.crashed]; }
};

inline constexpr const char* stackhog_process = "StackHog.exe";
inline constexpr std::uint32_t stackhog_process_id = 0x0b5c;

// `modules`: as build_modules.sh makes them.
StackHog build_stackhog_x86(const std::filesystem::path& modules);
// 24 KB of stack, frames twice as large; the double fault on the IST's stack.
StackHog build_stackhog_x64(const std::filesystem::path& modules);
// Likewise; the kernel goes to a panic stack of the processor's, which nothing in the dump tells
// of.
StackHog build_stackhog_arm64(const std::filesystem::path& modules);

// The dump with all of the machine's memory, or the kernel's (bitmap dumps), and the triage dump.
enum class StackHogDump : std::uint8_t { full, kernel, triage };
void write_stackhog(const StackHog& hog, StackHogDump kind, const std::filesystem::path& path);

// For the stories alone.
// The images that the machine has, nt first.
std::vector<std::string> stackhog_images();
// Fills the thread's stack up to `end` with what earlier calls left: return addresses, pointers
// into the stack and the pool, small numbers. The words are an address's, `width` bytes.
void leave_old_contents(GuestMemory& memory, const Thread& thread, std::uint64_t end,
                        unsigned width);
// Puts the crashed thread, whose listing begins at the return address `first_site`, into the crash.
void finish(StackHog& hog, ThreadTruth truth, std::uint64_t first_site);

}  // namespace ntstack::world
