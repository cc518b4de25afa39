// make_world_arm64 MODULES OUT: builds the ARM64 worlds from the modules' images and writes each
// into its folder of OUT: the dump, the truth, and for the first seed the images and PDBs.
#include <cstdio>
#include <exception>

#include "world/triage_writer.h"
#include "world/world_files.h"
#include "world_arm64/stories.h"

namespace {

namespace fs = std::filesystem;
namespace world = ntstack::world;

void copy_symbols(const fs::path& modules, const fs::path& to,
                  std::span<const world::LoadedImage> images) {
  fs::create_directories(to);
  for (const world::LoadedImage& image : images) {
    for (const std::string& name : {image.file_name, image.pdb_name})
      fs::copy_file(modules / name, to / name, fs::copy_options::overwrite_existing);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_world_arm64 MODULES OUT\n", stderr);
    return 2;
  }
  try {
    const fs::path modules = argv[1], out = argv[2];
    const world::Arm64Seed1 seed = world::build_arm64_seed1(modules);
    world::write_world(out / "seed1", "w3wp.dmp",
                       world::write_triage_dump(*seed.world, seed.threads), *seed.world,
                       seed.threads);
    copy_symbols(modules, out / "seed1" / "symbols", seed.world->images());
    const world::Arm64Processors crash = world::build_arm64_processors(modules);
    world::write_world(out / "processors", "processors.dmp",
                       world::write_crash_dump(*crash.world, crash), *crash.world, crash.threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_world_arm64: %s\n", error.what());
    return 1;
  }
  return 0;
}
