// What ntstack reads of a dump of physical memory, for other programs to compare: the header's
// facts, then every page with a checksum.
#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "dump/dump.h"

namespace {

using ntstack::base::Bytes;
using ntstack::base::ByteSource;

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  std::uint32_t crc = UINT32_MAX;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

void list_pages(const ByteSource& memory, const char* name) {
  std::uint64_t address = 0;
  while (true) {
    const auto page = memory.copy(address, 0x1000);
    if (!page.empty()) {
      fmt::print("{} {:x} {:x} {:08x}\n", name, address, page.size(), crc32_of(page));
      address += 0x1000;
    } else {
      const std::uint64_t next = memory.hole_end(address);
      if (next == UINT64_MAX || next <= address) return;
      address = next;
    }
  }
}

void list_processor(const ntstack::dump::ProcessorRecord& processor) {
  const Bytes context(std::span<const std::byte>(processor.context));
  fmt::print("processor {} cr0 {:x} cr3 {:x} cr4 {:x} gs {:x} gdt {:x} idt {:x} context ",
             processor.number, processor.cr0.value_or(0), processor.cr3.value_or(0),
             processor.cr4.value_or(0), processor.gs_base.value_or(0),
             processor.gdt_base.value_or(0), processor.idt_base.value_or(0));
  for (const std::byte byte : context.span()) fmt::print("{:02x}", std::to_integer<unsigned>(byte));
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto dump = ntstack::dump::open(ntstack::base::path_from_utf8(argv[1]));
  if (!dump) {
    fmt::print(stderr, "{}\n", dump.error().text());
    return 1;
  }
  fmt::print("kind {}\narchitecture {}\ndump_type {:x}\n", ntstack::dump::name_of(dump->kind),
             ntstack::base::name_of(dump->architecture), dump->dump_type.value_or(0));
  fmt::print("directory_table_base {:x}\nps_loaded_module_list {:x}\n", dump->directory_table_base,
             dump->ps_loaded_module_list);
  fmt::print("ps_active_process_head {:x}\nkd_debugger_data_block {:x}\n",
             dump->ps_active_process_head, dump->kd_debugger_data_block);
  fmt::print("build {:x}\nprocessors {:x}\nbugcheck {:x}\n", dump->build, dump->processor_count,
             dump->bugcheck ? dump->bugcheck->code : 0);
  for (std::size_t i = 0; dump->bugcheck && i < 4; ++i) {
    fmt::print("parameter{} {:x}\n", i, dump->bugcheck->parameters[i]);
  }
  if (dump->context.size() >= 0x100 && dump->dump_type) {
    fmt::print("rip {:x}\n", dump->context.get_or<std::uint64_t>(0xf8, 0));
  }
  for (const auto& processor : dump->processors) list_processor(processor);
  for (const std::string& warning : dump->warnings) fmt::print("warning {}\n", warning);
  if (dump->physical) list_pages(*dump->physical, "page");
  if (dump->mapped) list_pages(*dump->mapped, "mapped");
  return 0;
}
