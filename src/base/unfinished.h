// Files and folders that are to go when they are not wanted any more or this process ends, also by
// a signal or for want of memory: what is put together under a name of its own, and what lies where
// temporary files do.
#pragma once

#include <filesystem>

namespace ntstack::base {

class Unfinished {
 public:
  Unfinished() = default;  // nothing
  // The file or the folder, with what is in it; it may come to be later. Is made absolute.
  explicit Unfinished(const std::filesystem::path& path);
  Unfinished(Unfinished&& other) noexcept;
  Unfinished& operator=(Unfinished&& other) noexcept;
  ~Unfinished();  // removes it

  // Something else is in charge of it now, or it has its last name.
  void keep();

  struct Entry;

 private:
  Entry* entry_ = nullptr;
};

// Removes all that there is: the process ends. A signal's handler may call it; it allocates
// nothing.
void remove_unfinished() noexcept;

}  // namespace ntstack::base
