// make_physical MODULES OUT CONTAINER [PROCESSES THREADS]: writes a dump of a 16 GB machine of
// build 19041. CONTAINER: full, bitmap, kernel, rdmp, live.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "world_physical/physical_machine.h"

int main(int argc, char** argv) {
  using namespace ntstack::world;
  const std::map<std::string, Container> containers = {{"full", Container::full},
                                                       {"bitmap", Container::bitmap_full},
                                                       {"kernel", Container::bitmap_kernel},
                                                       {"rdmp", Container::rdmp_full},
                                                       {"live", Container::live}};
  if ((argc != 4 && argc != 6) || !containers.contains(argv[3])) {
    std::fputs("usage: make_physical MODULES OUT CONTAINER [PROCESSES THREADS]\n", stderr);
    return 2;
  }
  try {
    MachineSize size;
    if (argc == 6) {
      size.processes = static_cast<unsigned>(std::stoul(argv[4]));
      size.threads = static_cast<unsigned>(std::stoul(argv[5]));
    }
    const Container container = containers.at(argv[3]);
    const Stories stories = run_stories(argv[1]);
    PhysicalMachine machine = make_physical_machine(stories, windows_10_19041, size,
                                                    runs_of_16_gb(), container == Container::live);
    write_dump(machine, stories.crash, container, argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_physical: %s\n", error.what());
    return 1;
  }
  return 0;
}
