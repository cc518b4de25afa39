// Who is at fault for a crash, as far as the dump tells: the module, the frame, why it was chosen,
// how sure that is, and who was passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/blame_parameters.h"
#include "analysis/blame_skips.h"
#include "analysis/confidence.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

struct SkippedFrame {
  std::size_t frame = 0;  // index in Stack::frames
  std::string symbol;
  PassedOver passed;
};

struct Blame {
  enum class By : std::uint8_t {
    nobody,     // nothing names anybody
    parameter,  // the bugcheck's own parameter
    frame,      // a frame of the stack
    stack,      // what used up a full kernel stack
    kernel,     // every frame is of the kernel: it may be its own fault, or anybody's
    hardware,   // the bugcheck is the hardware's report
    process     // a process ended that must not
  };
  By by = By::nobody;
  std::string module;                    // "mydriver.sys"; empty: none
  std::string short_name;                // "mydriver"; empty for an unloaded module
  bool is_unloaded = false;              // the module was unloaded before
  std::optional<std::size_t> frame;      // index in Stack::frames
  std::optional<std::size_t> parameter;  // 0 to 3
  std::uint64_t address = 0;             // 0: none
  std::string symbol;                    // "mydriver!Read+0x12"; empty: none
  std::string reason;                    // a sentence, without its full stop
  Confidence confidence = Confidence::low;
  std::string because;                // of the confidence: likewise
  std::vector<SkippedFrame> skipped;  // youngest first
};
std::string_view name_of(Blame::By by);  // "parameter": JSON

// What a crash is blamed on. `stack`: the one in question; null: not known.
struct CrashFacts {
  std::uint32_t code = 0;  // of the bugcheck, plain; 0: none (user dumps)
  std::uint64_t first_parameter = 0;
  const stacks::Stack* stack = nullptr;
  std::vector<NamedByParameter> named;
  std::string process;  // that ended: its name; empty: the bugcheck is about none
  bool is_64_bit = true;
  bool is_user_dump = false;
};
// `symbolizer`: for the names of the modules' files; null: modules are called by their short names.
Blame blame_of(const CrashFacts& facts, const symbols::Symbolizer* symbolizer);

}  // namespace ntstack::analysis
