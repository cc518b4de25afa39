#include "analysis/stack_room.h"

#include "target/facts.h"

namespace ntstack::analysis {

Guard guard_below(const target::Machine& machine, const target::StackSegment& segment) {
  const memory::PageTables* tables = machine.kernel().page_tables();
  if (!tables || !segment.limit_known || segment.limit == 0) return Guard::not_known;
  const auto found = tables->translate(segment.limit - 1);
  if (found) return found->in_transition ? Guard::is_there : Guard::is_mapped;
  switch (found.error()) {
    case memory::Fault::not_mapped:
    case memory::Fault::paged_out:
    case memory::Fault::demand_zero:
      return Guard::is_there;
    default:
      return Guard::not_known;
  }
}

void look_at_room(const target::Machine& machine, const target::Thread* thread, SegmentUse& use) {
  using target::StackKind;
  if (use.segment.kind != StackKind::thread && use.segment.kind != StackKind::expanded) return;
  use.guard = guard_below(machine, use.segment);
  // Of a thread on a further stack the flag is that one's.
  if (!thread || use.segment.kind != StackKind::thread || thread->segments.size() != 1) return;
  use.grows = target::has_large_stack(machine, *thread);
  if (!use.grows) return;
  use.may_grow = *use.grows ? growth_of(use.size, machine.dump().architecture) : std::nullopt;
}

}  // namespace ntstack::analysis
