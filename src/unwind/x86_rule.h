// What is known of an x86 address before any stack is looked at: the records about it, their
// program compiled, and what the function's code says of the frame there.
#pragma once

#include <memory>
#include <optional>

#include "code/call.h"
#include "unwind/x86.h"
#include "unwind/x86_code.h"

namespace ntstack::unwind::x86 {

using CompiledProgram = std::shared_ptr<const std::expected<Program, ProgramError>>;

struct Rule {
  std::optional<pdb::FrameDataRecord> frame_data;
  std::optional<pdb::FpoRecord> fpo;  // only where there is no FrameData
  CompiledProgram program;            // of frame_data
  Function function;
  std::array<std::uint32_t, 4> starts{};  // where the function may begin, if that is not known
  std::optional<FrameState> state;        // at EIP, or at the call before it
  std::optional<LeavingFrame> leaving;    // only where EIP is no call site
  bool code_at_hand = false;              // at EIP
  bool changes_callers_frame = false;     // the function is one of CallEffect's helpers
  bool is_funclet = false;                // a filter or handler on its parent's EBP: it keeps no
                                          // other register for its caller
};

// What a value is as a return address.
struct ReturnSite {
  bool in_module = false;
  bool code_at_hand = false;
  std::optional<code::Call> call;        // that ends there
  std::uint32_t target = 0;              // where it leads, in a module; 0: not known
  std::uint32_t target_behind_jump = 0;  // where that begins with a jump
  bool calls_helper = false;             // one of CallEffect's that change their caller's frame
};

CompiledProgram compile(std::string_view program);

// `program` of the rule is left to whoever keeps compiled programs.
Rule rule_at(const CodeMap& code, const base::ByteSource& memory, std::uint32_t eip,
             bool is_call_site);
ReturnSite return_site_at(const CodeMap& code, const base::ByteSource& memory, std::uint32_t value);

// The frame's state at a return address (at the call before it) or at EIP, if the function there
// begins at `start`.
std::optional<FrameState> state_from(const base::ByteSource& memory, Function function,
                                     std::uint32_t eip, bool is_call_site);

}  // namespace ntstack::unwind::x86
