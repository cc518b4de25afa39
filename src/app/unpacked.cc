#include "app/unpacked.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include "app/interrupt.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "base/zip_reader.h"
#include "dump/bundle.h"

#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// Stays free on the disk: others write there too.
constexpr std::uint64_t kSpare = std::uint64_t{64} << 20;

// False with an error: it could not be made; false without: something has its name.
bool make_folder(const fs::path& path, std::error_code& error) {
#ifdef _WIN32
  return fs::create_directory(path, error);
#else
  if (::mkdir(path.c_str(), 0700) == 0) return true;
  if (errno != EEXIST) error = std::error_code(errno, std::generic_category());
  return false;
#endif
}

constexpr std::string_view kTemporary = "ntstack-", kLock = ".lock";

fs::path lock_of(fs::path folder) {
  folder += kLock;
  return folder;
}

// Others may write in the system's folder: what is theirs is left alone.
bool is_this_users([[maybe_unused]] const fs::path& path) {
#ifdef _WIN32
  return true;
#else
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid() &&
         !S_ISLNK(status.st_mode);
#endif
}

// Removes the folders of processes that have ended: their locks can be had.
void sweep(const fs::path& parent) {
  constexpr std::size_t kDigits = 16;
  std::error_code failed;
  std::vector<fs::path> locks;
  for (fs::directory_iterator at(parent, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const std::string name = base::path_text(at->path().filename());
    if (name.size() == kTemporary.size() + kDigits + kLock.size() && name.starts_with(kTemporary) &&
        name.ends_with(kLock) && is_this_users(at->path()))
      locks.push_back(at->path());
  }
  for (const fs::path& file : locks) {
    const auto lock = base::LockFile::try_lock(file);
    if (!lock || !*lock) continue;
    fs::path folder = file;
    folder.replace_extension();
    if (is_this_users(folder)) fs::remove_all(folder, failed);
  }
}

// An entry that is to be unpacked, and the name that it has then.
struct Wanted {
  base::ZipEntry entry;
  std::string name;
};

struct Choice {
  std::vector<Wanted> wanted;
  std::vector<std::string> notes;
  std::uint64_t size = 0;  // of them all; UINT64_MAX where it is more
};

// Without one leading folder, which zips of a folder have. Some zips of Windows have backslashes.
std::string_view without_folder(std::string_view name) {
  const std::size_t slash = name.find_first_of("/\\");
  const std::string_view folder = name.substr(0, slash);
  if (slash == std::string_view::npos || !dump::is_plain_file_name(folder)) return name;
  return name.substr(slash + 1);
}

bool is_of_interest(std::string_view name) {
  return base::equals_ignoring_case(name, dump::kBundleFile) || is_dump_name(name);
}

// What Windows takes for a device, whatever the extension.
bool is_device_name(std::string_view name) {
  std::string stem = base::lower(name.substr(0, name.find('.')));
  stem.erase(stem.find_last_not_of(' ') + 1);
  if (stem == "con" || stem == "prn" || stem == "aux" || stem == "nul" || stem == "conin$" ||
      stem == "conout$")
    return true;
  // "com1"; also with a superscript digit, which takes two bytes.
  return (stem.starts_with("com") || stem.starts_with("lpt")) && stem.size() > 3 &&
         (stem.size() == 4 ? stem[3] >= '0' && stem[3] <= '9'
                           : stem.substr(3, 1) == "\xc2" && stem.size() == 5);
}

// What can be a file's name on every system.
bool is_usable_name(std::string_view name) {
  return dump::is_plain_file_name(name) && !is_device_name(name) &&
         name.find_first_of("<>\"|?*") == name.npos &&
         base::printable(name).find('?') == std::string::npos;
}

Choice choose(const std::vector<base::ZipEntry>& entries) {
  constexpr std::size_t kMostNotes = 20;
  Choice choice;
  std::set<std::string> taken;
  const auto leave_out = [&](const base::ZipEntry& entry, std::string_view why) {
    if (choice.notes.size() < kMostNotes)
      choice.notes.push_back(fmt::format("left out: {}: {}", base::printable(entry.name), why));
    else if (choice.notes.size() == kMostNotes)
      choice.notes.emplace_back("left out: more of the zip's files, for the like");
  };
  for (const base::ZipEntry& entry : entries) {
    const std::string_view name = without_folder(entry.name);
    if (!is_of_interest(base::file_name_of(name))) continue;
    if (!is_usable_name(name)) {
      leave_out(entry, "it has no plain name at the top or in one folder of the zip");
    } else if (!taken.insert(base::lower(name)).second) {
      leave_out(entry, "the zip has a file of this name before it, and that is read");
    } else {
      choice.size += std::min(entry.size, UINT64_MAX - choice.size);
      choice.wanted.push_back({entry, std::string(name)});
    }
  }
  return choice;
}

base::Result<void> check_room(const fs::path& folder, std::uint64_t size) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || (space.available >= kSpare && size <= space.available - kSpare)) return {};
  return base::fail(
      "it unpacks to {} MB, and {} has {} MB free: unpack it elsewhere and name the folder, or "
      "set {} to a folder with room",
      size >> 20, base::path_text(folder.parent_path()), space.available >> 20,
#ifdef _WIN32
      "TMP"
#else
      "TMPDIR"
#endif
  );
}

// Fails where no dump came whole; what else did not is noted.
base::Result<void> unpack(base::Bytes zip, Choice& choice, const fs::path& folder,
                          std::vector<base::Unfinished>& files) {
  const Interrupt interrupt;
  bool has_dump = false;
  std::optional<base::Error> first_error;
  for (const Wanted& one : choice.wanted) {
    const fs::path path = folder / base::path_from_utf8(one.name);
    files.emplace_back(path);
    auto done = base::extract_entry(zip, one.entry, one.entry.size, path, &interrupt.requested());
    if (done) {
      has_dump |= is_dump_name(one.name);
      continue;
    }
    if (interrupt.requested()) return done;
    std::error_code ignored;
    fs::remove(path, ignored);
    choice.notes.push_back(fmt::format("left out: {}", base::printable(done.error().text())));
    if (!first_error) first_error = std::move(done.error());
  }
  if (!has_dump && first_error) return std::unexpected(std::move(*first_error));
  return {};
}

}  // namespace

base::Result<TemporaryPlace> TemporaryPlace::make() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error)
    return base::fail("the system names no folder for temporary files: {}", error.message());
  sweep(parent);
  std::random_device random;
  for (int tries = 0; tries < 100 && !error; ++tries) {
    const std::uint64_t number = std::uint64_t{random()} << 32 | random();
    fs::path path = parent / fmt::format("{}{:016x}", kTemporary, number);
    auto lock = base::LockFile::try_lock(lock_of(path));
    if (!lock) return std::unexpected(std::move(lock.error()));
    if (!*lock || !make_folder(path, error)) continue;
    TemporaryPlace place;
    place.lock_ = std::move(**lock);
    place.folder_ = base::Unfinished(path);
    place.path_ = std::move(path);
    return place;
  }
  return base::fail("can't make a folder in {}: {}", base::path_text(parent), error.message());
}

bool is_dump_name(std::string_view name) {
  const std::string lower = base::lower(name);
  return lower.ends_with(".dmp") || lower.ends_with(".kdmp") || lower.ends_with(".mdmp") ||
         lower.ends_with(".hdmp");
}

bool Unpacked::is_for(const fs::path& file) {
  const auto mapped = base::MappedFile::open(file);
  return mapped && base::is_zip(mapped->bytes());
}

base::Result<Unpacked> Unpacked::open(const fs::path& zip) {
  const std::string name = base::path_text(zip);
  const auto failed = [&](base::Error error) {
    return base::with_context(std::move(error), "unpacking {}", name);
  };
  const auto file = base::MappedFile::open(zip);
  if (!file) return std::unexpected(file.error());
  const auto entries = base::zip_entries(file->bytes());
  if (!entries) return failed(entries.error());
  Choice choice = choose(*entries);
  if (std::ranges::none_of(choice.wanted,
                           [](const Wanted& one) { return is_dump_name(one.name); })) {
    const std::string why = choice.notes.empty() ? "" : "; " + choice.notes.front();
    return base::fail("no dump (*.dmp, *.kdmp, *.mdmp, *.hdmp) is in {}{}", name, why);
  }
  auto place = TemporaryPlace::make();
  if (!place) return failed(std::move(place.error()));
  Unpacked unpacked(std::move(*place), name);
  if (auto room = check_room(unpacked.folder(), choice.size); !room)
    return failed(std::move(room.error()));
  if (auto done = unpack(file->bytes(), choice, unpacked.folder(), unpacked.files_); !done)
    return failed(std::move(done.error()));
  for (std::string& note : choice.notes) unpacked.notes_.push_back(unpacked.named(std::move(note)));
  return unpacked;
}

std::string Unpacked::named(std::string text) const {
  const std::string path = base::path_text(folder());
  for (std::size_t at = 0; (at = text.find(path, at)) != text.npos; at += name_.size())
    text.replace(at, path.size(), name_);
  return text;
}

base::Result<std::shared_ptr<const Unpacked>> UnpackedZips::open(const fs::path& zip) {
  if (const auto found = opened_.find(zip); found != opened_.end()) return found->second;
  auto unpacked = Unpacked::open(zip);
  if (!unpacked) return std::unexpected(std::move(unpacked.error()));
  auto shared = std::make_shared<const Unpacked>(std::move(*unpacked));
  opened_.emplace(zip, shared);
  return shared;
}

}  // namespace ntstack::app
