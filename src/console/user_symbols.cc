#include "console/user_symbols.h"

#include <fmt/format.h>

#include "base/text.h"
#include "memory/page_tables.h"
#include "target/user_process.h"

namespace ntstack::console {
namespace {

// What a server is asked for: each image's PDB, or the image that tells which it is.
std::vector<store::Wanted> wanted_of(symbols::Symbolizer& symbolizer) {
  std::vector<store::Wanted> wanted;
  for (std::size_t i = 0; i < symbolizer.modules().size(); ++i) {
    symbols::Lacking lacking = symbolizer.lacking(i);
    if (lacking.pdb) wanted.push_back(std::move(*lacking.pdb));
    if (lacking.pdb_is_unknown && lacking.image) wanted.push_back(std::move(*lacking.image));
  }
  return wanted;
}

}  // namespace

base::Result<void> load_user_symbols(Console& console) {
  const target::Process* process = console.context.process;
  if (!process) return base::fail("the context has no process: .process takes one");
  const std::string name = base::printable(process->name);
  if (!process->peb || *process->peb == 0)
    return base::fail("{} has no user part: its PEB is not known",
                      name.empty() ? "the process" : name);
  const base::ByteSource* memory = console.user_half().memory_of(console.machine(), process);
  if (!memory)
    return base::fail(
        "this dump has no memory of processes, so {}'s modules are not known: a user "
        "dump of it, taken with this one, has them (ntstack stacks DUMP USERDUMP)",
        name);
  const auto modules =
      target::read_user_modules(*memory, *process->peb, console.machine().is_64_bit());
  if (modules.empty())
    return base::fail("{}'s list of modules is not in the dump: its PEB at {} leads to none", name,
                      console.address_text(*process->peb));
  if (!console.symbolizer_maker()) return base::fail("images of processes can't be read here");
  auto symbolizer = console.symbolizer_maker()(modules, *memory);
  for (int round = 0; round < 2 && console.fetch; ++round) {
    if (console.fetch(wanted_of(*symbolizer)) == 0) break;
    symbolizer = console.symbolizer_maker()(modules, *memory);
  }
  std::size_t found = 0;
  for (std::size_t i = 0; i < symbolizer->modules().size(); ++i) {
    const bool has = symbolizer->pdb(i) || symbolizer->dwarf(i);
    found += has ? 1 : 0;
    console.write(fmt::format("{}   {:<16} {}\n",
                              console.address_text(symbolizer->modules()[i].base),
                              base::printable(symbolizer->short_name(i)),
                              has ? "(pdb symbols)" : "(no symbols of its own)"));
  }
  console.write(fmt::format("{} of {} modules of {} have symbols\n", found,
                            symbolizer->modules().size(), name));
  console.user_half().set_images(std::move(symbolizer));
  return {};
}

}  // namespace ntstack::console
