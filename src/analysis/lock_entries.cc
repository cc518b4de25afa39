#include "analysis/lock_entries.h"

#include <algorithm>
#include <optional>

#include "analysis/kernel_types.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kMostEntries = 16;  // of a thread
// Of LockState: flags, and a bit of the address that is cleared while the thread waits for it.
constexpr std::uint64_t kFlags = 3, kInTree = std::uint64_t{1} << 63;

// Where a thread's object has its lock entries: an array in the KTHREAD up to 1809, in the
// ETHREAD later, where KTHREAD.LockEntries points to it (public PDB types).
std::optional<FieldPlace> array_of(const KernelView& view) {
  constexpr std::uint64_t pointer = 8;
  const auto of_kernel = field_place(view, "nt", "_KTHREAD", "LockEntries");
  if (of_kernel && of_kernel->size > pointer) return of_kernel;
  const auto of_executive = field_place(view, "nt", "_ETHREAD", "LockEntries");
  return of_executive && of_executive->size > pointer ? of_executive : std::nullopt;
}

std::uint64_t size_of_entry(const KernelView& view) {
  const auto nt = module_named(view, "nt");
  const pdb::Pdb* pdb = nt ? view.symbolizer().pdb(*nt) : nullptr;
  const auto structure = pdb ? pdb->structure("_KLOCK_ENTRY") : std::nullopt;
  return structure ? structure->size : 0;
}

}  // namespace

LockEntries::LockEntries(const KernelView& view)
    : why_not_known_(
          "a push lock names no owner, and threads' lock entries are read by nt's types alone "
          "(-y)") {
  const auto entries = array_of(view);
  const auto lock = field_place(view, "nt", "_KLOCK_ENTRY", "LockState.LockState");
  const auto acquired = field_place(view, "nt", "_KLOCK_ENTRY", "AcquiredByte");
  const std::uint64_t size = size_of_entry(view);
  if (!entries || !lock || !acquired || size == 0 || !view.is_64_bit()) return;
  // In 8.1 itself the byte that says whether the thread has the lock is a part of a pointer.
  if (field_place(view, "nt", "_KLOCK_ENTRY", "ThreadUnsafe")) {
    why_not_known_ = "a push lock names no owner, and this build's lock entries are not read";
    return;
  }
  why_not_known_ = "no thread's lock entries name it";
  const std::uint64_t count = std::min<std::uint64_t>(entries->size / size, kMostEntries);
  const base::ByteSource& memory = view.memory();
  for (const target::Thread& thread : view.machine().threads()) {
    if (view.is_interrupted()) return;
    for (std::uint64_t i = 0; thread.address != 0 && i < count; ++i) {
      const std::uint64_t entry = thread.address + entries->offset + i * size;
      const auto state = memory.get<std::uint64_t>(entry + lock->offset);
      const auto has = memory.get<std::uint8_t>(entry + acquired->offset);
      if (!state || !has) break;
      if ((*has & 1) == 0) continue;
      auto& holders = holders_[(*state | kInTree) & ~kFlags];
      if (holders.empty() || holders.back() != thread.address) holders.push_back(thread.address);
    }
  }
}

std::span<const std::uint64_t> LockEntries::holders_of(std::uint64_t lock) const {
  const auto found = holders_.find(lock);
  return found == holders_.end() ? std::span<const std::uint64_t>() : found->second;
}

}  // namespace ntstack::analysis
