#include "world_physical/headerless.h"

#include <fstream>

#include "world_physical/page_table_writer.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t interrupt_table = 0xfffff80004200000;  // ours: a page of its own
constexpr std::uint64_t shared_user_data = 0xfffff78000000000;
constexpr std::uint64_t shadow_cr3 = 0x9000;  // in the KPCR, as Windows 10 19041 has it

// The machine's memory by virtual address.
class Kernel {
 public:
  explicit Kernel(PhysicalMachine& machine)
      : memory_(machine.memory),
        root_(machine.kernel_root),
        tables_(memory_, TableKind::x64, machine.kernel_tables) {}

  std::uint64_t page_of(std::uint64_t address) {
    std::uint64_t table = root_;
    for (unsigned shift = 39;; shift -= 9) {
      const std::uint64_t entry = memory_.get((table << 12) + 8 * (address >> shift & 511));
      table = entry >> 12 & 0xfffffffff;
      if (shift == 21 && (entry & 0x80) != 0) return table + (address >> 12 & 511);
      if (shift == 12) return table;
    }
  }
  void make_page(std::uint64_t address) {
    tables_.map(address, entry_of::data(memory_.allocate()));
  }
  template <class T>
  void put(std::uint64_t address, T value) {
    std::memcpy(memory_.page(page_of(address)).data() + address % 0x1000, &value, sizeof value);
  }

 private:
  PhysicalMemory& memory_;
  std::uint64_t root_;
  PageTableWriter tables_;
};

void put_interrupt_table(Kernel& kernel, std::uint64_t handler) {
  kernel.make_page(interrupt_table);
  kernel.put(interrupt_table, static_cast<std::uint16_t>(handler));
  kernel.put(interrupt_table + 2, std::uint32_t{0x8e00'0010});
  kernel.put(interrupt_table + 6, static_cast<std::uint16_t>(handler >> 16));
  kernel.put(interrupt_table + 8, static_cast<std::uint32_t>(handler >> 32));
}

void put_shared_user_data(Kernel& kernel, std::uint32_t build) {
  kernel.make_page(shared_user_data);
  const bool is_10 = build >= 10240;
  kernel.put(shared_user_data + 0x2c, std::uint32_t{0x8664'8664});
  constexpr std::u16string_view root = u"C:\\WINDOWS";
  for (std::size_t i = 0; i < root.size(); i++)
    kernel.put(shared_user_data + 0x30 + 2 * i, static_cast<std::uint16_t>(root[i]));
  if (is_10) kernel.put(shared_user_data + 0x260, build);
  kernel.put(shared_user_data + 0x26c, is_10 ? 10u : 6u);
  kernel.put(shared_user_data + 0x270, is_10 ? 0u : 1u);
}

class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path), out_(path, std::ios::binary) {
    if (!out_) throw std::runtime_error("cannot write " + path.string());
  }
  void write(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    out_.seekp(static_cast<std::streamoff>(offset));
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  template <class T>
  void put(std::uint64_t offset, T value) {
    write(offset, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // The pages of a run from `offset` on.
  void write_run(const PhysicalMemory& memory, const PageRun& run, std::uint64_t offset) {
    auto page = memory.pages().lower_bound(run.first);
    for (; page != memory.pages().end() && page->first < run.first + run.count; ++page)
      write(offset + ((page->first - run.first) << 12), *page->second);
  }
  void finish(std::uint64_t size) {
    out_.close();
    std::filesystem::resize_file(path_, size);
    if (!out_) throw std::runtime_error("cannot write " + path_.string());
  }

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

void write_raw(const PhysicalMemory& memory, File& file) {
  for (const PageRun& run : memory.runs()) file.write_run(memory, run, run.first << 12);
  file.finish((memory.runs().back().first + memory.runs().back().count) << 12);
}

void write_lime(const PhysicalMemory& memory, File& file) {
  std::uint64_t at = 0;
  for (const PageRun& run : memory.runs()) {
    file.put(at, std::uint32_t{0x4c694d45});
    file.put(at + 4, std::uint32_t{1});
    file.put(at + 8, run.first << 12);
    file.put(at + 0x10, ((run.first + run.count) << 12) - 1);
    file.put(at + 0x18, std::uint64_t{0});
    file.write_run(memory, run, at + 0x20);
    at += 0x20 + (run.count << 12);
  }
  file.finish(at);
}

// A note of QEMU's for each processor (QEMUCPUState of its target/i386/arch_dump.c).
class CoreWriter {
 public:
  CoreWriter(PhysicalMachine& machine, const Stories& stories, File& file)
      : machine_(machine), stories_(stories), file_(file) {}

  void write(std::uint64_t cr3) {
    const auto& runs = machine_.memory.runs();
    const std::uint64_t notes = 0x40 + 0x38 * (runs.size() + 1);
    const std::uint64_t notes_size = note_size * stories_.world->processors();
    std::uint64_t at = (notes + notes_size + 0xfff) & ~0xfffull;
    write_header(runs.size() + 1);
    program_header(0, 4, notes, 0, notes_size);
    for (std::size_t i = 0; i < runs.size(); i++) {
      program_header(i + 1, 1, at, runs[i].first << 12, runs[i].count << 12);
      file_.write_run(machine_.memory, runs[i], at);
      at += runs[i].count << 12;
    }
    for (unsigned i = 0; i < stories_.world->processors(); i++)
      write_note(notes + note_size * i, i, cr3);
    file_.finish(at);
  }

 private:
  static constexpr std::uint64_t state_size = 0x1b8, note_size = 12 + 8 + state_size;

  void write_header(std::size_t headers) {
    file_.put(0, std::uint64_t{0x00010102464c457f});
    file_.put(0x10, std::uint32_t{62 << 16 | 4});  // a core of x86-64
    file_.put(0x14, std::uint32_t{1});
    file_.put(0x20, std::uint64_t{0x40});
    file_.put(0x34, std::uint32_t{0x38 << 16 | 0x40});
    file_.put(0x38, static_cast<std::uint16_t>(headers));
  }
  void program_header(std::size_t index, std::uint32_t type, std::uint64_t offset,
                      std::uint64_t physical, std::uint64_t size) {
    const std::uint64_t at = 0x40 + 0x38 * index;
    file_.put(at, type);
    file_.put(at + 8, offset);
    file_.put(at + 0x18, physical);
    file_.put(at + 0x20, size);
    file_.put(at + 0x28, size);
  }
  void write_note(std::uint64_t at, unsigned processor, std::uint64_t cr3) {
    file_.put(at, std::uint32_t{5});
    file_.put(at + 4, static_cast<std::uint32_t>(state_size));
    file_.put(at + 8, std::uint32_t{0});
    file_.write(at + 12, std::vector<std::uint8_t>{'Q', 'E', 'M', 'U', 0, 0, 0, 0});
    write_state(at + 20, processor, cr3);
  }
  void write_state(std::uint64_t at, unsigned processor, std::uint64_t cr3) {
    const auto& context = stories_.crash.threads.at(processor).context;
    file_.put(at, std::uint32_t{1});
    file_.put(at + 4, static_cast<std::uint32_t>(state_size));
    // CONTEXT has rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8..r15 from 78 on.
    constexpr unsigned order[] = {0, 3, 1, 2, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
    for (std::uint64_t i = 0; i < 16; i++)
      file_.write(at + 8 + 8 * i, std::span(context).subspan(0x78 + 8 * order[i], 8));
    file_.write(at + 0x88, std::span(context).subspan(0xf8, 8));
    file_.put(at + 0x90, std::uint64_t{0x246});
    const auto segment = [&](unsigned index, std::uint32_t selector, std::uint64_t base) {
      file_.put(at + 0x98 + 0x18 * index, selector);
      file_.put(at + 0x98 + 0x18 * index + 0x10, base);
    };
    segment(0, 0x10, 0);
    segment(5, 0x18, 0);
    segment(4, 0x2b, stories_.world->pcr(processor));
    segment(9, 0, interrupt_table);
    file_.put(at + 0x188, std::uint64_t{0x80050033});
    file_.put(at + 0x188 + 3 * 8, cr3);
    file_.put(at + 0x188 + 4 * 8, std::uint64_t{0x1506f8});
    file_.put(at + 0x1b0, stories_.world->pcr(processor));
  }

  PhysicalMachine& machine_;
  const Stories& stories_;
  File& file_;
};

// Tables as a processor in user mode has them: of the kernel's half the KPCRs alone.
std::uint64_t make_shadow(PhysicalMachine& machine, const Stories& stories) {
  const std::uint64_t root = machine.memory.allocate();
  PageTableWriter tables(machine.memory, TableKind::x64, root << 12);
  Kernel kernel(machine);
  for (unsigned i = 0; i < stories.world->processors(); i++) {
    for (const std::uint64_t at : {std::uint64_t{0}, shadow_cr3}) {
      const std::uint64_t address = stories.world->pcr(i) + at;
      tables.map(address, entry_of::data(kernel.page_of(address)));
    }
    kernel.put(stories.world->pcr(i) + shadow_cr3, machine.kernel_root << 12 | 2);
  }
  return root;
}

}  // namespace

void put_traces(PhysicalMachine& machine, const Stories& stories, bool keep_kdbg) {
  Kernel kernel(machine);
  const std::uint32_t build = machine.kernel.layout.build;
  put_interrupt_table(kernel, stories.world->nt("KiSystemCall64"));
  put_shared_user_data(kernel, build);
  kernel.put(stories.world->nt("NtBuildNumber"), 0xf0000000 | build);
  kernel.put(stories.world->nt("PsInitialSystemProcess"),
             machine.kernel.processes.front().eprocess);
  for (const ProcessTruth& process : machine.kernel.processes) {
    const std::uint64_t root = process.directory_table_base;
    if (root != machine.kernel_tables)
      PageTableWriter(machine.memory, TableKind::x64, root)
          .share_kernel_half(machine.kernel_tables);
  }
  for (std::uint32_t at = 0; !keep_kdbg && at < machine.kernel.kdbg_size; at += 8)
    kernel.put(machine.kernel.kdbg + at, std::uint64_t{0});
}

void write_headerless(PhysicalMachine& machine, const Stories& stories, Headerless container,
                      const std::filesystem::path& path) {
  File file(path);
  switch (container) {
    case Headerless::raw:
      return write_raw(machine.memory, file);
    case Headerless::lime:
      return write_lime(machine.memory, file);
    case Headerless::elf:
      return CoreWriter(machine, stories, file).write(machine.kernel_root << 12 | 2);
    case Headerless::elf_shadow:
      return CoreWriter(machine, stories, file).write(make_shadow(machine, stories) << 12 | 0x802);
  }
}

}  // namespace ntstack::world
