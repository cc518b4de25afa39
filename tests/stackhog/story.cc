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
