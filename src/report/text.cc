#include "report/text.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_values.h"
#include "base/text.h"
#include "report/captures.h"
#include "report/container.h"
#include "report/offset_lines.h"
#include "report/times.h"

namespace ntstack::report {
namespace {

using base::address_text;
using stacks::Frame;
using stacks::Stack;

// Colours that read on dark and on light ground.
struct Paint {
  bool on;
  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string doubtful(std::string_view text) const { return wrap("33", text); }
  std::string quiet(std::string_view text) const { return wrap("2", text); }

 private:
  std::string wrap(std::string_view code, std::string_view text) const {
    return on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
};

// How a frame was found, in the width of a column.
std::string_view trust_text(const Frame& frame) {
  if (frame.is_inline) return "inline";
  switch (frame.trust) {
    case unwind::Trust::context:
      return "context";
    case unwind::Trust::switch_frame:
      return "switched";
    case unwind::Trust::unwind_info:
      return "unwind";
    case unwind::Trust::frame_data:
      return "frmdata";
    case unwind::Trust::fpo:
      return "fpo";
    case unwind::Trust::frame_pointer:
      return "frameptr";
    case unwind::Trust::code:
      return "code";
    case unwind::Trust::trap_frame:
      return "trap";
    case unwind::Trust::stack_switch:
      return "stackswt";
    case unwind::Trust::reconstructed:
      return "rebuilt~";
    case unwind::Trust::scan:
      return "scan?";
  }
  return "";
}

std::string header_line(const DumpFacts& facts) {
  const dump::Dump& dump = facts.dump;
  std::string line = fmt::format("{}: {}, {}", facts.file_name, container_name(dump),
                                 base::name_of(dump.architecture));
  const std::uint32_t build = facts.machine.kernel().build();
  const std::uint32_t processors = facts.machine.kernel().processor_count();
  if (build != 0) line += fmt::format(", Windows build {}", build);
  if (processors != 0)
    line += fmt::format(", {} processor{}", processors, processors == 1 ? "" : "s");
  return line + "\n";
}

std::string bugcheck_line(const dump::Dump& dump) {
  if (!dump.bugcheck) return "";
  const analysis::BugcheckMeaning* meaning = analysis::bugcheck_meaning(dump.bugcheck->code);
  const auto& p = dump.bugcheck->parameters;
  return fmt::format("bugcheck {:x} {} ({:x}, {:x}, {:x}, {:x})\n", dump.bugcheck->code,
                     meaning ? meaning->name : "(unknown code)", p[0], p[1], p[2], p[3]);
}

template <class Facts>
std::string warning_lines(const Facts& facts) {
  std::string out;
  for (const std::string& warning : warnings_of(facts)) out += fmt::format("note: {}\n", warning);
  return out;
}

std::string call_site(const Frame& frame, bool is_64_bit) {
  std::string text = frame.symbol.text();
  if (text.empty()) text = "0x" + address_text(frame.ip, is_64_bit);
  if (frame.trap_frame)
    text += fmt::format(" (TrapFrame @ {})", address_text(*frame.trap_frame, is_64_bit));
  if (frame.symbol.source) {
    text += fmt::format(" [{} @ {}]", base::printable(frame.symbol.source->file),
                        frame.symbol.source->line);
  }
  return text;
}

std::string frame_line(std::size_t number, const Frame& frame, bool is_64_bit, const Paint& paint) {
  const bool guess = frame.trust == unwind::Trust::scan;
  const std::uint64_t sp = frame.child_ebp.value_or(frame.child_sp);
  const std::string bytes =
      frame.frame_bytes && !frame.is_inline ? fmt::format("{:x}", *frame.frame_bytes) : "";
  const std::string returns = frame.is_inline
                                  ? std::string(is_64_bit ? "(Inline Function)" : "(Inline)")
                                  : address_text(frame.return_address, is_64_bit);
  const std::string trust = fmt::format("{:<8}", trust_text(frame));
  const std::string site = call_site(frame, is_64_bit);
  return fmt::format("{:02x} {} {:<{}} {:>6} {} {}\n", number, address_text(sp, is_64_bit), returns,
                     is_64_bit ? 17 : 8, bytes, guess ? paint.doubtful(trust) : paint.quiet(trust),
                     guess ? paint.doubtful(site) : site);
}

std::string frame_heading(bool is_64_bit, bool is_x86, const Paint& paint) {
  const int width = is_64_bit ? 17 : 8;
  return paint.quiet(fmt::format(" # {:<{}} {:<{}} {:>6} {:<8} {}",
                                 is_x86 ? "ChildEBP" : "Child-SP", width, "RetAddr", width, "Bytes",
                                 "Found by", "Call Site")) +
         "\n";
}

std::string frame_table(const std::vector<Frame>& frames, bool is_64_bit, bool is_x86,
                        const Paint& paint) {
  std::string out = frame_heading(is_64_bit, is_x86, paint);
  bool warned = false, is_wow64 = false;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].is_wow64 && !is_wow64) {
      is_wow64 = true;
      out += "32-bit code (WOW64), on a stack of its own:\n" + frame_heading(false, true, paint);
    }
    if (!warned && frames[i].trust == unwind::Trust::scan) {
      out += paint.doubtful(
                 "WARNING: frames marked scan? were looked for on the stack and may be wrong.") +
             "\n";
      warned = true;
    }
    out += frame_line(i, frames[i], is_64_bit && !is_wow64, paint);
  }
  return out;
}

// "THREAD ffff...  Cid 3adc.5920  w3wp.exe  WAIT: (Executive)"
std::string thread_text(const Stack& stack, bool is_64_bit) {
  if (!stack.thread) return "unknown thread";
  const target::Thread& thread = *stack.thread;
  std::string out = "THREAD";
  if (thread.address != 0) out += " " + address_text(thread.address, is_64_bit);
  if (thread.id) {
    const std::uint64_t process_id = thread.process_id.value_or(0);
    out += fmt::format("  Cid {:04x}.{:04x}", process_id, *thread.id);
  }
  if (stack.process && !stack.process->name.empty()) {
    out += "  " + std::string(base::file_name_of(base::printable(stack.process->name)));
  }
  const std::string& name = thread.name.empty() ? stack.thread_name : thread.name;
  if (!name.empty()) out += fmt::format("  \"{}\"", base::printable(name));
  const std::string state = state_text(thread);
  if (!state.empty()) out += "  " + state;
  if (thread.captured && !stack.listed_state.empty())
    out += fmt::format(", before that {}", stack.listed_state);
  if (thread.found_by == target::FoundBy::scan) out += "  (found by a scan of memory, in no list)";
  if (!thread.object_present && thread.address != 0) out += "  (thread object not in the dump)";
  return out;
}

std::uint64_t stack_used(const Stack& stack) {
  if (stack.frames.empty() || stack.segments.empty()) return 0;
  const auto& segments = stack.segments;
  const auto own = std::ranges::find_if(
      segments, [&](const auto& s) { return s.contains(stack.frames[0].child_sp); });
  return own == segments.end() ? 0 : own->base - stack.frames[0].child_sp;
}

std::string segment_lines(const Stack& stack, bool is_64_bit) {
  std::string out;
  for (const target::StackSegment& segment : stack.segments) {
    out +=
        fmt::format("  {} stack {} .. {}{}\n", target::name_of(segment.kind),
                    address_text(segment.limit, is_64_bit), address_text(segment.base, is_64_bit),
                    segment.limit_known ? "" : " (usual size; the limit is not in the dump)");
  }
  if (const std::uint64_t used = stack_used(stack))
    out += fmt::format("  {:#x} bytes in use\n", used);
  return out;
}

// What makes stacks identical: the same call sites, found in the same ways.
std::string group_key(const Stack& stack) {
  std::string key;
  for (const Frame& frame : stack.frames) {
    const std::string site = frame.symbol.text();
    key += site.empty() ? base::hex_text(frame.ip) : site;
    // A saved context and a switch frame are as good as each other.
    const bool is_start = frame.trust == unwind::Trust::switch_frame;
    const unwind::Trust trust = is_start ? unwind::Trust::context : frame.trust;
    key += static_cast<char>('A' + static_cast<int>(trust));
    key += '\n';
  }
  return key;
}

struct Group {
  std::vector<const Stack*> members;  // the first is shown
};

std::vector<Group> grouped(const std::vector<Stack>& stacks, bool group) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> by_key;
  for (const Stack& stack : stacks) {
    const bool alone = !group || stack.frames.empty() || !stack.bugcheck_frames.empty();
    if (!alone) {
      const auto [at, is_new] = by_key.try_emplace(group_key(stack), groups.size());
      if (!is_new) {
        groups[at->second].members.push_back(&stack);
        continue;
      }
    }
    groups.push_back({{&stack}});
  }
  return groups;
}

std::string group_title(const Group& group, bool is_64_bit, const Paint& paint) {
  const auto title = [&](const Stack& stack) {
    const std::string on = stack.processor ? fmt::format("Processor {}: ", *stack.processor) : "";
    return on + thread_text(stack, is_64_bit);
  };
  if (group.members.size() == 1) return paint.bold(title(*group.members[0])) + "\n";
  std::string out = paint.bold(fmt::format("{} threads like this:", group.members.size())) + "\n";
  for (const Stack* stack : group.members) out += "  " + title(*stack) + "\n";
  return out;
}

std::string stack_text(const Group& group, const DumpFacts& facts, const Paint& paint) {
  const bool is_64_bit = facts.machine.is_64_bit();
  const bool is_x86 = facts.dump.architecture == base::Architecture::x86;
  const Stack& stack = *group.members[0];
  std::string out = "\n" + group_title(group, is_64_bit, paint);
  if (group.members.size() == 1) out += segment_lines(stack, is_64_bit);
  if (stack.frames.empty()) return out + "  no frames: " + stack.end_reason + "\n";
  if (!stack.bugcheck_frames.empty()) {
    out += "from the exception to the bugcheck:\n";
    out += frame_table(stack.bugcheck_frames, is_64_bit, is_x86, paint);
    out += "where it happened:\n";
  }
  out += frame_table(stack.frames, is_64_bit, is_x86, paint);
  if (stack.end != stacks::End::base && stack.end != stacks::End::user_mode) {
    out += paint.doubtful(fmt::format("the stack is not whole: {}", stack.end_reason)) + "\n";
  }
  if (std::ranges::any_of(stack.frames, &Frame::child_sp_is_bound)) {
    out +=
        "note: of frames without images only a lower bound of the stack pointer is known: "
        "the end of the frame record that led there\n";
  }
  for (const std::string& note : stack.notes) out += fmt::format("note: {}\n", note);
  return out;
}

std::string missing_text(const std::vector<symbols::Missing>& missing, const Paint& paint) {
  if (missing.empty()) return "";
  std::string out = "\n" + paint.bold("Not at hand, for these stacks:") + "\n";
  for (const symbols::Missing& one : missing) {
    out += fmt::format("  {:<24} {:<6} {}\n", base::printable(one.module), one.what,
                       base::printable(one.remedy));
  }
  return out;
}

}  // namespace

std::string heading_text(const DumpFacts& facts) {
  return header_line(facts) + bugcheck_line(facts.dump);
}
std::string thread_line(const stacks::Stack& stack, bool is_64_bit) {
  return thread_text(stack, is_64_bit);
}

std::string frames_text(const std::vector<Frame>& frames, const DumpFacts& facts,
                        const TextStyle& style, std::size_t most) {
  const std::size_t count = std::min(frames.size(), most);
  const std::vector<Frame> shown(frames.begin(),
                                 frames.begin() + static_cast<std::ptrdiff_t>(count));
  std::string out =
      frame_table(shown, facts.machine.is_64_bit(),
                  facts.dump.architecture == base::Architecture::x86, Paint{style.colour});
  if (count < frames.size()) out += fmt::format("... {} more frames\n", frames.size() - count);
  return out;
}

std::string info_text(const DumpFacts& facts, const TextStyle& style) {
  const dump::Dump& dump = facts.dump;
  const Paint paint{style.colour};
  std::string out = header_line(facts);
  if (dump.system_time) out += fmt::format("written   {}\n", time_text(*dump.system_time));
  if (dump.up_time) out += fmt::format("up for    {} s\n", *dump.up_time / 10'000'000);
  if (!dump.comment.empty()) out += fmt::format("comment   {}\n", base::printable(dump.comment));
  if (dump.bugcheck) {
    out += paint.bold(bugcheck_line(dump));
    const analysis::BugcheckMeaning* meaning = analysis::bugcheck_meaning(dump.bugcheck->code);
    for (std::size_t i = 0; meaning && i < 4; ++i) {
      const std::string words = analysis::parameter_words(*dump.bugcheck, i, dump.architecture);
      if (meaning->parameters[i].empty() && words.empty()) continue;
      out += fmt::format("  {} {}{}{}\n", address_text(dump.bugcheck->parameters[i], true),
                         meaning->parameters[i], words.empty() ? "" : ": ", words);
    }
  }
  if (dump.exception) {
    out += fmt::format("exception {:08x} at {}\n", dump.exception->code,
                       address_text(dump.exception->address, facts.machine.is_64_bit()));
  }
  out += container_lines(dump);
  out += kernel_lines(facts.machine.kernel());
  out += fmt::format("modules   {} loaded, {} unloaded\n", facts.machine.kernel().modules().size(),
                     facts.machine.kernel().unloaded_modules().size());
  const auto& processors = facts.machine.processors();
  const auto with_context =
      std::ranges::count_if(processors, [](const auto& p) { return !p.context.empty(); });
  if (!processors.empty()) {
    out += fmt::format("in here   {} processor blocks, {} with a context\n", processors.size(),
                       with_context);
  }
  out += fmt::format("threads   {}\n", facts.machine.threads().size());
  if (const std::string asked = capture_text(facts.machine); !asked.empty()) out += asked + "\n";
  out += offset_lines(facts.machine);
  for (const dump::SecondaryData& data : dump.secondary) {
    out += fmt::format("data      {} {} bytes\n", data.tag.text(), data.bytes.size());
  }
  return out + warning_lines(facts);
}

std::string modules_text(const DumpFacts& facts) {
  const bool wide = facts.machine.is_64_bit();
  std::string out =
      fmt::format("{:<{}} {:<{}} timestamp name\n", "start", wide ? 17 : 8, "end", wide ? 17 : 8);
  for (const dump::ModuleRecord& module : facts.machine.kernel().modules()) {
    out += fmt::format("{} {} {:08x}  {}{}\n", address_text(module.base, wide),
                       address_text(module.base + module.size, wide), module.timestamp,
                       base::printable(module.path),
                       module.in_session_space ? " (session space)" : "");
  }
  if (!facts.machine.kernel().unloaded_modules().empty()) out += "\nunloaded:\n";
  for (const dump::UnloadedModuleRecord& module : facts.machine.kernel().unloaded_modules()) {
    out += fmt::format("{} {}           {}\n", address_text(module.begin, wide),
                       address_text(module.end, wide), base::printable(module.name));
  }
  return out;
}

std::string stacks_text(const StackFacts& facts, const TextStyle& style) {
  const Paint paint{style.colour};
  std::string out = header_line(facts.of) + paint.bold(bugcheck_line(facts.of.dump));
  if (const std::string asked = capture_text(facts.of.machine); !asked.empty()) out += asked + "\n";
  for (const DumpFacts& other : facts.more) {
    out += "with " + header_line(other);
    if (const std::string asked = capture_text(other.machine); !asked.empty())
      out += "     " + asked + "\n";
  }
  out += set_text(facts);
  out += warning_lines(facts);
  for (const Group& group : grouped(facts.stacks, style.group))
    out += stack_text(group, facts.of_dump(group.members[0]->dump), paint);
  if (facts.stacks.empty()) out += "\nno thread and no processor's context is in this dump\n";
  return out + missing_text(facts.missing, paint);
}

}  // namespace ntstack::report
