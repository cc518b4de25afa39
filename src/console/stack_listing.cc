#include "console/stack_listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "console/frame_notes.h"
#include "console/frame_parameters.h"

namespace ntstack::console {
namespace {

using stacks::Frame;

bool is_x86(const Console& console) { return console.architecture() == base::Architecture::x86; }

// The next frame that is no inlined one.
const Frame* next_frame(const std::vector<Frame>& frames, std::size_t index) {
  for (std::size_t i = index + 1; i < frames.size(); ++i)
    if (!frames[i].is_inline) return &frames[i];
  return nullptr;
}

// Where a frame's first argument is: the stack pointer after its return. x64 and ARM64 have the
// callee's home space there, or nothing of the kind.
std::optional<std::uint64_t> arguments_at(const Console& console, const std::vector<Frame>& frames,
                                          std::size_t index) {
  const Frame& frame = frames[index];
  const Frame* next = next_frame(frames, index);
  const bool is_call = next && next->is_call_site && !frame.trap_frame &&
                       next->child_sp > frame.child_sp && !next->child_sp_is_bound;
  if (is_call) return next->child_sp;
  if (is_x86(console) && frame.child_ebp) return *frame.child_ebp + 8;
  return std::nullopt;
}

// x86: what the PDB says of the function's frame.
std::string x86_note(Console& console, const Frame& frame) {
  FrameRecord record;
  record.trap_frame = frame.trap_frame;
  const std::uint64_t address = frame.is_call_site ? frame.ip - 1 : frame.ip;
  const auto module = frame.is_user ? std::nullopt : console.symbolizer().module_at(address);
  const pdb::Pdb* pdb = module ? console.symbolizer().pdb(*module) : nullptr;
  if (!pdb) return frame_note(record);
  const auto rva =
      static_cast<std::uint32_t>(address - console.symbolizer().modules()[*module].base);
  record.fpo = pdb->fpo_at(rva);
  record.has_frame_data = pdb->frame_data_at(rva).has_value();
  const auto function = pdb->function_at(rva);
  if (function && function->is_public) record.decorated_name = function->name;
  return frame_note(record);
}

std::string note_of(Console& console, const Frame& frame) {
  if (frame.is_inline) return "";
  if (is_x86(console)) return x86_note(console, frame);
  if (!frame.trap_frame) return "";
  return fmt::format(" (TrapFrame @ {})", console.address_text(*frame.trap_frame));
}

// kd warns before the first frame that it has found without knowing how: a guess, and on x86 code
// of which it has no symbols.
bool may_be_wrong(const Console& console, const Frame& frame) {
  if (frame.trust == unwind::Trust::scan) return true;
  const bool is_known = !frame.symbol.name.empty() && !frame.symbol.is_export;
  return is_x86(console) && !is_known && !frame.is_user;
}

}  // namespace

namespace {

// ChildEBP or Child-SP. Of an x86 frame that holds a trap frame kd has the ChildEBP of the frame
// before: the trap frame lies between the two, and its bytes count to what it interrupted.
std::uint64_t pointer_of(const Console& console, const Frame& frame, const StackListing& before) {
  const bool is_trap = is_x86(console) && frame.trap_frame && !frame.is_user;
  if (is_trap && !before.frames.empty()) return before.frames.back().stack_pointer;
  return frame.child_ebp.value_or(frame.child_sp);
}

}  // namespace

StackListing list_stack(Console& console, const stacks::Stack& stack, const StackColumns& columns,
                        std::uint64_t most) {
  StackListing listing;
  const auto& frames = stack.frames;
  bool is_warned = false;
  for (std::size_t i = 0; i < frames.size() && i < most; ++i) {
    const Frame& frame = frames[i];
    ListedFrame listed;
    listed.frame = &frame;
    listed.stack_pointer = pointer_of(console, frame, listing);
    if (!listing.frames.empty() && !frame.is_inline) {
      const std::uint64_t before = listing.frames.back().stack_pointer;
      constexpr std::uint64_t most_bytes = 0x100000;  // more is another stack
      if (listed.stack_pointer >= before && listed.stack_pointer - before < most_bytes)
        listed.bytes = listed.stack_pointer - before;
    }
    if (columns.arguments && !frame.is_inline) {
      const auto at = arguments_at(console, frames, i);
      const std::uint64_t word = console.is_64_bit() ? 8 : 4;
      for (std::size_t n = 0; at && n < listed.arguments.size(); ++n)
        listed.arguments[n] =
            console.machine().memory().pointer(*at + n * word, console.is_64_bit());
    }
    if (columns.notes) listed.note = note_of(console, frame);
    if (columns.parameters)
      listed.parameters = parameters_text(console, stack, frame, columns.in_lines);
    // The first frame's own registers are known.
    listed.may_be_wrong = !is_warned && i > 0 && may_be_wrong(console, frame);
    is_warned |= listed.may_be_wrong;
    listing.frames.push_back(std::move(listed));
  }
  listing.is_cut = frames.size() > listing.frames.size();
  return listing;
}

namespace {

std::string heading_of(const StackColumns& columns, bool is_x86) {
  if (columns.only_names) return columns.numbers ? " # Call Site\n" : "Call Site\n";
  std::string out = columns.numbers ? " # " : "";
  if (columns.bytes) out += "  Memory  ";
  if (is_x86) return out + "ChildEBP RetAddr" + (columns.arguments ? "  Args to Child\n" : "\n");
  out += "Child-SP          RetAddr           ";
  if (columns.arguments)
    out += ": Args to Child                                                           : ";
  return out + "Call Site\n";
}

std::string site_of(const ListedFrame& listed, const StackColumns& columns, bool wide) {
  const Frame& frame = *listed.frame;
  std::string text = frame.symbol.text();
  const bool is_nowhere = frame.symbol.module.empty() && frame.symbol.name.empty();
  if (is_nowhere) text = "0x" + base::address_text(frame.ip, wide);
  if (columns.only_names && !frame.symbol.name.empty()) return text.substr(0, text.rfind("+0x"));
  if (!listed.parameters.empty())
    text.insert(std::min(text.rfind("+0x"), text.size()), listed.parameters);
  text += listed.note;
  if (columns.lines && frame.symbol.source)
    text += fmt::format(" [{} @ {}]", base::printable(frame.symbol.source->file),
                        frame.symbol.source->line);
  return text;
}

std::string arguments_text(const ListedFrame& listed, bool wide) {
  std::string out;
  const std::size_t count = wide ? 4 : 3;  // as many as kd shows
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = listed.arguments[i];
    out += (i == 0 ? "" : " ");
    out += value ? base::address_text(*value, wide) : wide ? "????????`????????" : "????????";
  }
  return out;
}

}  // namespace

std::string frame_line(std::size_t number, const ListedFrame& listed, const StackColumns& columns,
                       bool wide) {
  const Frame& frame = *listed.frame;
  const bool is_wide = wide && !frame.is_wow64;
  std::string out = columns.numbers ? fmt::format("{:02x} ", number) : "";
  if (columns.only_names) return out + site_of(listed, columns, is_wide) + "\n";
  if (columns.bytes)
    out += listed.bytes ? fmt::format("{:>9x} ", *listed.bytes) : std::string(10, ' ');
  if (frame.is_inline) {
    constexpr std::string_view none = "--------`--------";
    out += is_wide ? "(Inline Function) --------`-------- " : "(Inline) -------- ";
    if (columns.arguments && is_wide)
      out += fmt::format(": {0} {0} {0} {0} : ", none);
    else if (columns.arguments)
      out += "-------- -------- -------- ";
    return out + site_of(listed, columns, is_wide) + "\n";
  }
  out += base::address_text(listed.stack_pointer, is_wide) + " " +
         base::address_text(frame.return_address, is_wide) + " ";
  if (columns.arguments)
    out +=
        is_wide ? ": " + arguments_text(listed, true) + " : " : arguments_text(listed, false) + " ";
  return out + site_of(listed, columns, is_wide) + "\n";
}

base::Result<stacks::Stack> stack_of_context(Console& console) {
  const Context& context = console.context;
  if (context.given)
    return console.walker().walk_from(context.given->registers, false, context.thread);
  const bool runs = context.processor && (!context.thread || context.thread->address ==
                                                                 context.processor->current_thread);
  if (runs) return console.walker().walk_processor(*context.processor);
  if (context.thread) return console.walker().walk_thread(*context.thread);
  return base::fail("no thread and no processor's context is in this dump");
}

std::string listing_text(const StackListing& listing, const StackColumns& columns,
                         base::Architecture architecture) {
  const bool wide = base::is_64_bit(architecture);
  std::string out = heading_of(columns, architecture == base::Architecture::x86);
  for (std::size_t i = 0; i < listing.frames.size(); ++i) {
    if (listing.frames[i].may_be_wrong)
      out += "WARNING: Stack unwind information not available. Following frames may be wrong.\n";
    out += frame_line(i, listing.frames[i], columns, wide);
  }
  return out;
}

}  // namespace ntstack::console
