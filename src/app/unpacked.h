// A zip file as a folder: its dumps and its capture.json, unpacked where the system keeps temporary
// files, for as long as they are read.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/out_file.h"
#include "base/unfinished.h"

namespace ntstack::app {

// A new folder with a random name that only this user may enter; it goes with this object, also
// where a signal ends the program, as far as its files are not mapped any more (on Windows what is
// mapped stays). What a process left that could not clear up goes when the next one is made.
class TemporaryPlace {
 public:
  // Below the system's folder for temporary files (TMPDIR; Windows: TMP).
  static base::Result<TemporaryPlace> make();
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryPlace() = default;
  std::filesystem::path path_;
  std::optional<base::LockFile> lock_;  // beside it: whoever has it is alive
  base::Unfinished folder_;             // goes before the lock
};

class Unpacked {
 public:
  // Whether the file is to be unpacked; false too where it can't be read.
  static bool is_for(const std::filesystem::path& file);

  // What is unpacked: capture.json and *.dmp, *.kdmp, *.mdmp, *.hdmp, at the top or in one folder
  // of the zip. Fails where none is, where one can't be unpacked whole, or where the disk has no
  // room for them; Ctrl-C ends it too. Errors name the zip.
  static base::Result<Unpacked> open(const std::filesystem::path& zip);

  const std::filesystem::path& folder() const { return place_.path(); }
  // Sentences: what was left out.
  const std::vector<std::string>& notes() const { return notes_; }
  // The text with the zip's name where it has the folder's.
  std::string named(std::string text) const;

 private:
  Unpacked(TemporaryPlace place, std::string name)
      : place_(std::move(place)), name_(std::move(name)) {}
  TemporaryPlace place_;
  std::vector<base::Unfinished> files_;  // go by name, also where no file can be opened any more
  std::string name_;                     // the zip's, as the user gave it
  std::vector<std::string> notes_;
};

// Each zip unpacked once, however often it is opened: by the path that the user gave.
class UnpackedZips {
 public:
  base::Result<std::shared_ptr<const Unpacked>> open(const std::filesystem::path& zip);

 private:
  std::map<std::filesystem::path, std::shared_ptr<const Unpacked>> opened_;
};

// *.dmp, *.kdmp, *.mdmp, *.hdmp.
bool is_dump_name(std::string_view name);

}  // namespace ntstack::app
