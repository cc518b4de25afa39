// make_stackhog MODULES OUT: seed 3's machine as dumps, for each architecture that MODULES has: the
// truth, the dumps with all memory, with the kernel's, and the triage dump; symbols/ has nt's,
// fltmgr's and Ntfs' PDBs, images/ every image. In the dumps of physical memory thread objects are
// at other addresses than the truth says.
#include <cstdio>
#include <exception>
#include <fstream>

#include "stackhog/story.h"

namespace {

namespace fs = std::filesystem;
namespace world = ntstack::world;

void copy_files(const fs::path& modules, const fs::path& to, const world::KernelObjects& kernel) {
  constexpr auto overwrite = fs::copy_options::overwrite_existing;
  fs::create_directories(to / "images");
  fs::create_directories(to / "symbols");
  for (const world::LoadedImage& image : kernel.images()) {
    fs::copy_file(modules / image.file_name, to / "images" / image.file_name, overwrite);
    if (!image.pdb_name.empty())
      fs::copy_file(modules / image.pdb_name, to / "symbols" / image.pdb_name, overwrite);
  }
}

void write_world(const fs::path& modules, const fs::path& to, const world::StackHog& hog) {
  copy_files(modules, to, *hog.world);
  write_stackhog(hog, world::StackHogDump::full, to / "full.dmp");
  write_stackhog(hog, world::StackHogDump::kernel, to / "kernel.dmp");
  write_stackhog(hog, world::StackHogDump::triage, to / "triage.dmp");
  std::ofstream(to / "truth.json") << world::to_json(hog.world->images(), hog.crash.threads);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_stackhog MODULES OUT\n", stderr);
    return 2;
  }
  try {
    const fs::path modules = argv[1], out = argv[2];
    write_world(modules / "x86", out / "x86", world::build_stackhog_x86(modules / "x86"));
    write_world(modules / "x64", out / "x64", world::build_stackhog_x64(modules / "x64"));
    write_world(modules / "arm64", out / "arm64", world::build_stackhog_arm64(modules / "arm64"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_stackhog: %s\n", error.what());
    return 1;
  }
  return 0;
}
