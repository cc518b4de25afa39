// The running Windows as a System: each function of it is in the file of its idea.
#include "capture/this_system.h"

#include <windows.h>

#include "capture/windows/desktop.h"
#include "capture/windows/driver.h"
#include "capture/windows/dumps.h"
#include "capture/windows/lists.h"
#include "capture/windows/live_dump_watch.h"
#include "capture/windows/machine.h"
#include "capture/windows/memory.h"
#include "capture/windows/ntdll.h"
#include "capture/windows/privilege.h"
#include "capture/windows/settings.h"
#include "capture/windows/threads.h"

namespace ntstack::capture {
namespace {

class ThisSystem : public System {
 public:
  std::uint64_t milliseconds() override { return ::GetTickCount64(); }
  std::uint64_t system_time() override {
    FILETIME time;
    ::GetSystemTimeAsFileTime(&time);
    return std::uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
  }
  void sleep(std::uint32_t milliseconds) override { ::Sleep(milliseconds); }

  MachineFacts machine() override { return windows::machine(); }
  std::uint32_t own_process_id() override { return ::GetCurrentProcessId(); }
  std::expected<std::vector<ProcessFacts>, Status> processes() override {
    return windows::list_processes();
  }
  std::expected<std::vector<HandleFacts>, Status> own_handles() override {
    return windows::list_own_handles();
  }

  std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t access) override {
    return windows::open_process(id, access);
  }
  std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access) override {
    return windows::open_thread(id, access);
  }
  void close(Handle handle) override { ::CloseHandle(windows::native_handle(handle)); }
  std::expected<ThreadIdentity, Status> identify_thread(Handle thread) override {
    return windows::identify_thread(thread);
  }
  std::string thread_name(Handle thread) override { return windows::thread_name(thread); }

  std::expected<bool, Status> set_debug_privilege(bool on) override {
    return windows::set_debug_privilege(on);
  }
  Status debug_control(std::uint32_t command, std::span<const std::byte> in,
                       std::span<std::byte> out, std::uint32_t& returned) override {
    return windows::debug_control(command, in, out, returned);
  }

  std::expected<Handle, Status> create_file(const std::filesystem::path& path) override {
    return windows::create_file(path);
  }
  std::expected<Handle, Status> create_event() override { return windows::create_event(); }
  void set_event(Handle event) override { ::SetEvent(windows::native_handle(event)); }

  base::Result<void> write_user_dump(Handle process, std::uint32_t process_id,
                                     const std::filesystem::path& path, UserDump kind) override {
    return windows::write_user_dump(process, process_id, path, kind);
  }
  bool can_write_user_dumps() override { return windows::can_write_user_dumps(); }

  Status suspend_thread(Handle thread) override { return suspensions_.suspend(thread); }
  Status resume_thread(Handle thread) override { return suspensions_.resume(thread); }
  std::expected<ThreadContext, Status> thread_context(Handle thread, bool wow64) override {
    return windows::thread_context(thread, wow64);
  }
  std::size_t read_memory(Handle process, std::uint64_t address, std::span<std::byte> to) override {
    return windows::read_memory(process, address, to);
  }
  std::expected<MemoryRegion, Status> region(Handle process, std::uint64_t address) override {
    return windows::region(process, address);
  }
  std::vector<dump::ModuleRecord> modules(Handle process) override {
    return windows::modules(process);
  }
  bool is_wow64(Handle process) override { return windows::is_wow64(process); }

  bool elevated() override { return windows::elevated(); }
  bool runs_under_wow64() override { return windows::runs_under_wow64(); }
  std::optional<std::uint32_t> number_setting(std::string_view key,
                                              std::string_view name) override {
    return windows::number_setting(key, name);
  }
  std::optional<std::string> text_setting(std::string_view key, std::string_view name) override {
    return windows::text_setting(key, name);
  }
  std::vector<std::string> hung_windows(std::uint32_t process_id) override {
    return windows::hung_windows(process_id);
  }
  std::expected<int, Status> run_elevated(const std::vector<std::string>& arguments) override {
    return windows::run_elevated(arguments);
  }
  std::expected<Handle, Status> open_device() override { return windows::open_device(); }
  Status device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                        std::span<std::byte> out, std::uint32_t& returned) override {
    return windows::device_control(device, code, in, out, returned);
  }
  std::expected<DriverService, Status> driver_service() override {
    return windows::driver_service();
  }
  Status install_driver(const std::filesystem::path& image) override {
    return windows::install_driver(image);
  }
  Status start_driver() override { return windows::start_driver(); }
  Status stop_driver() override { return windows::stop_driver(); }
  Status remove_driver() override { return windows::remove_driver(); }
  std::filesystem::path own_folder() override { return windows::own_folder(); }
  std::expected<std::vector<dump::ModuleRecord>, Status> kernel_modules() override {
    return windows::list_kernel_modules();
  }
  std::filesystem::path system_root() override { return windows::system_root(); }
  std::unique_ptr<Watch> watch_live_dumps(std::function<void(const LiveDumpEvent&)> on_event,
                                          Status& why) override {
    return windows::watch_live_dumps(std::move(on_event), why);
  }

 private:
  windows::Suspensions suspensions_;
};

}  // namespace

std::unique_ptr<System> this_system() { return std::make_unique<ThisSystem>(); }

}  // namespace ntstack::capture
