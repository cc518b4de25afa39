// Cabinets by libmspack, over memory: it takes its files by our own reads and writes.
#ifndef _WIN32

#include <mspack.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "store/cabinet_library.h"

namespace ntstack::store {
namespace {

// A directory of 65,535 files with long names takes 25 MB, a window of LZX 2 MB.
constexpr std::size_t kMostMemory = std::size_t{64} << 20;
constexpr int kInputBuffer = 64 << 10;

// What libmspack sees as its system: one file to read, and one to write.
struct Memory : mspack_system {
  base::Bytes cabinet;
  const TakeBytes* take = nullptr;
  std::size_t allocated = 0;
};

// libmspack passes a file as an opaque mspack_file.
struct OpenFile {
  Memory* memory = nullptr;
  std::uint64_t position = 0;
};

OpenFile* of(mspack_file* file) { return reinterpret_cast<OpenFile*>(file); }

mspack_file* open_file(mspack_system* self, const char*, int) {
  auto* file = new OpenFile{static_cast<Memory*>(self), 0};
  return reinterpret_cast<mspack_file*>(file);
}

void close_file(mspack_file* file) { delete of(file); }

int read_file(mspack_file* file, void* buffer, int count) {
  if (count < 0) return -1;
  const base::Bytes bytes =
      of(file)->memory->cabinet.clamp(of(file)->position, static_cast<std::uint64_t>(count));
  if (!bytes.empty()) std::memcpy(buffer, bytes.data(), bytes.size());
  of(file)->position += bytes.size();
  return static_cast<int>(bytes.size());
}

int write_file(mspack_file* file, void* buffer, int count) {
  if (count < 0) return -1;
  const base::Bytes bytes(static_cast<const std::byte*>(buffer), static_cast<std::size_t>(count));
  return (*of(file)->memory->take)(bytes) ? count : -1;
}

int seek_file(mspack_file* file, off_t offset, int mode) {
  const auto size = static_cast<off_t>(of(file)->memory->cabinet.size());
  const auto here = static_cast<off_t>(of(file)->position);
  const off_t from = mode == MSPACK_SYS_SEEK_START ? 0 : mode == MSPACK_SYS_SEEK_CUR ? here : size;
  if (offset < -from || offset > size - from) return -1;
  of(file)->position = static_cast<std::uint64_t>(from + offset);
  return 0;
}

off_t tell_file(mspack_file* file) { return static_cast<off_t>(of(file)->position); }

void say_nothing(mspack_file*, const char*, ...) {}

void* allocate(mspack_system* self, std::size_t size) {
  auto* memory = static_cast<Memory*>(self);
  if (size > kMostMemory - memory->allocated) return nullptr;
  memory->allocated += size;
  return std::malloc(size);
}

void free_memory(void* pointer) { std::free(pointer); }

void copy_memory(void* from, void* to, std::size_t size) { std::memcpy(to, from, size); }

Memory memory_of(base::Bytes cabinet, const TakeBytes& take) {
  Memory memory{};
  memory.open = open_file;
  memory.close = close_file;
  memory.read = read_file;
  memory.write = write_file;
  memory.seek = seek_file;
  memory.tell = tell_file;
  memory.message = say_nothing;
  memory.alloc = allocate;
  memory.free = free_memory;
  memory.copy = copy_memory;
  memory.cabinet = cabinet;
  memory.take = &take;
  return memory;
}

const char* text_of(int error) {
  switch (error) {
    case MSPACK_ERR_READ:
    case MSPACK_ERR_SEEK:
      return "the cabinet is cut off";
    case MSPACK_ERR_NOMEMORY:
      return "the cabinet wants more memory than it gets";
    case MSPACK_ERR_SIGNATURE:
      return "it is no cabinet";
    case MSPACK_ERR_CHECKSUM:
      return "a block of the cabinet does not have its checksum";
    case MSPACK_ERR_WRITE:
      return "the expanded bytes were refused";
    default:
      return "the cabinet is damaged";
  }
}

}  // namespace

base::Result<void> expand_member(base::Bytes cabinet, const PickMember& pick,
                                 const TakeBytes& take) {
  Memory memory = memory_of(cabinet, take);
  const std::unique_ptr<mscab_decompressor, decltype(&mspack_destroy_cab_decompressor)> library(
      mspack_create_cab_decompressor(&memory), mspack_destroy_cab_decompressor);
  if (!library) return base::fail("libmspack could not be started");
  library->set_param(library.get(), MSCABD_PARAM_DECOMPBUF, kInputBuffer);

  const auto close = [&](mscabd_cabinet* opened) { library->close(library.get(), opened); };
  const std::unique_ptr<mscabd_cabinet, decltype(close)> opened(
      library->open(library.get(), "cabinet"), close);
  if (!opened) return base::fail("{}", text_of(library->last_error(library.get())));

  std::vector<CabinetMember> members;
  std::vector<mscabd_file*> files;
  for (mscabd_file* file = opened->files; file; file = file->next) {
    members.push_back({file->filename, file->length});
    files.push_back(file);
  }
  const auto picked = pick(members);
  if (!picked) return std::unexpected(picked.error());
  if (const int error = library->extract(library.get(), files[*picked], "file"))
    return base::fail("{}", text_of(error));
  return {};
}

}  // namespace ntstack::store

#endif
