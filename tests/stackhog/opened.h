// A dump of seed 3's machine, written, opened, and gone again with this.
#pragma once

#include <stdexcept>

#include "app/session.h"
#include "stackhog/story.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::world {

inline std::filesystem::path stackhog_modules() {
  return tests::binary_dir() / "tests" / "stackhog" / "modules";
}

// The image files that are at hand, besides what the dump has of them.
enum class Images : std::uint8_t { none, microsofts, all };

class OpenedHog {
 public:
  // Symbols are those that Microsoft's would be: nt's, fltmgr's and Ntfs' PDBs.
  OpenedHog(const StackHog& hog, StackHogDump kind, const std::string& architecture,
            Images images = Images::none) {
    write_stackhog(hog, kind, folder_.path() / "seed3.dmp");
    const std::filesystem::path modules = stackhog_modules() / architecture;
    std::filesystem::create_directories(folder_.path() / "symbols");
    for (const LoadedImage& image : hog.world->images()) {
      const bool is_hogs = image.pdb_name.empty();
      const bool is_there = images == Images::all || (images == Images::microsofts && !is_hogs);
      for (const std::string& name : {image.pdb_name, is_there ? image.file_name : std::string()})
        if (!name.empty())
          std::filesystem::copy_file(modules / name, folder_.path() / "symbols" / name);
    }
    app::DumpOptions options;
    options.dump = (folder_.path() / "seed3.dmp").string();
    options.symbol_path = (folder_.path() / "symbols").string();
    auto session = app::Session::open(options);
    if (!session) throw std::runtime_error(session.error().text());
    session_.emplace(std::move(*session));
  }

  app::Session& session() { return *session_; }
  // The one that crashed.
  const target::Thread& thread() {
    const target::Machine& machine = session_->machine();
    return *machine.thread_at(machine.processors().at(3).current_thread);
  }
  std::filesystem::path path() const { return folder_.path() / "seed3.dmp"; }
  std::string symbols() const { return (folder_.path() / "symbols").string(); }

 private:
  tests::TemporaryFolder folder_;
  std::optional<app::Session> session_;
};

}  // namespace ntstack::world
