// Whose code is passed over in the search for who is at fault, and why: a table of names.
#pragma once

#include <cstdint>
#include <string_view>

#include "stacks/stack.h"

namespace ntstack::analysis {

enum class Passed : std::uint8_t {
  no,         // code that may be at fault: a driver or program that does not come with Windows
  machinery,  // of the crash, the exception, the interrupt, the wait: there whoever is at fault
  kernel,     // nt's and hal's other code: it works for whoever called it
  framework,  // passes calls on between drivers: fltmgr, Wdf01000, ndis, storport
  windows     // another driver or DLL that comes with Windows
};
std::string_view name_of(Passed passed);  // "machinery": JSON

struct PassedOver {
  Passed as = Passed::no;
  std::string_view why;  // "part of the crash itself"; empty for `no`
  // An interrupt came here: what is below was interrupted, and did not call what is above.
  bool is_interrupted_below = false;
};
PassedOver passed_over(const stacks::Frame& frame);
// The same for a module alone, by its short name.
PassedOver passed_over(std::string_view short_name, bool is_user);

}  // namespace ntstack::analysis
