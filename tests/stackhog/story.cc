// What is the same on every architecture: the images, the dumps.
#include "stackhog/story.h"

#include <fstream>
#include <stdexcept>

#include "world/triage_writer.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {

std::vector<std::string> stackhog_images() {
  return {"ntoskrnl.exe", "fltmgr.sys",    "Ntfs.sys",    "BabyHog.sys",
          "BossHog.sys",  "BossHog01.sys", "MamaHog.sys", "daddyHog.sys"};
}

void leave_old_contents(GuestMemory& memory, const Thread& thread, std::uint64_t end,
                        unsigned width) {
  constexpr std::uint32_t old[] = {0x8084cff9, 0x00000000, 0xb8ae6130, 0x89751350, 0x8081e103,
                                   0xb8ae7a50, 0x00000246, 0x87758bd8, 0x80934663, 0xb8ae6f40,
                                   0x00000080, 0xbae5c8d9, 0x00000001, 0xf7a3c458, 0x8b4abb00};
  const std::uint64_t upper = end & ~0xffffffffull;
  std::uint32_t random = 3;
  for (std::uint64_t at = thread.stack_limit; at < end; at += width) {
    random = random * 1664525 + 1013904223;
    const std::uint64_t word = old[(random >> 16) % std::size(old)];
    if (width == 4)
      memory.put(at, static_cast<std::uint32_t>(word));
    else
      memory.put(at, word > 0xffff ? upper | word : word);
  }
}

void finish(StackHog& hog, ThreadTruth truth, std::uint64_t first_site) {
  while (truth.frames.at(hog.first_listed).ip != first_site) hog.first_listed++;
  hog.crash.crashed = static_cast<unsigned>(hog.crash.threads.size());
  hog.crash.threads.push_back(std::move(truth));
  hog.crash.bugcheck = 0x7f;
  hog.crash.parameters = {8, 0, 0, 0};
}

void write_stackhog(const StackHog& hog, StackHogDump kind, const std::filesystem::path& path) {
  if (kind == StackHogDump::triage) {
    const std::vector<std::uint8_t> bytes = write_crash_dump(*hog.world, hog.crash);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
    return;
  }
  Stories stories;
  stories.world = hog.world;
  stories.crash = hog.crash;
  stories.running_name = stackhog_process;
  stories.running_id = stackhog_process_id;
  stories.running_process = hog.world->process();
  const KernelLayout& layout = hog.world->layout();
  const bool is_below_4_gb = layout.pointer_size == 4 && !layout.has_pae;
  const MachineSize size{6, static_cast<unsigned>(hog.crash.threads.size())};
  PhysicalMachine machine = make_physical_machine(
      stories, layout, size, is_below_4_gb ? runs_below_4_gb(0x1800) : runs_of_few(0x1800), false);
  const bool is_full = kind == StackHogDump::full;
  write_dump(machine, hog.crash, is_full ? Container::bitmap_full : Container::bitmap_kernel, path);
}

}  // namespace ntstack::world
