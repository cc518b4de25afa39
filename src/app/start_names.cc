#include "app/start_names.h"

#include "report/lists.h"
#include "target/facts.h"
#include "target/user_process.h"

namespace ntstack::app {

std::string StartNames::text_of(symbols::Symbolizer& symbolizer, std::uint64_t address) {
  const auto module = symbolizer.module_at(address);
  if (!module) return "";
  modules_.emplace(&symbolizer, *module);
  return symbolizer.name(address, false).function.text();
}

void StartNames::add_lacking(std::vector<store::Wanted>& files) {
  for (const auto& [symbolizer, module] : modules_) {
    symbols::Lacking lacking = symbolizer->lacking(module);
    if (lacking.pdb)
      files.push_back(std::move(*lacking.pdb));
    else if (lacking.pdb_is_unknown && lacking.image)
      files.push_back(std::move(*lacking.image));
  }
}

StartNames::UserImages& StartNames::images_of(const target::Process& process) {
  const auto [found, is_new] = images_.try_emplace(process.address);
  UserImages& images = found->second;
  if (!is_new || process.peb.value_or(0) == 0 || !process.directory_table_base) return images;
  const target::Machine& machine = session_.machine();
  images.memory = machine.kernel().address_space(*process.directory_table_base);
  if (!images.memory) return images;
  auto modules = target::read_user_modules(*images.memory, *process.peb, machine.is_64_bit());
  if (const auto wow64 = read_process_facts(machine, process).wow64_peb) {
    const auto more = target::read_user_modules(*images.memory, *wow64, false);
    modules.insert(modules.end(), more.begin(), more.end());
  }
  if (!modules.empty()) images.symbolizer = make_(modules, *images.memory);
  return images;
}

std::string StartNames::name_of(const target::Thread& thread) {
  const target::Machine& machine = session_.machine();
  const auto start = report::start_of(machine, thread);
  if (!start || *start == 0) return "";
  if (std::string name = text_of(session_.symbolizer(), *start); !name.empty()) return name;
  const target::Process* process = machine.process_of(thread);
  if (!process || process->address == 0) return "";
  UserImages& images = images_of(*process);
  return images.symbolizer ? text_of(*images.symbolizer, *start) : "";
}

}  // namespace ntstack::app
