#include "base/out_file.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/mapped_file.h"
#include "base/text.h"

#ifdef _WIN32
#include <windows.h>
// After windows.h.
#include <io.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace ntstack::base {
namespace {

std::string reason_of(int error) { return std::generic_category().message(error); }

Result<void> make_folder_of(const std::filesystem::path& path) {
  if (!path.has_parent_path()) return {};
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  if (!failed) return {};
  return fail("can't make the folder {}: {}", path_text(path.parent_path()), failed.message());
}

}  // namespace

Result<OutFile> OutFile::open(const std::filesystem::path& path, bool keep) {
  if (auto made = make_folder_of(path); !made) return std::unexpected(std::move(made.error()));
  OutFile out;
  out.path_ = path;
#ifdef _WIN32
  out.file_.reset(_wfopen(path.c_str(), keep ? L"ab" : L"wb"));
#else
  out.file_.reset(std::fopen(path.c_str(), keep ? "abe" : "wbe"));
#endif
  if (!out.file_) return fail("can't write {}: {}", path_text(path), reason_of(errno));
  std::error_code failed;
  if (keep) out.size_ = std::filesystem::file_size(path, failed);
  if (failed) return fail("can't write {}: {}", path_text(path), failed.message());
  return out;
}

Result<void> OutFile::write(Bytes bytes) {
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
    return fail("can't write {}: {}", path_text(path_), reason_of(errno));
  size_ += bytes.size();
  return {};
}

Result<void> OutFile::close() { return close(false); }
Result<void> OutFile::close_durably() { return close(true); }

Result<void> OutFile::close(bool durably) {
  errno = 0;
  std::FILE* file = file_.get();
#ifdef _WIN32
  const bool written = std::fflush(file) == 0 && (!durably || _commit(_fileno(file)) == 0);
#else
  const bool written = std::fflush(file) == 0 && (!durably || ::fsync(::fileno(file)) == 0);
#endif
  const int error = errno;
  const bool closed = std::fclose(file_.release()) == 0;
  if (const std::string lost = lost_file(); written && closed && !lost.empty())
    return fail("can't write {}: {} could not be read any more", path_text(path_), lost);
  if (written && closed) return {};
  return fail("can't write {}: {}", path_text(path_), reason_of(written ? errno : error));
}

LockFile::LockFile(LockFile&& other) noexcept { *this = std::move(other); }

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(file_, other.file_);
  return *this;
}

#ifdef _WIN32

Result<std::optional<LockFile>> LockFile::try_lock(const std::filesystem::path& path) {
  if (auto made = make_folder_of(path); !made) return std::unexpected(std::move(made.error()));
  HANDLE handle = CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE | DELETE, 0, nullptr,
                              OPEN_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, nullptr);
  if (handle == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError();
    std::error_code ignored;
    const bool is_held = error == ERROR_SHARING_VIOLATION ||
                         // While the other's is on its way out.
                         (error == ERROR_ACCESS_DENIED && std::filesystem::exists(path, ignored));
    if (is_held) return std::optional<LockFile>();
    return fail("can't lock {}: {}", path_text(path),
                std::error_code(static_cast<int>(error), std::system_category()).message());
  }
  LockFile lock;
  lock.handle_ = reinterpret_cast<std::intptr_t>(handle);
  return lock;
}

LockFile::~LockFile() {
  if (handle_ != -1) CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

#else

Result<std::optional<LockFile>> LockFile::try_lock(const std::filesystem::path& path) {
  if (auto made = make_folder_of(path); !made) return std::unexpected(std::move(made.error()));
  while (true) {
    const int handle = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (handle < 0) return fail("can't lock {}: {}", path_text(path), reason_of(errno));
    LockFile lock;
    lock.handle_ = handle;
    if (::flock(handle, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::optional<LockFile>();
      if (errno == EINTR) continue;
      return fail("can't lock {}: {}", path_text(path), reason_of(errno));
    }
    // The one before may have taken the name away between the two calls.
    struct stat held{}, named{};
    if (::fstat(handle, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      lock.file_ = Unfinished(path);
      return lock;
    }
  }
}

LockFile::~LockFile() {
  if (handle_ == -1) return;
  // The name first: when the lock is let go, it is another's.
  {
    const Unfinished file = std::move(file_);
  }
  ::close(static_cast<int>(handle_));
}

#endif

Result<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (auto made = make_folder_of(to); !made) return made;
  std::error_code failed;
  std::filesystem::rename(from, to, failed);
  if (!failed) return {};
  return fail("can't put {} to its place {}: {}", path_text(from), path_text(to), failed.message());
}

}  // namespace ntstack::base
