#include "console/control.h"

#include "console/console.h"

namespace ntstack::console {

Loop::Loop(Console& console) : console_(console) { ++console_.control.loops; }
Loop::~Loop() { --console_.control.loops; }

base::Result<void> begin_round(Console& console) {
  const std::uint64_t most = console.settings.most_rounds;
  if (console.is_interrupted()) return base::fail("interrupted");
  if (console.control.rounds >= most)
    return base::fail("the line's loops have run 0x{:x} times, and no more are run", most);
  ++console.control.rounds;
  return {};
}

base::Result<bool> Loop::run(std::string_view commands) {
  Control& control = console_.control;
  if (const auto begun = begin_round(console_); !begun) return std::unexpected(begun.error());
  console_.run(commands);
  const bool is_left = control.leave == Control::Leave::loop;
  control.leave = Control::Leave::nothing;
  return !is_left && !console_.is_over();
}

}  // namespace ntstack::console
