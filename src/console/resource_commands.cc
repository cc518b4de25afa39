// !locks: the ERESOURCEs that are held, their owners and those who wait for them.
#include <fmt/format.h>

#include "analysis/resources.h"
#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/thread_text.h"
#include "target/list.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

std::string resource_name(Console& console, std::uint64_t address) {
  const std::string plain = "0x" + plain_address(console, address);
  if (!console.symbolizer().module_at(address)) return plain;
  return fmt::format("{} ({})", base::printable(console.name_of(address)), plain);
}

std::string state_of(const analysis::Resource& resource) {
  if (!resource.is_held()) return "Available";
  if (resource.is_exclusive) return "Exclusively owned";
  const std::size_t owners = std::max<std::size_t>(1, resource.owners.size());
  return fmt::format("Shared {} owning threads", owners);
}

// "     Threads: ff688da0-01<*> ff66ad60-01<*>"; <*> behind threads of the dump.
std::string owners_text(const Console& console, const analysis::Resource& resource) {
  constexpr std::size_t in_row = 3;
  if (resource.owners.empty())
    return resource.is_held() ? "     Threads: not in the dump\n" : std::string();
  std::string out = "     Threads: ";
  for (std::size_t i = 0; i < resource.owners.size(); ++i) {
    const analysis::ResourceOwner& owner = resource.owners[i];
    if (i != 0 && i % in_row == 0) out += "\n              ";
    out += fmt::format("{}-{:02x}{}    ", plain_address(console, owner.thread), owner.count,
                       console.machine().thread_at(owner.thread) ? "<*>" : "");
  }
  while (out.ends_with(' ')) out.pop_back();
  return out + "\n";
}

std::string waiting_text(const Console& console, std::string_view how,
                         const std::vector<std::uint64_t>& threads) {
  if (threads.empty()) return {};
  std::string out = fmt::format("     Threads Waiting On {} Access:\n", how);
  for (const std::uint64_t thread : threads)
    out += fmt::format("              {}\n", plain_address(console, thread));
  return out;
}

std::string resource_text(Console& console, const analysis::Resource& resource) {
  std::string out = fmt::format("Resource @ {}    {}\n", resource_name(console, resource.address),
                                state_of(resource));
  if (resource.contention_count != 0)
    out += fmt::format("    Contention Count = {}\n", resource.contention_count);
  if (resource.shared_waiters != 0)
    out += fmt::format("    NumberOfSharedWaiters = {}\n", resource.shared_waiters);
  if (resource.exclusive_waiters != 0)
    out += fmt::format("    NumberOfExclusiveWaiters = {}\n", resource.exclusive_waiters);
  return out + owners_text(console, resource) +
         waiting_text(console, "Shared", resource.waiting_shared) +
         waiting_text(console, "Exclusive", resource.waiting_exclusive) + "\n";
}

Done show_one(Console& console, std::string_view text) {
  const auto value = console.evaluate(text);
  if (!value) return std::unexpected(value.error());
  const std::uint64_t address = as_address(*value, console.is_64_bit());
  const auto resource = analysis::ResourceReader(console.kernel_view()).at(address);
  if (!resource)
    return base::fail("the resource at {} is not in the dump", plain_address(console, address));
  if (!resource->doubt.empty())
    return base::fail("no resource is at {}: {}", plain_address(console, address), resource->doubt);
  console.write(resource_text(console, *resource));
  if (!resource->is_confirmed)
    console.write(
        "note: that it is a resource is not confirmed: its neighbours in the list of resources are "
        "not in the dump\n");
  return {};
}

struct Counts {
  std::size_t all = 0, held = 0, not_there = 0, doubtful = 0;
};

std::string counts_text(const Counts& counts, const std::string& broken, bool is_by_types) {
  std::string out =
      fmt::format("{} total locks, {} locks currently held\n", counts.all, counts.held);
  if (counts.not_there != 0)
    out += fmt::format("note: {} of them are not in the dump\n", counts.not_there);
  if (counts.doubtful != 0)
    out += fmt::format("note: {} do not look like resources{}\n", counts.doubtful,
                       is_by_types ? "" : ": nt's PDB (-y) would say how resources look here");
  if (!broken.empty()) out += fmt::format("note: the list of resources is not whole: {}\n", broken);
  return out;
}

Done show_all(Console& console, bool is_verbose) {
  constexpr std::size_t most = 1'000'000;
  const auto head = analysis::resource_list_of(console.kernel_view());
  if (!head) return std::unexpected(head.error());
  const target::ListWalk list =
      target::walk_list(console.machine().memory(), *head, console.is_64_bit(), most);
  if (list.entries.empty() && !list.broken.empty())
    return base::fail(
        "the list of resources at {} is not in the dump ({}): a kernel or complete memory dump "
        "has it",
        plain_address(console, *head), list.broken);
  console.write("**** DUMP OF ALL RESOURCE OBJECTS ****\n");
  const analysis::ResourceReader reader(console.kernel_view());
  Counts counts;
  for (const std::uint64_t address : list.entries) {
    if (console.is_interrupted()) return base::fail("interrupted");
    ++counts.all;
    const auto resource = reader.at(address);
    counts.not_there += resource ? 0 : 1;
    if (!resource) continue;
    counts.doubtful += resource->doubt.empty() ? 0 : 1;
    if (!resource->doubt.empty()) continue;
    counts.held += resource->is_held() ? 1 : 0;
    if (resource->is_held() || is_verbose) console.write(resource_text(console, *resource));
  }
  console.write(counts_text(counts, list.broken, reader.is_by_types()));
  return {};
}

Done locks_command(Console& console, const Arguments& arguments) {
  if (console.is_user_dump())
    return base::fail("a user dump has no ERESOURCEs: they are the kernel's");
  std::string_view text = arguments.text;
  bool is_verbose = false;
  while (text.starts_with('-')) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (word != "-v" && word != "-d")
      return base::fail("!locks takes -v and an address, not {}", base::printable(word));
    is_verbose |= word == "-v";
    text = without_blanks(text.substr(word.size()));
  }
  // An address of 0, as kd has it: all of them.
  if (!text.empty() && text != "0") return show_one(console, text);
  return show_all(console, is_verbose);
}

}  // namespace

std::vector<Command> resource_commands() {
  return {{{"!locks"},
           "",
           {"!locks [-v] [ADDRESS]"},
           "Kernel resources (ERESOURCE) that are held, their owners and who waits for them",
           "-v shows all of them, an address that one. Behind a thread stands how often it has "
           "acquired\n"
           "the resource, and <*> where the thread is in this dump; what is none is a pointer that "
           "a driver\n"
           "chose for an owner.",
           {{"!locks", "held resources"}, {"!locks fffffa8001a2b3c0", "one of them"}},
           Completion::expression,
           locks_command}};
}

}  // namespace ntstack::console
