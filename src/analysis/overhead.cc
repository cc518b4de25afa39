#include "analysis/overhead.h"

#include <algorithm>

#include "analysis/windows_drivers.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

constexpr std::string_view kDispatchOfNt[] = {
    "IofCallDriver",      "IopfCallDriver",      "IovCallDriver",      "IoCallDriver",
    "IofCompleteRequest", "IopfCompleteRequest", "IovCompleteRequest", "IopSynchronousServiceTail"};
constexpr std::string_view kDispatchOfFltmgr[] = {"FltpDispatch",
                                                  "FltpPassThrough",
                                                  "FltpPassThroughInternal",
                                                  "FltpPassThroughFastIo",
                                                  "FltpPerformPreCallbacks",
                                                  "FltpPerformPreCallbacksWorker",
                                                  "FltpPerformPostCallbacks",
                                                  "FltpPerformPostCallbacksWorker",
                                                  "FltpPassThroughCompletion",
                                                  "FltpPassThroughCompletionWorker",
                                                  "FltpLegacyProcessingAfterPreCallbacksCompleted",
                                                  "FltpCreate",
                                                  "FltpFsControl"};
constexpr std::string_view kSwitches[] = {"KeExpandKernelStackAndCallout", "KeSwitchKernelStack",
                                          "KySwitchKernelStack", "KiSwitchKernelStack",
                                          "KeUserModeCallback"};
constexpr std::string_view kCrash[] = {
    "KeBugCheck", "KiBugCheck",    "KiDoubleFault",          "KiTrap08",
    "_KiTrap08",  "KiFatalFilter", "KiFatalExceptionHandler"};

// An export's name is taken for so many bytes behind it: all of these are short.
constexpr std::uint64_t kNearExport = 0x100;

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}
template <std::size_t N>
bool begins_with_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view each) { return name.starts_with(each); });
}

static_assert(std::ranges::is_sorted(kWindowsDrivers));

}  // namespace

std::string_view name_of(Overhead overhead) {
  switch (overhead) {
    case Overhead::trap:
      return "trap";
    case Overhead::dispatch:
      return "dispatch";
    case Overhead::stack_switch:
      return "stack_switch";
    case Overhead::crash:
      return "crash";
    case Overhead::none:
      break;
  }
  return "none";
}

Overhead overhead_of(const stacks::Frame& frame) {
  const symbols::Symbol& symbol = frame.symbol;
  const bool is_other = symbol.is_export && symbol.offset >= kNearExport;
  const bool is_nt = symbol.module == "nt" && !is_other;
  if (is_nt && begins_with_one_of(kCrash, symbol.name)) return Overhead::crash;
  if (frame.trap_frame) return Overhead::trap;
  if (is_nt && is_one_of(kDispatchOfNt, symbol.name)) return Overhead::dispatch;
  if (is_nt && begins_with_one_of(kSwitches, symbol.name)) return Overhead::stack_switch;
  const bool is_fltmgr = !is_other && base::equals_ignoring_case(symbol.module, "fltmgr");
  return is_fltmgr && is_one_of(kDispatchOfFltmgr, symbol.name) ? Overhead::dispatch
                                                                : Overhead::none;
}

bool is_windows_own(std::string_view short_name) {
  const std::string name = base::lower(short_name);
  return name.starts_with("win32k") || name.starts_with("dump_") ||
         std::ranges::binary_search(kWindowsDrivers, std::string_view(name));
}

}  // namespace ntstack::analysis
