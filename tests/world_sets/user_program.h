// User-mode code of a process, run by the emulator from a thread's first instruction to its system
// call, and from there into the kernel: so the truth of the user's frames is the processor's, too.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

struct UserStack {
  std::uint64_t limit = 0, base = 0;
};

struct ProgramThread {
  ThreadTruth truth;  // its frames are the kernel's, then the user's
  std::size_t kernel_frames = 0;
  std::vector<std::uint8_t> user_context;  // CONTEXT behind the system call's instruction
  std::uint64_t teb = 0;
  UserStack stack;
  std::string name;
};

class UserProgram {
 public:
  // Loads the images of `folder` into the machine: ntdll.dll, KERNEL32.DLL, KERNELBASE.dll and the
  // program. The world outlives this.
  UserProgram(KernelWorld& world, const std::filesystem::path& folder, const std::string& program);

  // The program first.
  const std::vector<LoadedImage>& images() const { return images_; }
  std::uint64_t symbol(const std::string& image, const std::string& name) const;

  // A thread from ntdll!RtlUserThreadStart on, with `start` and its argument, until the kernel has
  // it where a dump finds it. Its TEB and stack are made as Windows does; `top` is where its stack
  // pointer begins.
  ProgramThread run(Thread thread, const std::string& start, std::uint64_t argument,
                    std::uint64_t teb, UserStack stack, std::uint64_t top);

 private:
  void enter_program(const Thread& thread, const std::string& start, std::uint64_t argument,
                     std::uint64_t top);
  std::vector<std::uint8_t> call_kernel(const Thread& thread);

  KernelWorld& world_;
  std::vector<LoadedImage> images_;
};

}  // namespace ntstack::world
