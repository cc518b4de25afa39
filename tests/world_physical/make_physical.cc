// make_physical MODULES OUT CONTAINER [PROCESSES THREADS [GB]]: writes a dump of a machine of build
// 19041 with 16 GB. CONTAINER: full, bitmap, kernel, rdmp, live, raw, lime, elf.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "world_physical/headerless.h"
#include "world_physical/physical_machine.h"

int main(int argc, char** argv) {
  using namespace ntstack::world;
  const std::map<std::string, Container> containers = {{"full", Container::full},
                                                       {"bitmap", Container::bitmap_full},
                                                       {"kernel", Container::bitmap_kernel},
                                                       {"rdmp", Container::rdmp_full},
                                                       {"live", Container::live}};
  const std::map<std::string, Headerless> images = {
      {"raw", Headerless::raw}, {"lime", Headerless::lime}, {"elf", Headerless::elf}};
  if ((argc != 4 && argc != 6 && argc != 7) ||
      (!containers.contains(argv[3]) && !images.contains(argv[3]))) {
    std::fputs("usage: make_physical MODULES OUT CONTAINER [PROCESSES THREADS [GB]]\n", stderr);
    return 2;
  }
  try {
    MachineSize size;
    if (argc >= 6) {
      size.processes = static_cast<unsigned>(std::stoul(argv[4]));
      size.threads = static_cast<unsigned>(std::stoul(argv[5]));
    }
    const std::vector<PageRun> runs = runs_of_gb(argc == 7 ? std::stoull(argv[6]) : 16);
    const bool is_live = std::string(argv[3]) == "live";
    const Stories stories = run_stories(argv[1]);
    PhysicalMachine machine = make_physical_machine(stories, windows_10_19041, size, runs, is_live);
    if (const auto image = images.find(argv[3]); image != images.end()) {
      put_traces(machine, stories);
      write_headerless(machine, stories, image->second, argv[2]);
    } else {
      write_dump(machine, stories.crash, containers.at(argv[3]), argv[2]);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_physical: %s\n", error.what());
    return 1;
  }
  return 0;
}
