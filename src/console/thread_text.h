// Threads and processes as !thread and !process show them.
#pragma once

#include <cstdint>
#include <string>

#include "console/console.h"
#include "console/stack_listing.h"

namespace ntstack::console {

// The bits of !thread's and !process's FLAGS (WinDbg's documentation of both).
inline constexpr std::uint64_t kTimes = 1, kWaits = 2, kStacks = 4, kAddressesAlone = 8;

// "THREAD ffff...  Cid 3adc.5920  Teb: ... Win32Thread: ... WAIT: (Executive) KernelMode
// Alertable".
std::string thread_heading(Console& console, const target::Thread& thread);
// The same with what it waits for, what is known of it and its stack, as FLAGS say; each line
// behind `indent`.
std::string thread_text(Console& console, const target::Thread& thread, std::uint64_t flags,
                        const std::string& indent);
// A process, and its threads as FLAGS say.
std::string process_text(Console& console, const target::Process& process, std::uint64_t flags);
// Its stack as k lists it.
std::string stack_text(Console& console, const target::Thread& thread, bool with_arguments);
// A stack that was walked already; says where it is not whole.
std::string stack_text(Console& console, const stacks::Stack& stack, const StackColumns& columns);

// As kd has addresses there: without a `.
std::string plain_address(const Console& console, std::uint64_t address);

}  // namespace ntstack::console
