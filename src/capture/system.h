// What capture asks of the running Windows: its native calls, one function each, with nothing
// decided on this side. The real one is windows/; tests put a machine of their own here.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/architecture.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::capture {

using Status = std::uint32_t;  // NTSTATUS
using Handle = std::uint64_t;  // HANDLE of this process
inline constexpr Handle kNoHandle = 0;

inline constexpr Status kSuccess = 0;
// Success and information: what NT_SUCCESS takes. STATUS_TIMEOUT is one of them.
constexpr bool succeeded(Status status) { return status < 0x80000000; }

// SYSTEM_THREAD_INFORMATION, and of SYSTEM_EXTENDED_THREAD_INFORMATION what is there.
struct ThreadFacts {
  std::uint32_t id = 0;
  std::uint32_t process_id = 0;
  std::uint8_t state = 0;        // KTHREAD_STATE: 5 waiting
  std::uint8_t wait_reason = 0;  // KWAIT_REASON, where it waits
  std::int32_t priority = 0;
  std::uint32_t context_switches = 0;
  std::uint64_t create_time = 0;                 // FILETIME; tells an ID's users apart
  std::uint64_t kernel_time = 0, user_time = 0;  // 100 ns
  std::uint64_t start_address = 0;
  std::uint64_t teb = 0;  // 0 not told
};

struct ProcessFacts {
  std::uint32_t id = 0, parent_id = 0, session = 0;
  std::string name;               // "w3wp.exe", UTF-8; "System", "Idle"
  std::uint64_t create_time = 0;  // FILETIME
  std::uint64_t kernel_time = 0, user_time = 0;
  std::uint32_t handle_count = 0;
  std::vector<ThreadFacts> threads;  // in the system's order
};

// A handle of this process, from SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX.
struct HandleFacts {
  Handle handle = kNoHandle;
  std::uint64_t object = 0;  // kernel address; 0 where the system does not tell it
  std::uint32_t access = 0;
};

struct MachineFacts {
  std::string name;
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t major = 0, minor = 0, build = 0, revision = 0;  // 10.0.19045.3803
  bool server = false;
  std::uint32_t processors = 0;       // active ones, of all groups
  std::uint64_t physical_memory = 0;  // bytes
  std::uint64_t boot_time = 0;        // FILETIME
  bool is_wine = false;
};

// Which thread a handle leads to: an ID may have a new user since it was listed.
struct ThreadIdentity {
  std::uint32_t id = 0, process_id = 0;
  std::uint64_t create_time = 0;  // FILETIME
  bool ended = false;
};

// Registers of a suspended thread.
struct ThreadContext {
  std::vector<std::byte> native;  // CONTEXT of the machine's architecture
  std::vector<std::byte> wow64;   // WOW64_CONTEXT; empty where the process is none
};

struct MemoryRegion {
  std::uint64_t address = 0, size = 0;
  bool committed = false;  // and may be read without an effect on it: no guard page
};

enum class UserDump : std::uint8_t {
  full,  // procdump -ma: all memory, handles, thread times, unloaded modules
  mini   // procdump -mm: threads, stacks, modules
};

struct LiveDumpEvent {
  std::uint64_t time = 0;  // FILETIME
  std::uint16_t id = 0;
  std::vector<std::byte> data;  // as its manifest lays it out
};

// The service of ntstack's driver, as the service manager has it.
struct DriverService {
  bool is_running = false;
  std::string path;             // of its image, as registered: "\\??\\C:\\tools\\ntstack.sys"
  std::uint32_t state = 0;      // SERVICE_STOPPED (1), _RUNNING (4), ...
  std::uint32_t exit_code = 0;  // Win32, of its last start
};

inline constexpr Status kNoSystemOfDrivers = 0xc00000bb;  // STATUS_NOT_SUPPORTED

// Watches a provider as long as it lives.
class Watch {
 public:
  virtual ~Watch() = default;
};

class System {
 public:
  virtual ~System() = default;

  virtual std::uint64_t milliseconds() = 0;  // never goes back; of any start
  virtual std::uint64_t system_time() = 0;   // FILETIME
  virtual void sleep(std::uint32_t milliseconds) = 0;

  virtual MachineFacts machine() = 0;
  virtual std::uint32_t own_process_id() { return 0; }  // 0: of no process that is listed
  virtual std::expected<std::vector<ProcessFacts>, Status> processes() = 0;
  virtual std::expected<std::vector<HandleFacts>, Status> own_handles() = 0;

  // A handle is closed by whoever opened it (Owned, below).
  virtual std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t access) = 0;
  virtual std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access) = 0;
  virtual void close(Handle handle) = 0;
  virtual std::expected<ThreadIdentity, Status> identify_thread(Handle thread) = 0;
  virtual std::string thread_name(Handle thread) = 0;  // its description; empty where it has none

  // SeDebugPrivilege of this process. Answers whether it was on before; STATUS_NOT_ALL_ASSIGNED
  // (0x106) where the account does not hold it.
  virtual std::expected<bool, Status> set_debug_privilege(bool on) = 0;
  // NtSystemDebugControl. `returned` may be set where it fails, too.
  virtual Status debug_control(std::uint32_t command, std::span<const std::byte> in,
                               std::span<std::byte> out, std::uint32_t& returned) = 0;

  // A new file, synchronous, for reading and writing; fails where there is one.
  virtual std::expected<Handle, Status> create_file(const std::filesystem::path& path) = 0;
  virtual std::expected<Handle, Status> create_event() = 0;
  virtual void set_event(Handle event) = 0;

  // MiniDumpWriteDump. Threads go on while it runs but for the moments that it suspends them.
  virtual base::Result<void> write_user_dump(Handle process, std::uint32_t process_id,
                                             const std::filesystem::path& path, UserDump kind) = 0;
  virtual bool can_write_user_dumps() { return true; }  // dbghelp.dll is there

  // Each suspend is to be followed by a resume.
  virtual Status suspend_thread(Handle thread) = 0;
  virtual Status resume_thread(Handle thread) = 0;
  virtual std::expected<ThreadContext, Status> thread_context(Handle thread, bool wow64) = 0;
  virtual std::size_t read_memory(Handle process, std::uint64_t address,
                                  std::span<std::byte> to) = 0;  // bytes from the start that came
  virtual std::expected<MemoryRegion, Status> region(Handle process, std::uint64_t address) = 0;
  virtual std::vector<dump::ModuleRecord> modules(Handle process) = 0;
  virtual bool is_wow64(Handle process) = 0;

  virtual bool elevated() = 0;          // the token has an administrator's rights
  virtual bool runs_under_wow64() = 0;  // this program, under another architecture's system
  // Below HKEY_LOCAL_MACHINE, of REG_DWORD and REG_SZ.
  virtual std::optional<std::uint32_t> number_setting(std::string_view key,
                                                      std::string_view name) = 0;
  virtual std::optional<std::string> text_setting(std::string_view key, std::string_view name) = 0;
  // Titles of the process's top windows that do not answer, as the system judges (IsHungAppWindow).
  virtual std::vector<std::string> hung_windows(std::uint32_t process_id) = 0;
  // Starts this program anew with an administrator's rights, asking the user, and waits for it.
  // Its exit code; the system's error as Status where it was not started.
  virtual std::expected<int, Status> run_elevated(const std::vector<std::string>& arguments) = 0;

  // ntstack's driver (driver/protocol.h): its device, and requests to it. `returned`: the bytes of
  // `out` that were written.
  virtual std::expected<Handle, Status> open_device() {
    return std::unexpected(kNoSystemOfDrivers);
  }
  virtual Status device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                                std::span<std::byte> out, std::uint32_t& returned) {
    static_cast<void>(device), static_cast<void>(code), static_cast<void>(in);
    static_cast<void>(out), returned = 0;
    return kNoSystemOfDrivers;
  }
  // Its service. Errors of the service manager are NTSTATUS_FROM_WIN32 (0xc007....).
  virtual std::expected<DriverService, Status> driver_service() {
    return std::unexpected(kNoSystemOfDrivers);
  }
  virtual Status install_driver(const std::filesystem::path& image) {
    static_cast<void>(image);
    return kNoSystemOfDrivers;
  }
  virtual Status start_driver() { return kNoSystemOfDrivers; }
  virtual Status stop_driver() { return kNoSystemOfDrivers; }
  virtual Status remove_driver() { return kNoSystemOfDrivers; }
  virtual std::filesystem::path own_folder() { return {}; }  // that this program is in

  // The kernel's images, nt first, their paths as the kernel has them; bases are 0 where it does
  // not tell them. And the folder that "\SystemRoot" stands for.
  virtual std::expected<std::vector<dump::ModuleRecord>, Status> kernel_modules() {
    return std::unexpected(kNoSystemOfDrivers);
  }
  virtual std::filesystem::path system_root() { return {}; }

  // Events of Microsoft-Windows-Kernel-LiveDump, on a thread of the watch. Null where the system
  // refuses; then `why` is its status.
  virtual std::unique_ptr<Watch> watch_live_dumps(
      std::function<void(const LiveDumpEvent&)> on_event, Status& why) = 0;
};

// A handle that is closed on every way out.
class Owned {
 public:
  Owned() = default;
  Owned(System& system, Handle handle) : system_(&system), handle_(handle) {}
  Owned(Owned&& other) noexcept : system_(other.system_), handle_(other.release()) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      reset();
      system_ = other.system_;
      handle_ = other.release();
    }
    return *this;
  }
  ~Owned() { reset(); }

  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != kNoHandle; }

 private:
  Handle release() {
    const Handle handle = handle_;
    handle_ = kNoHandle;
    return handle;
  }
  void reset() {
    if (handle_ != kNoHandle) system_->close(handle_);
    handle_ = kNoHandle;
  }
  System* system_ = nullptr;
  Handle handle_ = kNoHandle;
};

}  // namespace ntstack::capture
