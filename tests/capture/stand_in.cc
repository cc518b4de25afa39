#include "capture/stand_in.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "capture/status_text.h"

namespace ntstack::tests {
namespace {

using namespace capture;  // NOLINT: the whole of it is stood in for
using Word = std::uintptr_t;

constexpr std::uint64_t kCallTime = 20, kWedgedTime = 5000;  // milliseconds
constexpr std::uint64_t kProcessTime = 0x01d6f0a000000000;
constexpr Status kMisaligned = 0x80000002;

template <class T>
std::optional<T> block_of(std::span<const std::byte> bytes) {
  T block;
  if (bytes.size() < sizeof block) return std::nullopt;
  std::memcpy(&block, bytes.data(), sizeof block);
  return block;
}

bool is_aligned(std::span<const std::byte> bytes) {
  return reinterpret_cast<Word>(bytes.data()) % 4 == 0;
}

std::string setting(std::string_view key, std::string_view name) {
  return fmt::format("{}\\{}", key, name);
}

}  // namespace

StandInRules rules_of(const world::BigProcess& process) {
  StandInRules rules;
  rules.machine.name = "STAND-IN";
  rules.machine.architecture = base::Architecture::x64;
  rules.machine.major = 10;
  rules.machine.build = process.world->layout().build;
  rules.machine.server = true;
  rules.machine.processors = process.world->processors();
  rules.snap = world::windows_rules();
  return rules;
}

StandIn::StandIn(const world::BigProcess& process, StandInRules rules)
    : big_(process),
      rules_(std::move(rules)),
      start_time_(rules_.snap.time),
      privilege_(rules_.privilege_is_on),
      privilege_before_(rules_.privilege_is_on) {
  process_.id = rules_.process_id;
  process_.name = "w3wp.exe";
  process_.create_time = kProcessTime;
  for (std::size_t i = 0; i < process.threads.size(); ++i) {
    StandInThread thread;
    thread.truth = process.threads[i];
    thread.name = i % 7 == 0 ? fmt::format("pool {}", i) : "";
    thread.facts.id = thread.truth.id;
    thread.facts.process_id = rules_.process_id;
    thread.facts.state = 5;
    thread.facts.wait_reason = static_cast<std::uint8_t>(thread.truth.role == "owner" ? 0 : 27);
    thread.facts.priority = 8;
    thread.facts.create_time = kProcessTime + i;
    if (thread.truth.role == "wedged") thread.wedged_calls = SIZE_MAX;
    if (thread.truth.role == "denied") thread.open_status = kAccessDenied;
    thread.truth.status = 0;
    threads_.push_back(std::move(thread));
  }
}

bool StandIn::has_ended(const StandInThread& thread) const {
  return thread.ends == Ends::after_listing || (thread.ends == Ends::seen_ended && calls_ != 0);
}

bool StandIn::is_listed(const StandInThread& thread) const {
  return thread.appears_after_calls <= calls_ && (calls_ == 0 || thread.ends == Ends::never);
}

capture::ProcessFacts StandIn::listed() {
  ProcessFacts process = process_;
  for (const StandInThread& thread : threads_)
    if (is_listed(thread)) process.threads.push_back(thread.facts);
  return process;
}

std::expected<std::vector<ProcessFacts>, Status> StandIn::processes() {
  ProcessFacts idle, system;
  idle.name = "Idle";
  system.id = 4;
  system.name = "System";
  return std::vector{idle, system, listed()};
}

std::expected<std::vector<HandleFacts>, Status> StandIn::own_handles() {
  std::vector<HandleFacts> handles;
  for (const auto& [handle, object] : objects_) {
    HandleFacts facts{handle, 0, object.access};
    if (object.kind == Object::Kind::thread && rules_.tells_objects && privilege_)
      facts.object = threads_[object.thread].truth.ethread;
    handles.push_back(facts);
  }
  return handles;
}

Handle StandIn::add(Object object) {
  ++opened_;
  const Handle handle = next_handle_;
  next_handle_ += 4;
  objects_.emplace(handle, std::move(object));
  return handle;
}

StandIn::Object* StandIn::find(Handle handle, Object::Kind kind) {
  const auto found = objects_.find(handle);
  return found == objects_.end() || found->second.kind != kind ? nullptr : &found->second;
}

StandInThread* StandIn::thread_of(Handle handle) {
  const Object* object = find(handle, Object::Kind::thread);
  return object ? &threads_[object->thread] : nullptr;
}

std::expected<Handle, Status> StandIn::open_process(std::uint32_t id, std::uint32_t access) {
  if (id != process_.id) return std::unexpected(kInvalidCid);
  return add({Object::Kind::process, access, 0, {}, false});
}

std::expected<Handle, Status> StandIn::open_thread(std::uint32_t id, std::uint32_t access) {
  const auto is_it = [&](const StandInThread& t) { return t.facts.id == id; };
  auto found = std::ranges::find_if(
      threads_, [&](const auto& t) { return is_it(t) && t.ends == Ends::never && is_listed(t); });
  if (found == threads_.end()) found = std::ranges::find_if(threads_, is_it);
  if (found == threads_.end()) return std::unexpected(kInvalidCid);
  if (has_ended(*found) && found->ends == Ends::after_listing && !found->reused_by)
    return std::unexpected(kInvalidCid);
  if (found->open_status != kSuccess) return std::unexpected(found->open_status);
  constexpr std::uint32_t kQueryLimited = 0x800;
  if (found->is_protected && access != kQueryLimited) return std::unexpected(kAccessDenied);
  if (!privilege_) return std::unexpected(kAccessDenied);
  const auto index = static_cast<std::size_t>(found - threads_.begin());
  return add({Object::Kind::thread, access & found->granted, index, {}, false});
}

void StandIn::close(Handle handle) { bad_closes_ += objects_.erase(handle) == 0; }

std::string StandIn::imbalance() const {
  std::string text;
  if (!objects_.empty()) text += fmt::format("{} handles are open; ", objects_.size());
  if (bad_closes_ != 0) text += fmt::format("{} handles were closed twice; ", bad_closes_);
  for (const StandInThread& thread : threads_)
    if (thread.suspended != 0)
      text += fmt::format("thread {} is suspended {} times; ", thread.facts.id, thread.suspended);
  if (privilege_ != privilege_before_) text += "the privilege is not as it was; ";
  if (!watches_.empty()) text += "a watch of live dumps is left; ";
  return text;
}

std::expected<ThreadIdentity, Status> StandIn::identify_thread(Handle handle) {
  const StandInThread* thread = thread_of(handle);
  if (!thread) return std::unexpected(kInvalidHandle);
  if (thread->reused_by && thread->ends == Ends::after_listing) return *thread->reused_by;
  return ThreadIdentity{thread->facts.id, thread->facts.process_id, thread->facts.create_time,
                        thread->ends == Ends::seen_ended};
}

std::string StandIn::thread_name(Handle handle) {
  const StandInThread* thread = thread_of(handle);
  return thread ? thread->name : std::string();
}

std::expected<bool, Status> StandIn::set_debug_privilege(bool on) {
  if (!rules_.holds_privilege) return std::unexpected(kNotAllAssigned);
  const bool before = privilege_;
  privilege_changes_ += before != on;
  privilege_ = on;
  return before;
}

Status StandIn::debug_control(std::uint32_t command, std::span<const std::byte> in,
                              std::span<std::byte> out, std::uint32_t& returned) {
  returned = 0;
  if (!rules_.has_debug_control) return kNotImplemented;
  const bool is_dump = command == kGetTriageDump || command == kGetLiveKernelDump;
  if (!is_dump && !rules_.local_debugging) return kDebuggerInactive;
  if (!privilege_ || rules_.in_container) return kAccessDenied;
  if (!is_aligned(in) || !is_aligned(out)) return kMisaligned;
  if (command == kGetTriageDump) return triage_dump(in, out, returned);
  if (command == kGetLiveKernelDump) return live_dump(in, out);
  return command > 38 ? kInvalidInfoClass : kNotImplemented;
}

Status StandIn::triage_dump(std::span<const std::byte> in, std::span<std::byte> out,
                            std::uint32_t& returned) {
  const auto control = block_of<TriageDumpControl<Word>>(in);
  if (!control || in.size() != sizeof *control || out.size() < kTriageDumpLeastRoom)
    return kInfoLengthMismatch;
  const bool wraps = control->thread_handles > UINT32_MAX / sizeof(Word);
  if (control->process_handles != 0 || control->thread_handles == 0 ||
      (control->flags & ~1u) != 0 || wraps)
    return kInvalidParameter;
  Request asked_for{{}, control->bugcheck_code, control->flags, {}};
  std::ranges::copy(control->parameters, asked_for.parameters);
  std::vector<world::ThreadTruth> request;
  bool all_denied = true;
  const auto* handles = reinterpret_cast<const Word*>(control->handles);
  for (std::uint32_t i = 0; i < control->thread_handles; ++i) {
    request.push_back(asked(handles[i]));
    all_denied &= request.back().status == kAccessDenied;
    asked_for.ids.push_back(request.back().id);
  }
  requests_.push_back(std::move(asked_for));
  if (rules_.triage_status != 0 && triage_failed_ < rules_.triage_failures) {
    ++triage_failed_;
    return rules_.triage_status;
  }
  if (all_denied) return kAccessDenied;
  ++calls_;
  return snap(request, out, returned);
}

// What the thread is for this call.
world::ThreadTruth StandIn::asked(Handle handle) {
  StandInThread* thread = thread_of(handle);
  world::ThreadTruth none;
  if (!thread) {
    none.status = objects_.contains(handle) ? kObjectTypeMismatch : kInvalidHandle;
    return none;
  }
  none.id = thread->facts.id;
  none.ethread = thread->truth.ethread;
  if (objects_.at(handle).access != kThreadAllAccess)
    none.status = kAccessDenied;
  else if (thread->ends != Ends::never)
    none.status = kUnsuccessful;
  else if (thread->wedged_calls > calls_)
    none.status = kTimeout;
  else
    return thread->truth;
  return none;
}

Status StandIn::snap(const std::vector<world::ThreadTruth>& request, std::span<std::byte> out,
                     std::uint32_t& returned) {
  world::SnapRules rules = rules_.snap;
  rules.room = std::min({rules.room, out.size(), kTriageDumpRoom});
  rules.time = system_time();
  rules.writes_list = rules_.writes_lists;
  world::TriageDump dump = world::snap_threads(*big_.world, request, rules);
  const auto unanswered = static_cast<std::uint64_t>(std::ranges::count(dump.statuses, kTimeout));
  now_ += kCallTime + kWedgedTime * unanswered;
  if (dump.bytes.size() > out.size()) return kUnsuccessful;
  const Request& asked_for = requests_.back();
  std::memcpy(&dump.bytes[0x38], &asked_for.bugcheck_code, 4);
  std::memcpy(&dump.bytes[0x40], asked_for.parameters, sizeof asked_for.parameters);
  std::memcpy(out.data(), dump.bytes.data(), dump.bytes.size());
  returned = static_cast<std::uint32_t>(dump.bytes.size());
  if (rules_.returned_length) returned = rules_.returned_length(returned);
  return kSuccess;
}

Status StandIn::live_dump(std::span<const std::byte> in, std::span<const std::byte> out) {
  const bool is_version_2 = in.size() == sizeof(LiveDumpControl2<Word>) && rules_.knows_version_2;
  if (!out.empty() || (in.size() != sizeof(LiveDumpControl<Word>) && !is_version_2))
    return kInfoLengthMismatch;
  const auto control = *block_of<LiveDumpControl<Word>>(in);
  const Word selective = is_version_2 ? block_of<LiveDumpControl2<Word>>(in)->selective : 0;
  if (const Status refused = check_live(control, selective, is_version_2)) return refused;
  ++calls_;
  if (rules_.live_status != 0 && !succeeded(rules_.live_status)) return rules_.live_status;
  return write_live(*find(control.file, Object::Kind::file), control.cancel_event);
}

Status StandIn::check_live(const LiveDumpControl<Word>& control, Word selective,
                           bool is_version_2) {
  if (!objects_.contains(control.file)) return kInvalidHandle;
  if (!find(control.file, Object::Kind::file)) return kObjectTypeMismatch;
  if (control.cancel_event != 0 && !find(control.cancel_event, Object::Kind::event))
    return objects_.contains(control.cancel_event) ? kObjectTypeMismatch : kInvalidHandle;
  const bool is_selective = (control.flags & kSelective) != 0;
  if (control.add_pages > (rules_.knows_version_2 ? 3u : 1u)) return kInvalidParameter;
  if (is_selective) {
    if (!is_version_2 || control.version < 2 || control.add_pages != 0 || selective == 0)
      return kInvalidParameter;
    SelectiveControl block;
    std::memcpy(&block, reinterpret_cast<const void*>(selective), sizeof block);
    if (block.version != 1 || block.size != sizeof block || block.flags != 1 ||
        std::ranges::any_of(block.reserved, [](std::uint64_t word) { return word != 0; }))
      return kInvalidParameter;
  }
  const bool is_old = !rules_.knows_version_2;
  if ((control.flags & kUserPages) != 0 && is_old && !rules_.local_debugging)
    return kDebuggerInactive;
  return kSuccess;
}

Status StandIn::write_live(const Object& file, Handle cancel) {
  for (const LiveDumpEvent& event : rules_.live_events)
    for (const auto* watch : watches_) (*watch)(event);
  std::ofstream out(file.path, std::ios::binary | std::ios::trunc);
  const std::span<const std::byte> bytes = rules_.live_dump;
  const std::size_t half = bytes.size() / 2;
  const auto write = [&](std::span<const std::byte> part) {
    out.write(reinterpret_cast<const char*>(part.data()),
              static_cast<std::streamsize>(part.size()));
    now_ += rules_.live_milliseconds / 2;
  };
  write(bytes.first(half));
  if (rules_.during_live_dump) rules_.during_live_dump();
  const Object* event = find(cancel, Object::Kind::event);
  if (event && event->is_set) return kCancelled;
  write(bytes.subspan(half));
  return out.flush() ? rules_.live_status : kDiskFull;
}

std::expected<Handle, Status> StandIn::create_file(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) return std::unexpected(kObjectNameCollision);
  if (!std::ofstream(path, std::ios::binary)) return std::unexpected(Status{0xc000003a});
  return add({Object::Kind::file, 0x12019f, 0, path, false});
}

std::expected<Handle, Status> StandIn::create_event() {
  return add({Object::Kind::event, 0x1f0003, 0, {}, false});
}

void StandIn::set_event(Handle event) {
  if (Object* object = find(event, Object::Kind::event)) object->is_set = true;
}

base::Result<void> StandIn::write_user_dump(Handle process, std::uint32_t process_id,
                                            const std::filesystem::path& path, UserDump) {
  if (!find(process, Object::Kind::process) || process_id != process_.id)
    return base::fail("MiniDumpWriteDump: no such process");
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(rules_.user_dump.data()),
            static_cast<std::streamsize>(rules_.user_dump.size()));
  if (!out.flush()) return base::fail("MiniDumpWriteDump: the file can't be written");
  return {};
}

Status StandIn::suspend_thread(Handle handle) {
  StandInThread* thread = thread_of(handle);
  if (!thread) return kInvalidHandle;
  ++thread->suspended;
  return kSuccess;
}

Status StandIn::resume_thread(Handle handle) {
  StandInThread* thread = thread_of(handle);
  if (!thread) return kInvalidHandle;
  --thread->suspended;
  return kSuccess;
}

std::expected<ThreadContext, Status> StandIn::thread_context(Handle handle, bool) {
  const StandInThread* thread = thread_of(handle);
  if (!thread) return std::unexpected(kInvalidHandle);
  if (thread->suspended == 0) return std::unexpected(kUnsuccessful);
  ThreadContext context;
  context.native.resize(0x4d0);
  std::memcpy(&context.native[0x98], &thread->truth.user_rsp, 8);
  std::memcpy(&context.native[0xf8], &thread->truth.user_rip, 8);
  return context;
}

std::size_t StandIn::read_memory(Handle process, std::uint64_t, std::span<std::byte>) {
  static_cast<void>(process);
  return 0;  // of user memory the world has nothing
}

std::expected<MemoryRegion, Status> StandIn::region(Handle, std::uint64_t) {
  return std::unexpected(kInvalidParameter);
}

std::optional<std::uint32_t> StandIn::number_setting(std::string_view key, std::string_view name) {
  const auto found = rules_.number_settings.find(setting(key, name));
  return found == rules_.number_settings.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> StandIn::text_setting(std::string_view key, std::string_view name) {
  const auto found = rules_.text_settings.find(setting(key, name));
  return found == rules_.text_settings.end() ? std::nullopt : std::optional(found->second);
}

class StandIn::EventWatch : public Watch {
 public:
  EventWatch(StandIn& owner, std::function<void(const LiveDumpEvent&)> on_event)
      : owner_(owner), on_event_(std::move(on_event)) {
    owner_.watches_.push_back(&on_event_);
  }
  EventWatch(const EventWatch&) = delete;
  EventWatch& operator=(const EventWatch&) = delete;
  ~EventWatch() override { std::erase(owner_.watches_, &on_event_); }

 private:
  StandIn& owner_;
  std::function<void(const LiveDumpEvent&)> on_event_;
};

std::unique_ptr<Watch> StandIn::watch_live_dumps(std::function<void(const LiveDumpEvent&)> on_event,
                                                 Status& why) {
  why = rules_.is_elevated ? kSuccess : kAccessDenied;
  if (why != kSuccess) return nullptr;
  return std::make_unique<EventWatch>(*this, std::move(on_event));
}

}  // namespace ntstack::tests
