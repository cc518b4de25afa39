// reencode_images FOLDER OUT: the images of a folder with unwind data of version 3.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"
#include "version_3/reencode.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  std::filesystem::create_directories(arguments[2]);
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    const auto extension = entry.path().extension();
    if (extension != ".sys" && extension != ".exe" && extension != ".dll") continue;
    const auto file = ntstack::base::MappedFile::open(entry.path());
    if (!file) return 1;
    const auto made = ntstack::tests::reencode_as_version_3(file->bytes());
    std::printf(
        "%s: %zu functions, %zu left as they were, %zu fragments, %zu epilogues, %zu chained\n",
        entry.path().filename().c_str(), made.functions, made.left, made.fragments, made.epilogs,
        made.chained);
    std::ofstream out(std::filesystem::path(arguments[2]) / entry.path().filename(),
                      std::ios::binary);
    out.write(reinterpret_cast<const char*>(made.file.data()),
              static_cast<std::streamsize>(made.file.size()));
    if (made.file.empty() || !out) return 1;
  }
}
