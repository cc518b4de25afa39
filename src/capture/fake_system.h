// Tests: a small machine with one process whose memory, threads and handles are what a test says.
// It counts suspensions and handles; it answers nothing of dumps.
#pragma once

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture {

class FakeSystem : public System {
 public:
  struct FakeThread {
    std::vector<std::byte> context;
    std::string name;
    bool is_protected = false;  // opens with THREAD_QUERY_LIMITED_INFORMATION alone
    Status open = kSuccess, suspend = kSuccess, get_context = kSuccess, resume = kSuccess;
    std::uint64_t create_time = 0;  // 0: as listed
    int suspended = 0, most_suspended = 0, times = 0;
  };
  struct FakeRegion {
    std::vector<std::byte> bytes;
    bool committed = true;
  };

  MachineFacts facts;
  std::vector<ProcessFacts> list;
  std::map<std::uint32_t, FakeThread> threads;  // by ID
  std::map<std::uint64_t, FakeRegion> memory;   // by address
  std::vector<dump::ModuleRecord> module_list;
  std::uint32_t own_id = 9999;
  Status open_process_status = kSuccess;
  bool needs_privilege = false;  // to open the process and its threads
  bool holds_privilege = true, privilege_is_on = false;
  bool is_elevated = true, under_wow64 = false, has_dbghelp = true;
  bool process_is_wow64 = false;
  std::map<std::string, std::uint32_t> numbers;  // "KEY\\NAME"
  std::map<std::string, std::string> texts;
  // The driver's device: what it answers. Empty: there is none, and opening it gives device_status.
  std::function<Status(std::uint32_t code, std::span<const std::byte> in, std::span<std::byte> out,
                       std::uint32_t& returned)>
      device;
  Status device_status = 0xc0000034;  // STATUS_OBJECT_NAME_NOT_FOUND
  std::expected<DriverService, Status> service = std::unexpected(Status{0xc0070424});  // 1060
  std::expected<std::vector<dump::ModuleRecord>, Status> kernel_module_list =
      std::unexpected(Status{0xc0000022});
  std::filesystem::path windows;  // "\\SystemRoot"
  std::uint64_t clock = 0;        // milliseconds
  std::set<Handle> open_handles;
  std::size_t guard_reads = 0;  // of memory that is not committed

  std::uint64_t milliseconds() override { return clock; }
  std::uint64_t system_time() override { return 0x1d9000000000000; }
  void sleep(std::uint32_t) override {}
  MachineFacts machine() override { return facts; }
  std::uint32_t own_process_id() override { return own_id; }
  std::expected<std::vector<ProcessFacts>, Status> processes() override { return list; }
  std::expected<std::vector<HandleFacts>, Status> own_handles() override {
    return std::vector<HandleFacts>();
  }

  std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t) override {
    if (needs_privilege && !privilege_is_on) return std::unexpected(Status{0xc0000022});
    if (!succeeded(open_process_status)) return std::unexpected(open_process_status);
    return opened(0x100000000 + id);
  }
  std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access) override {
    if (needs_privilege && !privilege_is_on) return std::unexpected(Status{0xc0000022});
    const auto thread = threads.find(id);
    if (thread == threads.end()) return std::unexpected(Status{0xc000000b});
    if (!succeeded(thread->second.open)) return std::unexpected(thread->second.open);
    if (thread->second.is_protected && access != 0x800) return std::unexpected(Status{0xc0000022});
    return opened(id);
  }
  void close(Handle handle) override { open_handles.erase(handle); }
  std::expected<ThreadIdentity, Status> identify_thread(Handle thread) override {
    for (const ProcessFacts& process : list)
      for (const ThreadFacts& facts_of : process.threads)
        if (facts_of.id == thread) {
          const std::uint64_t other = threads.at(facts_of.id).create_time;
          return ThreadIdentity{facts_of.id, process.id, other != 0 ? other : facts_of.create_time,
                                false};
        }
    return std::unexpected(Status{0xc0000008});
  }
  std::string thread_name(Handle thread) override { return of(thread).name; }

  std::expected<bool, Status> set_debug_privilege(bool on) override {
    if (!holds_privilege) return std::unexpected(Status{0x106});
    return std::exchange(privilege_is_on, on);
  }
  Status debug_control(std::uint32_t, std::span<const std::byte>, std::span<std::byte>,
                       std::uint32_t&) override {
    return 0xc0000002;
  }
  std::expected<Handle, Status> create_file(const std::filesystem::path&) override {
    return std::unexpected(Status{0xc0000002});
  }
  std::expected<Handle, Status> create_event() override {
    return std::unexpected(Status{0xc0000002});
  }
  void set_event(Handle) override {}
  base::Result<void> write_user_dump(Handle, std::uint32_t, const std::filesystem::path&,
                                     UserDump) override {
    return base::fail("not here");
  }
  bool can_write_user_dumps() override { return has_dbghelp; }

  Status suspend_thread(Handle thread) override {
    FakeThread& one = of(thread);
    if (!succeeded(one.suspend)) return one.suspend;
    ++one.times;
    one.most_suspended = std::max(one.most_suspended, ++one.suspended);
    return kSuccess;
  }
  Status resume_thread(Handle thread) override {
    FakeThread& one = of(thread);
    --one.suspended;
    return one.resume;
  }
  std::expected<ThreadContext, Status> thread_context(Handle thread, bool) override {
    const FakeThread& one = of(thread);
    if (!succeeded(one.get_context)) return std::unexpected(one.get_context);
    return ThreadContext{one.context, {}};
  }
  std::size_t read_memory(Handle, std::uint64_t address, std::span<std::byte> to) override {
    const FakeRegion* region = nullptr;
    const std::uint64_t start = region_at(address, region);
    if (!region) return 0;
    if (!region->committed) {
      ++guard_reads;
      return 0;
    }
    const std::size_t got =
        std::min<std::size_t>(to.size(), start + region->bytes.size() - address);
    std::memcpy(to.data(), region->bytes.data() + (address - start), got);
    return got;
  }
  std::expected<MemoryRegion, Status> region(Handle, std::uint64_t address) override {
    const FakeRegion* found = nullptr;
    const std::uint64_t start = region_at(address, found);
    if (found) return MemoryRegion{start, found->bytes.size(), found->committed};
    const auto next = memory.upper_bound(address);
    const std::uint64_t page = address & ~std::uint64_t{0xfff};
    return MemoryRegion{page, (next == memory.end() ? page + 0x1000 : next->first) - page, false};
  }
  std::vector<dump::ModuleRecord> modules(Handle) override { return module_list; }
  bool is_wow64(Handle) override { return process_is_wow64; }

  bool elevated() override { return is_elevated; }
  bool runs_under_wow64() override { return under_wow64; }
  std::optional<std::uint32_t> number_setting(std::string_view key,
                                              std::string_view name) override {
    const auto found = numbers.find(std::string(key) + "\\" + std::string(name));
    return found == numbers.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::string> text_setting(std::string_view key, std::string_view name) override {
    const auto found = texts.find(std::string(key) + "\\" + std::string(name));
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<std::string> hung_windows(std::uint32_t) override { return {}; }
  std::expected<int, Status> run_elevated(const std::vector<std::string>&) override {
    return std::unexpected(Status{0xc0000002});
  }
  std::expected<Handle, Status> open_device() override {
    if (!device) return std::unexpected(device_status);
    return opened(0x200000000);
  }
  Status device_control(Handle handle, std::uint32_t code, std::span<const std::byte> in,
                        std::span<std::byte> out, std::uint32_t& returned) override {
    returned = 0;
    return open_handles.contains(handle) ? device(code, in, out, returned) : Status{0xc0000008};
  }
  std::expected<DriverService, Status> driver_service() override { return service; }
  Status start_driver() override {
    if (!service) return service.error();
    service->is_running = true;
    return kSuccess;
  }
  std::expected<std::vector<dump::ModuleRecord>, Status> kernel_modules() override {
    return kernel_module_list;
  }
  std::filesystem::path system_root() override { return windows; }
  std::unique_ptr<Watch> watch_live_dumps(std::function<void(const LiveDumpEvent&)>,
                                          Status& why) override {
    why = 0xc0000002;
    return nullptr;
  }

 private:
  Handle opened(Handle handle) {
    open_handles.insert(handle);
    return handle;
  }
  FakeThread& of(Handle thread) { return threads.at(static_cast<std::uint32_t>(thread)); }
  std::uint64_t region_at(std::uint64_t address, const FakeRegion*& region) const {
    const auto after = memory.upper_bound(address);
    if (after == memory.begin()) return 0;
    const auto& [start, found] = *std::prev(after);
    if (address - start >= found.bytes.size()) return 0;
    region = &found;
    return start;
  }
};

}  // namespace ntstack::capture
