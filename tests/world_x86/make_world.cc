// make_world_x86 MODULES OUT: builds the x86 worlds from the modules' images, for each kind that
// MODULES has, and writes each into its folder of OUT: the dump, the truth, the images and PDBs.
#include <cstdio>
#include <exception>

#include "world/triage_writer.h"
#include "world/world_files.h"
#include "world_x86/stories.h"

namespace {

namespace fs = std::filesystem;
namespace world = ntstack::world;

void copy_symbols(const fs::path& modules, const fs::path& to,
                  std::span<const world::LoadedImage> images) {
  fs::create_directories(to / "images");
  fs::create_directories(to / "symbols");
  for (const world::LoadedImage& image : images) {
    constexpr auto overwrite = fs::copy_options::overwrite_existing;
    fs::copy_file(modules / image.file_name, to / "images" / image.file_name, overwrite);
    fs::copy_file(modules / image.file_name, to / "symbols" / image.file_name, overwrite);
    fs::copy_file(modules / image.pdb_name, to / "symbols" / image.pdb_name, overwrite);
  }
}

void make_worlds(const fs::path& modules, const fs::path& out, const world::KernelLayout& layout) {
  const world::X86Seed1 seed = world::build_x86_seed1(modules, layout);
  copy_symbols(modules, out, seed.world->images());
  world::write_world(out / "seed1", "w3wp.dmp", world::write_triage_dump(*seed.world, seed.threads),
                     *seed.world, seed.threads);
  const world::X86Crash crash = world::build_x86_processors(modules, layout);
  world::write_world(out / "processors", "processors.dmp",
                     world::write_crash_dump(*crash.world, crash), *crash.world, crash.threads);
  const world::X86Crash fault = world::build_x86_double_fault(modules, layout);
  world::write_world(out / "double_fault", "double_fault.dmp",
                     world::write_crash_dump(*fault.world, fault), *fault.world, fault.threads);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_world_x86 MODULES OUT\n", stderr);
    return 2;
  }
  try {
    const fs::path modules = argv[1], out = argv[2];
    make_worlds(modules / "19041-omit", out / "19041-omit", world::windows_10_19041_x86);
    make_worlds(modules / "19041-keep", out / "19041-keep", world::windows_10_19041_x86);
    make_worlds(modules / "7601-keep", out / "7601-keep", world::windows_7_7601_x86);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_world_x86: %s\n", error.what());
    return 1;
  }
  return 0;
}
