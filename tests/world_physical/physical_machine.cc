#include "world_physical/physical_machine.h"

#include <algorithm>

#include "world_physical/debugger_data.h"
#include "world_physical/page_table_writer.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t console_root = 0x1b9ef3;  // as the listing's DirBase, where there is such

TableKind kind_of(const KernelLayout& layout) {
  if (layout.pointer_size == 4) return layout.has_pae ? TableKind::x86_pae : TableKind::x86;
  return layout.machine == 0xaa64 ? TableKind::arm64 : TableKind::x64;
}

class Placer {
 public:
  explicit Placer(PhysicalMachine& machine)
      : machine_(machine),
        memory_(machine.memory),
        kind_(kind_of(machine.kernel.layout)),
        large_page_(large_page_size(kind_)) {}

  void place_kernel() {
    PageTableWriter tables(memory_, kind_, machine_.kernel_tables);
    tables.map_self(page_tables());
    for (const std::uint64_t address : machine_.kernel.large) place_large(tables, address);
    for (const auto& [address, page] : machine_.kernel.memory.pages()) {
      if (is_large(address) || is_shared(address)) continue;
      if (contains(machine_.kernel.paged_out, address)) {
        tables.map(address, entry_of::paged_out(0x12345));
        continue;
      }
      const std::uint64_t at = copy(*page);
      const bool in_transition = contains(machine_.kernel.in_transition, address) &&
                                 is_known(kind_, TableEntry::What::transition);
      tables.map(address, in_transition ? entry_of::transition(at) : entry_of::data(at));
      if (address == machine_.kernel.prototype_entries) prototypes_ = at;
    }
    if (is_known(kind_, TableEntry::What::prototype)) place_prototypes(tables);
  }

  void place_process(const ProcessTruth& process) {
    const std::uint64_t root = process.directory_table_base;
    PageTableWriter tables(memory_, kind_, root);
    if (root != machine_.kernel_tables) {
      tables.share_kernel_half(machine_.kernel_tables);
      tables.map_self(page_tables());
    }
    for (const std::uint64_t address : process.user_pages) {
      const std::uint64_t at = memory_.allocate();
      memory_.put(at << 12, process.id);
      memory_.put((at << 12) + 8, address);
      tables.map(address, entry_of::user_data(at));
    }
  }

 private:
  static bool contains(const std::vector<std::uint64_t>& list, std::uint64_t address) {
    return std::ranges::find(list, address) != list.end();
  }
  std::uint64_t page_tables() const { return machine_.kernel.layout.page_tables; }
  std::uint64_t large_page_of(std::uint64_t address) const { return address & ~(large_page_ - 1); }
  bool is_large(std::uint64_t address) const {
    return std::ranges::any_of(machine_.kernel.large, [&](std::uint64_t each) {
      return large_page_of(each) == large_page_of(address);
    });
  }
  bool is_shared(std::uint64_t address) const {
    return is_known(kind_, TableEntry::What::prototype) &&
           contains(machine_.kernel.through_prototype, address);
  }
  std::uint64_t copy(const Page& page) {
    const std::uint64_t at = memory_.allocate();
    memory_.page(at) = page;
    return at;
  }
  void place_large(PageTableWriter& tables, std::uint64_t address) {
    const std::uint64_t at = memory_.allocate_large(large_page_ >> 12);
    const std::uint64_t begin = large_page_of(address);
    tables.map_large(begin, at);
    for (const auto& [virtual_address, page] : machine_.kernel.memory.pages())
      if (virtual_address - begin < large_page_)
        memory_.page(at + ((virtual_address - begin) >> 12)) = *page;
  }
  // Every second one's prototype entry is in transition itself.
  void place_prototypes(PageTableWriter& tables) {
    std::uint64_t index = 0;
    for (const std::uint64_t address : machine_.kernel.through_prototype) {
      const std::uint64_t at = copy(*machine_.kernel.memory.pages().at(address));
      memory_.put((prototypes_ << 12) + 8 * index,
                  bits_of(kind_, index % 2 ? entry_of::transition(at) : entry_of::data(at)));
      tables.map(address, entry_of::prototype(machine_.kernel.prototype_entries + 8 * index));
      index++;
    }
  }

  PhysicalMachine& machine_;
  PhysicalMemory& memory_;
  TableKind kind_;
  std::uint64_t large_page_;
  std::uint64_t prototypes_ = 0;
};

}  // namespace

std::vector<PageRun> runs_of_gb(std::uint64_t gb) {
  if (gb < 4) return {{0x1, 0x9e}, {0x100, 0x40000 * gb - 0x100}};
  return {{0x1, 0x9e}, {0x100, 0xbf200}, {0xbf400, 0x600}, {0x100000, 0x40000 * gb - 0xc0000}};
}

std::vector<PageRun> runs_of_16_gb() { return runs_of_gb(16); }

std::vector<PageRun> runs_of_few(std::uint64_t pages) {
  return {{0x1, 0x9e}, {0x100, 0x3}, {0x105, 1}, {0x200, pages}, {0x100000, pages / 2}};
}

std::vector<PageRun> runs_below_4_gb(std::uint64_t pages) {
  return {{0x1, 0x9e}, {0x100, 0x3}, {0x105, 1}, {0x400, pages}, {0xf0000, pages / 2}};
}

PhysicalMachine make_physical_machine(const Stories& stories, const KernelLayout& layout,
                                      const MachineSize& size, std::vector<PageRun> runs,
                                      bool encoded) {
  PhysicalMachine machine{{}, PhysicalMemory(std::move(runs))};
  PhysicalMemory& memory = machine.memory;
  const TableKind kind = kind_of(layout);
  machine.kernel_tables = PageTableWriter::allocate_root(memory, kind);
  machine.kernel_root = machine.kernel_tables >> 12;
  std::vector<std::uint64_t> tables{machine.kernel_tables};
  memory.begin_user();
  const bool is_large = memory.page_count() > console_root;
  while (tables.size() + 1 < size.processes) {
    const bool is_console = tables.size() == 2 && is_large;
    tables.push_back(is_console ? memory.allocate_at(console_root) << 12
                                : PageTableWriter::allocate_root(memory, kind));
  }
  tables.push_back(machine.kernel_tables);  // the idle process runs on the system's
  machine.kernel = make_kernel(stories, layout, size, tables);
  if (encoded) encode_debugger_data(machine.kernel);
  memory.end_user();
  Placer placer(machine);
  placer.place_kernel();
  memory.begin_user();
  for (const ProcessTruth& process : machine.kernel.processes) placer.place_process(process);
  return machine;
}

}  // namespace ntstack::world
