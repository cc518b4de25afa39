// What is put together under a name of its own, "page.html.partial", and gets its last name when it
// is whole. Where it does not come to that it goes; of a process that was killed, and could do
// nothing, the next one clears up.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/out_file.h"
#include "base/unfinished.h"

namespace ntstack::base {

class Partial {
 public:
  // A name beside the target's that nobody else uses ("x.partial", else "x.2.partial"...), and
  // nothing that has it. Makes the folders above.
  static Result<Partial> beside(const std::filesystem::path& target);

  const std::filesystem::path& path() const { return path_; }
  // Renames it, over a file that is there. An error leaves all as it was.
  Result<void> become(const std::filesystem::path& target);
  // It is worth something as it is: it stays under its partial name if it does not become whole.
  void keep() { unfinished_.keep(); }

 private:
  Partial() = default;
  std::filesystem::path path_;
  std::optional<LockFile> lock_;  // beside it
  Unfinished unfinished_;         // goes before the lock
};

// Removes the partial files that killed processes left in the folder, and partial folders without a
// dump. Those that have one stay: they are returned.
std::vector<std::filesystem::path> sweep_partials(const std::filesystem::path& folder);

// Writes a file, whole or not at all: what was there before stays until then, and its access rights
// and links to it remain. What is no file, as a device, is written to. Makes no folder.
Result<void> write_whole(const std::filesystem::path& path, Bytes bytes);

}  // namespace ntstack::base
