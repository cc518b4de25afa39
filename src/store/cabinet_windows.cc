// Cabinets by FDI of the system's cabinet.dll, over memory. The library is loaded when a cabinet is
// met, and stays.
#ifdef _WIN32

#include <fcntl.h>
#include <fdi.h>
#include <windows.h>

#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "store/cabinet_library.h"

namespace ntstack::store {
namespace {

struct CabinetDll {
  decltype(&FDICreate) create = nullptr;
  decltype(&FDICopy) copy = nullptr;
  decltype(&FDIDestroy) destroy = nullptr;

  bool is_whole() const { return create && copy && destroy; }
};

CabinetDll load() {
  CabinetDll dll;
  const HMODULE module = ::LoadLibraryExW(L"cabinet.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (!module) return dll;
  const auto find = [&](auto& function, const char* name) {
    const FARPROC address = ::GetProcAddress(module, name);
    std::memcpy(&function, &address, sizeof address);
  };
  find(dll.create, "FDICreate");
  find(dll.copy, "FDICopy");
  find(dll.destroy, "FDIDestroy");
  return dll;
}

const CabinetDll& library() {
  static const CabinetDll dll = load();
  return dll;
}

// One pass of FDICopy over a cabinet: it lists the members, or takes one of them.
struct Pass {
  base::Bytes cabinet;
  const TakeBytes* take = nullptr;
  std::size_t wanted = SIZE_MAX;  // the number of a member
  std::vector<CabinetMember> members;
  bool is_done = false;
};

// FDI opens the cabinet more than once; for the member that is taken it gets one of these as well.
struct OpenFile {
  Pass* pass = nullptr;
  std::uint64_t position = 0;
};

OpenFile* of(INT_PTR handle) { return reinterpret_cast<OpenFile*>(handle); }
INT_PTR new_handle(Pass* pass) { return reinterpret_cast<INT_PTR>(new OpenFile{pass, 0}); }

void* DIAMONDAPI allocate(ULONG size) { return std::malloc(size); }
void DIAMONDAPI free_memory(void* pointer) { std::free(pointer); }

// FDI hands nothing but the cabinet's name on: it is the address of the pass.
INT_PTR DIAMONDAPI open_file(char* name, int, int) {
  std::uintptr_t address = 0;
  const char* end = name + std::strlen(name);
  if (std::from_chars(name, end, address, 16).ptr != end || address == 0) return -1;
  return new_handle(reinterpret_cast<Pass*>(address));
}

UINT DIAMONDAPI read_file(INT_PTR handle, void* buffer, UINT count) {
  const base::Bytes bytes = of(handle)->pass->cabinet.clamp(of(handle)->position, count);
  if (!bytes.empty()) std::memcpy(buffer, bytes.data(), bytes.size());
  of(handle)->position += bytes.size();
  return static_cast<UINT>(bytes.size());
}

UINT DIAMONDAPI write_file(INT_PTR handle, void* buffer, UINT count) {
  const base::Bytes bytes(static_cast<const std::byte*>(buffer), count);
  return (*of(handle)->pass->take)(bytes) ? count : UINT_MAX;
}

int DIAMONDAPI close_file(INT_PTR handle) {
  delete of(handle);
  return 0;
}

LONG DIAMONDAPI seek_file(INT_PTR handle, LONG distance, int type) {
  const auto size = static_cast<std::int64_t>(of(handle)->pass->cabinet.size());
  const auto here = static_cast<std::int64_t>(of(handle)->position);
  const std::int64_t from = type == SEEK_SET ? 0 : type == SEEK_CUR ? here : size;
  const std::int64_t position = from + distance;
  if (position < 0 || position > LONG_MAX) return -1;
  of(handle)->position = static_cast<std::uint64_t>(position);
  return static_cast<LONG>(position);
}

INT_PTR DIAMONDAPI on_notification(FDINOTIFICATIONTYPE type, PFDINOTIFICATION notification) {
  auto* pass = static_cast<Pass*>(notification->pv);
  switch (type) {
    case fdintCOPY_FILE: {
      const auto size = static_cast<std::uint32_t>(notification->cb);
      pass->members.push_back({notification->psz1, size});
      return pass->members.size() - 1 == pass->wanted ? new_handle(pass) : 0;
    }
    case fdintCLOSE_FILE_INFO:
      close_file(notification->hf);
      pass->is_done = true;
      return TRUE;
    case fdintNEXT_CABINET:
      return -1;  // the file goes on in another cabinet
    default:
      return 0;
  }
}

const char* text_of(int error) {
  switch (error) {
    case FDIERROR_CABINET_NOT_FOUND:
    case FDIERROR_NOT_A_CABINET:
      return "it is no cabinet";
    case FDIERROR_UNKNOWN_CABINET_VERSION:
    case FDIERROR_BAD_COMPR_TYPE:
      return "the cabinet is of a kind that cabinet.dll does not know";
    case FDIERROR_ALLOC_FAIL:
      return "the cabinet wants more memory than it gets";
    case FDIERROR_TARGET_FILE:
      return "the expanded bytes were refused";
    case FDIERROR_USER_ABORT:
      return "the file goes on in another cabinet";
    default:
      return "the cabinet is damaged";
  }
}

base::Result<void> run(Pass& pass) {
  ERF error{};
  const HFDI fdi = library().create(allocate, free_memory, open_file, read_file, write_file,
                                    close_file, seek_file, cpuUNKNOWN, &error);
  if (!fdi) return base::fail("cabinet.dll could not be started");
  std::string name = fmt::format("{:x}", reinterpret_cast<std::uintptr_t>(&pass));
  std::string no_folder;
  const BOOL copied =
      library().copy(fdi, name.data(), no_folder.data(), 0, on_notification, nullptr, &pass);
  library().destroy(fdi);
  if (!copied && !pass.is_done) return base::fail("{}", text_of(error.erfOper));
  return {};
}

}  // namespace

base::Result<void> expand_member(base::Bytes cabinet, const PickMember& pick,
                                 const TakeBytes& take) {
  if (!library().is_whole()) return base::fail("cabinet.dll is not to be had");
  if (cabinet.size() > LONG_MAX) return base::fail("the cabinet is larger than 2 GB");
  Pass listing{.cabinet = cabinet, .take = &take, .wanted = SIZE_MAX, .members = {}};
  if (const auto listed = run(listing); !listed) return listed;
  const auto picked = pick(listing.members);
  if (!picked) return std::unexpected(picked.error());
  Pass taking{.cabinet = cabinet, .take = &take, .wanted = *picked, .members = {}};
  return run(taking);
}

}  // namespace ntstack::store

#endif
