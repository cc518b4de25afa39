#include "world/world_files.h"

#include <fstream>
#include <stdexcept>
#include <string>

namespace ntstack::world {

void write_file(const std::filesystem::path& path, const void* bytes, std::size_t size) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_world(const std::filesystem::path& folder, const char* name,
                 const std::vector<std::uint8_t>& dump, const KernelObjects& kernel,
                 std::span<const ThreadTruth> threads) {
  const std::string truth = to_json(kernel.images(), threads);
  write_file(folder / name, dump.data(), dump.size());
  write_file(folder / "truth.json", truth.data(), truth.size());
}

}  // namespace ntstack::world
