// make_world MODULES OUT: builds the worlds from the modules' images and writes each into its
// folder of OUT: the dump, the truth, and the images and PDBs that belong to it.
#include <cstdio>
#include <exception>

#include "world/processors.h"
#include "world/seed1.h"
#include "world/triage_writer.h"
#include "world/world_files.h"

namespace {

namespace fs = std::filesystem;
namespace world = ntstack::world;

void copy_symbols(const fs::path& modules, const fs::path& to,
                  std::span<const world::LoadedImage> images) {
  fs::create_directories(to);
  for (const world::LoadedImage& image : images) {
    for (const std::string& name : {image.file_name, image.pdb_name}) {
      fs::copy_file(modules / name, to / name, fs::copy_options::overwrite_existing);
      fs::permissions(to / name, fs::perms(0644));
    }
  }
}

void make_seed1(const fs::path& modules, const fs::path& folder) {
  const world::Seed1 seed = world::build_seed1(modules);
  const auto dump = world::write_triage_dump(*seed.world, seed.threads);
  copy_symbols(modules, folder / "symbols", seed.world->images());
  world::write_world(folder, "w3wp.dmp", dump, *seed.world, seed.threads);
}

void make_processors(const fs::path& modules, const fs::path& folder) {
  const world::Processors built = world::build_processors(modules);
  const auto dump = world::write_crash_dump(*built.world, built);
  world::write_world(folder, "processors.dmp", dump, *built.world, built.threads);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_world MODULES OUT\n", stderr);
    return 2;
  }
  try {
    make_seed1(argv[1], fs::path(argv[2]) / "seed1");
    make_processors(argv[1], fs::path(argv[2]) / "processors");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_world: %s\n", error.what());
    return 1;
  }
  return 0;
}
