#include "analysis/wait_owners.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

constexpr std::size_t kMostHolders = 64;

// Public PDB types (Windows 7 to 11) and wdm.h.
constexpr std::array kMutant = {KnownField{"OwnerThread", 0x28, 0x18}};
constexpr std::array kFastMutex = {KnownField{"Owner", 8, 4}};
constexpr std::array kCriticalSection = {KnownField{"OwningThread", 0x10, 0xc}};
constexpr std::uint64_t kThreadFlags = 0xf;  // low bits of owner words are the lock's own

class Owners {
 public:
  Owners(WaitReader& reader, const WaitedObject& object, const stacks::Stack& waiter)
      : reader_(reader), view_(reader.view()), object_(object), waiter_(waiter) {}

  Ownership find() {
    if (object_.is_event_of_lock) {
      found_.why_not_known = "the lock's own address is not known";
      return std::move(found_);
    }
    switch (object_.kind) {
      case ObjectKind::resource:
        of_resource();
        break;
      case ObjectKind::mutant:
        of_field("_KMUTANT", kMutant, "KMUTANT.OwnerThread");
        break;
      case ObjectKind::fast_mutex:
        of_field("_FAST_MUTEX", kFastMutex, "FAST_MUTEX.Owner");
        break;
      case ObjectKind::guarded_mutex:
        of_field("_KGUARDED_MUTEX", kFastMutex, "KGUARDED_MUTEX.Owner");
        break;
      case ObjectKind::push_lock:
        of_push_lock();
        break;
      case ObjectKind::critical_section:
        of_critical_section();
        break;
      case ObjectKind::thread:
        add_thread(object_.address, object_.certainty, "it is the thread itself, until it ends");
        break;
      case ObjectKind::process:
        of_process();
        break;
      case ObjectKind::alpc_message:
        of_message();
        break;
      case ObjectKind::irp:
        of_irp();
        break;
      default:
        found_.why_not_known = "objects of this kind do not say who has them";
    }
    return std::move(found_);
  }

 private:
  void add_thread(std::uint64_t thread, Certainty certainty, std::string how) {
    if (thread == 0 || found_.holders.size() >= kMostHolders) return;
    found_.holders.push_back(
        {thread, {}, {}, at_most(certainty, object_.certainty), std::move(how), {}});
  }
  void add_other(std::string what, Certainty certainty, std::string how) {
    if (found_.holders.size() >= kMostHolders) return;
    found_.holders.push_back(
        {0, {}, std::move(what), at_most(certainty, object_.certainty), std::move(how), {}});
  }

  void of_resource() {
    const auto& resource = reader_.resource_at(object_.address);
    if (!resource || !resource->doubt.empty()) {
      found_.why_not_known = resource ? resource->doubt : "the object is not in the dump";
      return;
    }
    const Certainty certainty = resource->is_confirmed ? Certainty::fact : Certainty::likely;
    for (const ResourceOwner& owner : resource->owners) {
      if (view_.machine().thread_at(owner.thread))
        add_thread(owner.thread, certainty,
                   resource->is_exclusive ? "ERESOURCE: owned exclusively" : "ERESOURCE: shared");
      else
        add_other("an owner that is no thread of the dump (" +
                      base::address_text(owner.thread, view_.is_64_bit()) + ")",
                  certainty, "ERESOURCE's owner entry");
    }
    found_.is_free = !resource->is_held() && certainty == Certainty::fact;
    found_.why_not_known = resource->is_held() ? "it is held, and its owner entries name nobody"
                                               : "nobody holds it any more";
  }

  // An owner that is a thread of the dump, or else where a thread's object would be.
  void of_field(std::string_view structure, std::span<const KnownField> fields,
                const std::string& how) {
    const ObjectReader reader(view_, structure, fields);
    const auto owner = reader.read(object_.address, fields.front().name);
    if (!owner) {
      found_.why_not_known = "the object is not in the dump";
      return;
    }
    const std::uint64_t thread = *owner & ~kThreadFlags;
    found_.is_free = thread == 0;
    if (thread == 0)
      found_.why_not_known = "it names no owner";
    else if (view_.machine().thread_at(thread))
      add_thread(thread, Certainty::fact, "by " + how);
    else
      found_.why_not_known = fmt::format("{} is {}, which is no thread of the dump", how,
                                         base::address_text(*owner, view_.is_64_bit()));
  }

  void of_push_lock() {
    const LockEntries& entries = reader_.lock_entries();
    for (const std::uint64_t thread : entries.holders_of(object_.address))
      add_thread(thread, Certainty::fact, "by its lock entries (KLOCK_ENTRY)");
    if (found_.holders.empty()) found_.why_not_known = entries.why_not_known();
  }

  // OwningThread is the thread's ID.
  void of_critical_section() {
    const stacks::Frame* frame = nullptr;
    for (const stacks::Frame& each : waiter_.frames)
      if (each.is_user && !each.is_wow64) frame = &each;
    const FrameSpace* space = frame ? reader_.registers().space_of(waiter_, *frame) : nullptr;
    const bool wide = view_.is_64_bit();
    const auto owner =
        space ? space->memory->pointer(object_.address + (wide ? kCriticalSection[0].at_64
                                                               : kCriticalSection[0].at_32),
                                       wide)
              : std::nullopt;
    if (!owner || *owner == 0) {
      found_.why_not_known = owner ? "it names no owner" : "the object is not in the dump";
      return;
    }
    const auto thread = std::ranges::find_if(view_.machine().threads(), [&](const auto& each) {
      return each.id == *owner &&
             (!waiter_.thread || each.process_id == waiter_.thread->process_id);
    });
    if (thread == view_.machine().threads().end()) {
      found_.why_not_known = fmt::format(
          "RTL_CRITICAL_SECTION.OwningThread is {:x}, which is no thread of the dump", *owner);
      return;
    }
    add_thread(thread->address, Certainty::fact, "by RTL_CRITICAL_SECTION.OwningThread");
    if (!found_.holders.empty() || thread->address != 0) return;
    found_.holders.push_back(
        {0, thread->id, {}, object_.certainty, "by RTL_CRITICAL_SECTION.OwningThread", {}});
  }

  std::string process_text(std::uint64_t address) const {
    for (const target::Process& each : view_.machine().processes())
      if (each.address == address)
        return fmt::format("process {:x} ({})", each.id.value_or(0), base::printable(each.name));
    return "a process at " + base::address_text(address, view_.is_64_bit());
  }

  void of_process() {
    add_other(process_text(object_.address), object_.certainty,
              "it is the process itself, until it ends");
  }

  void of_message() {
    const auto field = [&](std::string_view name) {
      return kernel_field(view_, object_.address, "_KALPC_MESSAGE", name);
    };
    const auto server = field("ServerThread");
    if (server && view_.machine().thread_at(*server & ~kThreadFlags))
      return add_thread(*server & ~kThreadFlags, Certainty::fact,
                        "by KALPC_MESSAGE.ServerThread, which took the message");
    for (const std::string_view name : {"PortQueue", "ConnectionPort", "OwnerPort"}) {
      const auto port = field(name);
      const auto owner = port && *port != 0
                             ? kernel_field(view_, *port, "_ALPC_PORT", "OwnerProcess")
                             : std::nullopt;
      if (!owner || *owner == 0) continue;
      return add_other(process_text(*owner),
                       name == "OwnerPort" ? Certainty::possible : Certainty::fact,
                       fmt::format("the owner of KALPC_MESSAGE.{}; none of its threads has taken "
                                   "the message",
                                   name));
    }
    found_.why_not_known = "the message is not in the dump, or nt's types (-y) are not at hand";
  }

  void of_irp() {
    const auto irp = IrpReader(view_).at(object_.address);
    if (!irp) {
      found_.why_not_known = irp.error().text();
      return;
    }
    if (irp->current == 0 || irp->current > irp->locations.size()) {
      found_.why_not_known = "no driver has it: it is complete, or was never sent";
      return;
    }
    const StackLocation& at = irp->locations[irp->current - 1U];
    const std::string driver = driver_name_of(view_, at.device);
    if (driver.empty())
      add_other("the driver of the device at " + base::address_text(at.device, view_.is_64_bit()),
                Certainty::likely, "by the IRP's current stack location");
    else
      add_other("the driver " + driver, Certainty::fact, "by the IRP's current stack location");
  }

  WaitReader& reader_;
  const KernelView& view_;
  const WaitedObject& object_;
  const stacks::Stack& waiter_;
  Ownership found_;
};

}  // namespace

Ownership owners_of(WaitReader& reader, const WaitedObject& object, const stacks::Stack& waiter) {
  return Owners(reader, object, waiter).find();
}

}  // namespace ntstack::analysis
