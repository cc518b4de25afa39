// make_sets WORLD PAIR OUT PROCESSORS...: writes sets of dumps into folders of OUT: of a process of
// 300 threads on machines of so many processors (set4, set24), and a console program's two dumps
// (pair). WORLD and PAIR are the folders of the worlds' modules.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

#include "world_sets/big_process.h"
#include "world_sets/pair.h"

namespace {

namespace fs = std::filesystem;
namespace world = ntstack::world;

void write_file(const fs::path& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: make_sets WORLD PAIR OUT PROCESSORS...\n", stderr);
    return 2;
  }
  try {
    const fs::path out = argv[3];
    for (int i = 4; i < argc; i++) {
      const auto processors = static_cast<unsigned>(std::stoul(argv[i]));
      const world::BigProcess process = world::build_big_process(argv[1], processors);
      world::write_members(world::capture_all(process, world::windows_rules()),
                           out / (std::string("set") + argv[i]));
    }
    const world::Pair pair = world::build_pair(argv[2]);
    fs::create_directories(out / "pair");
    write_file(out / "pair" / "ConsoleApp1.dmp", world::user_dump(pair, pair.threads));
    write_file(out / "pair" / "ConsoleApp1.Kernel.dmp", world::kernel_dump(pair));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_sets: %s\n", error.what());
    return 1;
  }
  return 0;
}
