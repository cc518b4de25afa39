// A Windows to capture from: the native calls of capture::System over a process of the world, with
// NtSystemDebugControl's commands 29 and 37 by their published rules. Time is virtual, and what is
// opened, suspended and changed is counted.
//
// From published facts: which arguments are refused and how, the privilege and containers, that
// handles need 0x1fffff, one megabyte, processors' blocks first, a full dump that succeeds, stacks
// left out without a word, the list of statuses, 5 s for a thread that does not answer, that the
// call fails where every handle is denied. Ours: the order of checks of which facts say nothing,
// and how long a call takes besides.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/debug_control.h"
#include "capture/system.h"
#include "driver/protocol.h"
#include "world_sets/big_process.h"

namespace ntstack::tests {

using capture::Handle;
using capture::Status;

enum class Ends : std::uint8_t {
  never,
  after_listing,  // its ID opens nothing, or another thread (reused_by)
  seen_ended,     // its handle opens, and says that it has ended
  after_opening   // its handle opens; the kernel's APC finds it about to end
};

struct StandInThread {
  capture::ThreadFacts facts;
  std::string name;
  world::ThreadTruth truth;                           // what a dump has of it
  Status open_status = capture::kSuccess;             // what opening it gives
  std::uint32_t granted = capture::kThreadAllAccess;  // less: somebody strips handles of rights
  Ends ends = Ends::never;
  std::optional<capture::ThreadIdentity> reused_by;
  std::size_t wedged_calls = 0;         // so many calls get no answer from it; SIZE_MAX: all
  std::size_t appears_after_calls = 0;  // of NtSystemDebugControl
  int suspended = 0;
  // Its process is protected: its handles may have THREAD_QUERY_LIMITED_INFORMATION alone.
  bool is_protected = false;
};

// ntstack's driver, by its protocol (driver/protocol.h).
struct StandInDriver {
  bool is_installed = true, is_running = true, allows_crash = false;
  std::uint32_t version = 1;
  bool copies_older_stacks = true;
  std::size_t pool = SIZE_MAX;                         // bytes that an answer may have
  std::function<void(std::vector<std::byte>&)> spoil;  // changes an answer before it goes out
  std::function<void()> on_crash;                      // a crash that was asked for rightly
  std::string path;                                    // that was installed
};

struct StandInRules {
  capture::MachineFacts machine;  // processors and build are the world's
  world::SnapRules snap;          // its room is that of the call
  bool holds_privilege = true, privilege_is_on = false;
  bool in_container = false, is_elevated = true;
  bool tells_objects = true;  // addresses of objects, to whoever has the privilege
  bool has_debug_control = true;
  bool local_debugging = false;            // what the other commands, and user pages, need
  Status triage_status = 0;                // not 0: what command 29 gives once it is asked rightly
  std::size_t triage_failures = SIZE_MAX;  // so many times; then it goes well
  bool writes_lists = true;                // of statuses: memory for them is not always there
  // What is returned of a dump's length, by what was written.
  std::function<std::uint32_t(std::uint32_t)> returned_length;

  // Command 37.
  bool knows_version_2 = true;                      // Windows 11, Server 2022
  Status live_status = 0;                           // not 0: what it gives once it is asked rightly
  std::vector<std::byte> live_dump;                 // what it writes
  std::vector<capture::LiveDumpEvent> live_events;  // before it writes
  std::function<void()> during_live_dump;           // half of it is written: for a test to cancel
  std::uint64_t live_milliseconds = 3000;

  std::vector<std::byte> user_dump;                      // what MiniDumpWriteDump writes
  std::map<std::string, std::uint32_t> number_settings;  // by "KEY\NAME"
  std::map<std::string, std::string> text_settings;
  std::vector<std::string> hung_windows;

  StandInDriver driver;
  std::uint32_t process_id = 0x1a2c;
  std::filesystem::path system_root, own_folder;
};

class StandIn : public capture::System {
 public:
  // `process` outlives it. Its threads are there as they are in the world: those with roles
  // "wedged" and "denied" behave so.
  StandIn(const world::BigProcess& process, StandInRules rules);

  StandInRules& rules() { return rules_; }
  std::vector<StandInThread>& threads() { return threads_; }
  const capture::ProcessFacts& process() const { return process_; }
  capture::ProcessFacts listed();  // the process with its threads as they are listed now

  // Empty where all that was opened is closed, nothing is left suspended and the privilege is as it
  // was.
  std::string imbalance() const;
  std::size_t handles_opened() const { return opened_; }
  std::size_t calls() const { return calls_; }  // of NtSystemDebugControl that went on to the work
  std::size_t privilege_changes() const { return privilege_changes_; }
  // The control block of the last call of command 29, and its handles.
  struct Request {
    std::uint64_t parameters[4] = {};
    std::uint32_t bugcheck_code = 0, flags = 0;
    std::vector<std::uint32_t> ids;
  };
  const std::vector<Request>& requests() const { return requests_; }

  std::uint64_t milliseconds() override { return now_; }
  std::uint64_t system_time() override { return start_time_ + now_ * 10'000; }
  void sleep(std::uint32_t milliseconds) override { now_ += milliseconds; }
  capture::MachineFacts machine() override { return rules_.machine; }
  std::expected<std::vector<capture::ProcessFacts>, Status> processes() override;
  std::expected<std::vector<capture::HandleFacts>, Status> own_handles() override;
  std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t access) override;
  std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access) override;
  void close(Handle handle) override;
  std::expected<capture::ThreadIdentity, Status> identify_thread(Handle thread) override;
  std::string thread_name(Handle thread) override;
  std::expected<bool, Status> set_debug_privilege(bool on) override;
  Status debug_control(std::uint32_t command, std::span<const std::byte> in,
                       std::span<std::byte> out, std::uint32_t& returned) override;
  std::expected<Handle, Status> create_file(const std::filesystem::path& path) override;
  std::expected<Handle, Status> create_event() override;
  void set_event(Handle event) override;
  base::Result<void> write_user_dump(Handle process, std::uint32_t process_id,
                                     const std::filesystem::path& path,
                                     capture::UserDump kind) override;
  Status suspend_thread(Handle thread) override;
  Status resume_thread(Handle thread) override;
  std::expected<capture::ThreadContext, Status> thread_context(Handle thread, bool wow64) override;
  std::size_t read_memory(Handle process, std::uint64_t address, std::span<std::byte> to) override;
  std::expected<capture::MemoryRegion, Status> region(Handle process,
                                                      std::uint64_t address) override;
  std::vector<dump::ModuleRecord> modules(Handle) override { return {}; }
  bool is_wow64(Handle) override { return false; }
  bool elevated() override { return rules_.is_elevated; }
  bool runs_under_wow64() override { return false; }
  std::optional<std::uint32_t> number_setting(std::string_view key, std::string_view name) override;
  std::optional<std::string> text_setting(std::string_view key, std::string_view name) override;
  std::vector<std::string> hung_windows(std::uint32_t) override { return rules_.hung_windows; }
  std::expected<int, Status> run_elevated(const std::vector<std::string>&) override {
    return std::unexpected(Status{0xc0000120});
  }
  std::expected<Handle, Status> open_device() override;
  Status device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                        std::span<std::byte> out, std::uint32_t& returned) override;
  std::expected<capture::DriverService, Status> driver_service() override;
  Status install_driver(const std::filesystem::path& image) override;
  Status start_driver() override;
  Status stop_driver() override;
  Status remove_driver() override;
  std::filesystem::path own_folder() override { return rules_.own_folder; }
  std::expected<std::vector<dump::ModuleRecord>, Status> kernel_modules() override;
  std::filesystem::path system_root() override { return rules_.system_root; }
  std::unique_ptr<capture::Watch> watch_live_dumps(
      std::function<void(const capture::LiveDumpEvent&)> on_event, Status& why) override;

 private:
  struct Object {
    enum class Kind : std::uint8_t { process, thread, file, event, device } kind = Kind::process;
    std::uint32_t access = 0;
    std::size_t thread = 0;  // index
    std::filesystem::path path;
    bool is_set = false;  // an event
  };
  class EventWatch;

  Handle add(Object object);
  StandInThread* thread_of(Handle handle);
  Object* find(Handle handle, Object::Kind kind);
  bool is_listed(const StandInThread& thread) const;
  bool has_ended(const StandInThread& thread) const;

  Status triage_dump(std::span<const std::byte> in, std::span<std::byte> out,
                     std::uint32_t& returned);
  world::ThreadTruth asked(Handle handle);
  Status snap(const std::vector<world::ThreadTruth>& request, std::span<std::byte> out,
              std::uint32_t& returned);
  Status live_dump(std::span<const std::byte> in, std::span<const std::byte> out);
  Status check_live(const capture::LiveDumpControl<std::uintptr_t>& control,
                    std::uintptr_t selective, bool is_version_2);
  Status write_live(const Object& file, Handle cancel);

  Status capture_by_driver(std::span<const std::byte> in, std::span<std::byte> out,
                           std::uint32_t& returned);
  void answer_caller(const driver::CaptureIn& request, std::vector<std::byte>& answer);
  // Fills in what the driver says of the thread; what it copies goes behind `answer`.
  void answer_thread(Handle handle, std::span<const std::byte> request, std::size_t number,
                     std::vector<std::byte>& answer);
  // The stacks that it left, with what is left of the room; the offset of the first. False: cut.
  bool append_older(const world::ThreadTruth& truth, std::uint64_t room,
                    std::vector<std::byte>& answer, std::uint32_t& first) const;

  const world::BigProcess& big_;
  StandInRules rules_;
  capture::ProcessFacts process_;
  std::vector<StandInThread> threads_;
  std::map<Handle, Object> objects_;
  Handle next_handle_ = 0x100;
  std::uint64_t now_ = 0, start_time_;
  std::size_t opened_ = 0, calls_ = 0, triage_failed_ = 0, privilege_changes_ = 0, bad_closes_ = 0;
  bool privilege_, privilege_before_;
  std::vector<Request> requests_;
  std::vector<std::function<void(const capture::LiveDumpEvent&)>*> watches_;
};

// What the real machine of this world would be: its build and its processors, one megabyte.
StandInRules rules_of(const world::BigProcess& process);

}  // namespace ntstack::tests
