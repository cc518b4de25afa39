// !stacks, !uniqstack, !findstack, !kstack: the stacks of all threads.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analysis/near_limit.h"
#include "analysis/stack_blocker.h"
#include "base/text.h"
#include "console/all_stacks.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/thread_text.h"
#include "report/facts.h"
#include "report/stack_use.h"
#include "target/facts.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;
using stacks::Stack;
using target::Thread;

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

// kd's words for a thread's state.
std::string state_word(const Thread& thread) {
  constexpr std::uint8_t running = 2;
  if (thread.processor) return "RUNNING";
  if (thread.captured) return "captured";
  if (target::is_waiting(thread)) return "Blocked";
  if (!thread.object_present || !thread.state) return "????";
  if (*thread.state == running) return "RUNNING";
  const std::string_view name = target::thread_state_name(*thread.state);
  return name.empty() ? fmt::format("state {}", *thread.state) : std::string(name);
}

std::string frame_name(const Console& console, const stacks::Frame& frame) {
  const std::string name = frame.symbol.text();
  return name.empty() ? "0x" + console.address_text(frame.ip) : name;
}

std::string blocker_text(Console& console, const Stack& stack) {
  const stacks::Frame* blocker = analysis::blocker_of(stack);
  if (!blocker) return fmt::format("({})", stack.end_reason);
  return frame_name(console, *blocker) +
         (blocker->trust == unwind::Trust::scan ? "  (a guess)" : "");
}

// "   4.000008  ffffe000... 0000a3b Blocked    nt!MmZeroPageThread+0x55"
std::string summary_line(Console& console, const Thread& thread, const Stack& stack,
                         const target::Clock& clock) {
  const auto id = [](std::optional<std::uint64_t> number, int width, char fill) {
    std::string text = number ? fmt::format("{:x}", *number) : std::string("????");
    const auto wanted = static_cast<std::size_t>(width);
    return text.size() < wanted ? std::string(wanted - text.size(), fill) + text : text;
  };
  const auto wait_start = target::read_thread_facts(console.machine(), thread).wait_start;
  const std::string ticks =
      wait_start && clock.ticks ? fmt::format("{:07x}", *clock.ticks - *wait_start) : "???????";
  return fmt::format("{}.{}  {} {} {:<10} {}\n", id(thread.process_id, 4, ' '),
                     id(thread.id, 6, '0'), plain_address(console, thread.address), ticks,
                     state_word(thread), blocker_text(console, stack));
}

struct Summary {
  std::uint64_t level = 0;
  std::string filter;  // empty: every thread
};

Summary summary_of(std::string_view text) {
  Summary summary;
  const std::string_view first = first_word(text);
  const bool is_level = first.size() == 1 && first[0] >= '0' && first[0] <= '2';
  if (is_level) {
    summary.level = static_cast<std::uint64_t>(first[0] - '0');
    text = without_blanks(text.substr(1));
  }
  summary.filter = text;
  return summary;
}

// Of !stacks: what was left out is counted.
class Listing {
 public:
  Listing(Console& console, Summary summary)
      : console_(console), summary_(std::move(summary)), clock_(read_clock(console.machine())) {}

  void add(const Thread& thread, const Stack& stack) {
    ++processed_;
    if (!is_wanted(stack)) return;
    show_process(console_.machine().process_of(thread));
    console_.write(summary_line(console_, thread, stack, clock_));
    if (summary_.level == 2)
      console_.write("\n" + stack_text(console_, stack, StackColumns{}) + "\n");
  }

  void finish() {
    console_.write(fmt::format("\nThreads Processed: {}\n", processed_));
    if (usual_ != 0)
      console_.write(
          fmt::format("{} that wait as usual are left out (!stacks 1 shows them)\n", usual_));
    if (empty_ != 0)
      console_.write(fmt::format(
          "{} whose stack is not in the dump are left out (!stacks 1 says why)\n", empty_));
  }

 private:
  bool is_wanted(const Stack& stack) {
    if (!summary_.filter.empty())
      return std::ranges::any_of(stack.frames, [&](const stacks::Frame& frame) {
        return has_symbol(frame, summary_.filter);
      });
    if (summary_.level != 0) return true;
    if (stack.frames.empty()) return ++empty_, false;
    if (analysis::is_usual_wait(stack)) return ++usual_, false;
    return true;
  }

  void show_process(const target::Process* process) {
    if (has_shown_ && process == shown_) return;
    has_shown_ = true;
    shown_ = process;
    console_.write(process ? fmt::format("{:28}[{} {}]\n", "",
                                         plain_address(console_, process->address),
                                         base::printable(process->name))
                           : fmt::format("{:28}[a process that is not in the dump]\n", ""));
  }

  Console& console_;
  Summary summary_;
  target::Clock clock_;
  const target::Process* shown_ = nullptr;
  bool has_shown_ = false;
  std::size_t processed_ = 0, usual_ = 0, empty_ = 0;
};

Done stacks_command(Console& console, const Arguments& arguments) {
  if (console.is_user_dump())
    return base::fail("a user dump has no kernel threads: ~ and !uniqstack show its threads");
  if (console.machine().threads().empty()) return base::fail("the dump tells of no threads");
  const std::size_t width = console.is_64_bit() ? 16 : 8;
  console.write(fmt::format("Proc.Thread  {:<{}} {:<7} {:<10} {}\n", ".Thread", width, "Ticks",
                            "ThreadState", "Blocker"));
  Listing listing(console, summary_of(arguments.text));
  const auto done = for_each_stack(
      console, [&](const Thread& thread, const Stack& stack) { listing.add(thread, stack); });
  if (!done) return done;
  listing.finish();
  return {};
}

std::string thread_name(const Console& console, const Thread& thread) {
  if (thread.address == 0) return cid_text(thread);
  return fmt::format("{} ({})", plain_address(console, thread.address), cid_text(thread));
}

// What makes two stacks the same: every return address, and how frames were found.
std::string key_of(const Stack& stack) {
  std::string key;
  for (const stacks::Frame& frame : stack.frames)
    key += fmt::format("{:x}{}{} ", frame.ip, frame.is_inline ? frame.symbol.name : "",
                       frame.trust == unwind::Trust::scan ? "?" : "");
  return key;
}

struct Same {
  Stack stack;  // of the first
  std::vector<const Thread*> threads;
};

base::Result<StackColumns> columns_of(std::string_view text) {
  StackColumns columns;
  while (!text.empty()) {
    const std::string_view word = first_word(text);
    if (word.size() < 2 || word[0] != '-' ||
        word.find_first_not_of("bvpn", 1) != std::string_view::npos)
      return base::fail("!uniqstack takes -b, -v, -p and -n, not {}", base::printable(word));
    columns.numbers |= word.find('n') != std::string_view::npos;
    columns.notes |= word.find_first_of("vp") != std::string_view::npos;
    columns.arguments |= word.find_first_of("bvp") != std::string_view::npos;
    text = without_blanks(text.substr(word.size()));
  }
  return columns;
}

Done uniqstack_command(Console& console, const Arguments& arguments) {
  const auto columns = columns_of(arguments.text);
  if (!columns) return std::unexpected(columns.error());
  const std::size_t count = console.machine().threads().size();
  console.write(fmt::format("Processing {} threads, please wait\n\n", count));
  std::vector<Same> all;
  std::map<std::string, std::size_t> by_key;
  const auto done = for_each_stack(console, [&](const Thread& thread, const Stack& stack) {
    const auto [at, is_new] = by_key.try_emplace(key_of(stack), all.size());
    if (is_new) all.push_back({stack, {}});
    all[at->second].threads.push_back(&thread);
  });
  if (!done) return done;
  std::ranges::stable_sort(all, std::ranges::greater(),
                           [](const Same& same) { return same.threads.size(); });
  for (const Same& same : all) {
    std::string heading = same.threads.size() == 1
                              ? "1 thread:\n"
                              : fmt::format("{} threads:\n", same.threads.size());
    for (const Thread* thread : same.threads) {
      const target::Process* process = console.machine().process_of(*thread);
      heading += fmt::format("    {}  {}  {}\n", thread_name(console, *thread), state_word(*thread),
                             process ? base::printable(process->name) : "");
    }
    console.write(heading + stack_text(console, same.stack, *columns) + "\n");
  }
  console.write(fmt::format("Total threads: {}\nUnique callstacks: {}\nDuplicate callstacks: {}\n",
                            count, all.size(), count - all.size()));
  return {};
}

struct Search {
  std::string symbol;
  std::uint64_t level = 1;
};

base::Result<Search> search_of(std::string_view text) {
  Search search;
  search.symbol = first_word(text);
  const std::string_view level = without_blanks(text.substr(search.symbol.size()));
  if (search.symbol.empty())
    return base::fail("!findstack takes a symbol, with * and ? where wanted, or a part of one");
  if (level.empty()) return search;
  if (level.size() != 1 || level[0] < '0' || level[0] > '2')
    return base::fail("!findstack shows at level 0, 1 or 2, not {}", base::printable(level));
  search.level = static_cast<std::uint64_t>(level[0] - '0');
  return search;
}

Done findstack_command(Console& console, const Arguments& arguments) {
  const auto search = search_of(arguments.text);
  if (!search) return std::unexpected(search.error());
  std::size_t found = 0;
  const auto done = for_each_stack(console, [&](const Thread& thread, const Stack& stack) {
    const StackColumns columns{.numbers = true};
    const StackListing listing = list_stack(console, stack, columns, UINT64_MAX);
    std::string lines;
    std::size_t matching = 0;
    for (std::size_t i = 0; i < listing.frames.size(); ++i) {
      if (!has_symbol(*listing.frames[i].frame, search->symbol)) continue;
      ++matching;
      lines += "        * " + frame_line(i, listing.frames[i], columns, console.is_64_bit());
    }
    if (matching == 0) return;
    ++found;
    const target::Process* process = console.machine().process_of(thread);
    console.write(fmt::format("Thread {}{}, {} frame(s) match\n", thread_name(console, thread),
                              process ? " " + base::printable(process->name) : "", matching));
    if (search->level == 1) console.write(lines + "\n");
    if (search->level == 2) console.write(stack_text(console, stack, columns) + "\n");
  });
  if (!done) return done;
  if (found == 0) return base::fail("no stack has {}", base::printable(search->symbol));
  console.write(fmt::format("{} of {} threads\n", found, console.machine().threads().size()));
  return {};
}

Done kstack_command(Console& console, const Arguments& arguments) {
  if (console.is_user_dump()) return base::fail("a user dump has no kernel stacks");
  const target::Machine& machine = console.machine();
  report::StackUseFacts facts{
      {machine.dump(), machine, console.symbolizer(), console.file_name()}, {}, {}, {}, 0, {}};
  facts.top = SIZE_MAX;
  if (!arguments.text.empty()) {
    const auto count = console.evaluate(arguments.text);
    if (!count) return std::unexpected(count.error());
    facts.top = static_cast<std::size_t>(*count);
  }
  facts.near_limits = analysis::threads_by_room(machine);
  const std::string text = report::near_limits_text(facts, {});
  if (text.empty()) return base::fail("the dump tells of no kernel stacks");
  console.write(text.substr(1));  // without the empty line in front
  if (facts.near_limits.terminated != 0)
    console.write(
        fmt::format("  {} terminated threads are left out\n", facts.near_limits.terminated));
  return {};
}

}  // namespace

std::vector<Command> all_stacks_commands() {
  return {{{"!stacks"},
           "",
           {"!stacks [0|1|2] [FILTER]"},
           "What every thread is blocked in, a line each",
           "0 leaves out threads that wait as usual (workers without work, user threads in waits "
           "of their\n"
           "own, idle threads) and stacks that the dump lacks; 1 shows all threads; 2 all with "
           "their stacks.\n"
           "FILTER: threads alone whose stack has a symbol with it, in any case of letters, of all "
           "threads.\n"
           "Ticks are those since the thread began to wait.",
           {{"!stacks", "threads that are worth a look"},
            {"!stacks 2 ntfs!", "whole stacks of those in Ntfs"}},
           Completion::none,
           stacks_command},
          {{"!uniqstack"},
           "",
           {"!uniqstack [-b|-v|-p] [-n]"},
           "Equal stacks once, with their threads",
           "The stacks of most threads come first. -b and -v show the words where the first "
           "arguments are,\n"
           "-v and -p also the notes of kv, -n the frames' numbers.",
           {{"!uniqstack -n", "with numbers"}},
           Completion::none,
           uniqstack_command},
          {{"!findstack"},
           "",
           {"!findstack SYMBOL [0|1|2]"},
           "Threads with a symbol on their stack",
           "SYMBOL is a part of MODULE!NAME+OFFSET, or with * and ? the whole of MODULE!NAME or "
           "NAME. 0\n"
           "shows the threads alone, 1 the frames too, 2 whole stacks.",
           {{"!findstack rdbss! 2", "stacks with frames of rdbss"},
            {"!findstack nt!*Resource*", "threads in functions of that name"}},
           Completion::expression,
           findstack_command},
          {{"!kstack"},
           "",
           {"!kstack [COUNT]"},
           "How full kernel stacks are, those with least room first",
           "`ntstack stack-use` shows the same, and who uses a stack.",
           {{"!kstack 10", "the sixteen with least room"}},
           Completion::none,
           kstack_command}};
}

}  // namespace ntstack::console
