#include "base/mapped_file.h"

#include <system_error>

#include "base/mapped_pages.h"
#include "base/text.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace ntstack::base {

#ifdef _WIN32

struct MappedFile::Mapping {
  void* view = nullptr;
  std::size_t size = 0;
  WatchedPages watched;
  ~Mapping() {
    watched.stop();
    if (view) UnmapViewOfFile(view);
  }
};

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const auto name = path_text(path);
  const auto last_error = [] {
    return std::error_code(static_cast<int>(GetLastError()), std::system_category()).message();
  };
  HANDLE file = CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE,
                            nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return fail("can't open {}: {}", name, last_error());
  LARGE_INTEGER size{};
  if (GetFileType(file) != FILE_TYPE_DISK || !GetFileSizeEx(file, &size)) {
    CloseHandle(file);
    return fail("{} is not a file", name);
  }
  auto mapping = std::make_unique<Mapping>();
  if (size.QuadPart > 0) {
    HANDLE section = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    if (section) {
      mapping->view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
      CloseHandle(section);
    }
    if (!mapping->view) {
      const auto why = last_error();
      CloseHandle(file);
      return fail("can't map {}: {}", name, why);
    }
    mapping->size = static_cast<std::size_t>(size.QuadPart);
    mapping->watched = WatchedPages(mapping->view, mapping->size, name);
  }
  CloseHandle(file);
  return MappedFile(path, std::move(mapping));
}

#else

struct MappedFile::Mapping {
  void* view = nullptr;
  std::size_t size = 0;
  WatchedPages watched;
  ~Mapping() {
    watched.stop();
    if (view) munmap(view, size);
  }
};

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const auto name = path_text(path);
  const auto why = [] { return std::error_code(errno, std::generic_category()).message(); };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return fail("can't open {}: {}", name, why());
  struct stat status{};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return fail("{} is not a file", name);
  }
  auto mapping = std::make_unique<Mapping>();
  if (status.st_size > 0) {
    mapping->size = static_cast<std::size_t>(status.st_size);
    void* view = mmap(nullptr, mapping->size, PROT_READ, MAP_PRIVATE, file, 0);
    if (view == MAP_FAILED) {
      const auto reason = why();
      close(file);
      return fail("can't map {}: {}", name, reason);
    }
    mapping->view = view;
    mapping->watched = WatchedPages(view, mapping->size, name);
  }
  close(file);
  return MappedFile(path, std::move(mapping));
}

#endif

MappedFile::MappedFile(std::filesystem::path path, std::unique_ptr<Mapping> mapping)
    : path_(std::move(path)), mapping_(std::move(mapping)) {}
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;
MappedFile::~MappedFile() = default;

MappedFile MappedFile::made_of(std::filesystem::path path, std::vector<std::byte> bytes) {
  MappedFile file(std::move(path), nullptr);
  file.made_ = std::move(bytes);
  return file;
}

Bytes MappedFile::bytes() const {
  if (mapping_) return Bytes(static_cast<const std::byte*>(mapping_->view), mapping_->size);
  return Bytes(made_.data(), made_.size());
}

}  // namespace ntstack::base
