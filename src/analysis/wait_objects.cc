#include "analysis/wait_objects.h"

#include <array>

namespace ntstack::analysis {
namespace {

// KWAIT_BLOCK; its list entry comes first. Since Windows 8 they are an array, before a ring.
struct Places {
  std::uint64_t thread, object, next, size;  // next 0: an array
};

Places places_of(const target::Machine& machine) {
  constexpr std::uint32_t windows_8 = 9200;
  const std::uint32_t build = machine.kernel().build();
  if (machine.is_64_bit())
    return build >= windows_8 ? Places{0x18, 0x20, 0, 0x30} : Places{0x10, 0x18, 0x20, 0x30};
  return build >= windows_8 ? Places{0xc, 0x10, 0, 0x18} : Places{0x8, 0xc, 0x10, 0x18};
}

}  // namespace

std::vector<WaitObject> wait_objects_of(const target::Machine& machine,
                                        const target::Thread& thread,
                                        std::optional<std::uint64_t> count) {
  std::vector<WaitObject> objects;
  const auto list = machine.offsets()[target::Field::kthread_wait_block_list];
  if (!list) return objects;
  const base::ByteSource& memory = machine.memory();
  const bool wide = machine.is_64_bit();
  const auto first = memory.pointer(thread.address + *list, wide);
  if (!first || *first == 0) return objects;
  const Places places = places_of(machine);
  constexpr std::uint64_t most = 64;  // MAXIMUM_WAIT_OBJECTS
  const std::uint64_t blocks = places.next != 0 ? most : std::min(count.value_or(1), most);
  std::uint64_t at = *first;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const auto owner = memory.pointer(at + places.thread, wide);
    const auto object = memory.pointer(at + places.object, wide);
    if (owner != thread.address || !object || *object == 0) break;
    objects.push_back({*object, memory.get<std::uint8_t>(*object)});
    const auto next =
        places.next != 0 ? memory.pointer(at + places.next, wide) : std::optional(at + places.size);
    if (!next || *next == *first) break;
    at = *next;
  }
  return objects;
}

std::string_view dispatcher_name(std::uint8_t type) {
  constexpr std::array<std::string_view, 10> names = {"NotificationEvent",
                                                      "SynchronizationEvent",
                                                      "Mutant",
                                                      "ProcessObject",
                                                      "QueueObject",
                                                      "Semaphore",
                                                      "Thread",
                                                      "Gate",
                                                      "NotificationTimer",
                                                      "SynchronizationTimer"};
  type &= 0x7f;
  return type < names.size() ? names[type] : "Unknown";
}

}  // namespace ntstack::analysis
