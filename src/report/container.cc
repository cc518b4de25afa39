#include "report/container.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "dump/header.h"

namespace ntstack::report {
namespace {

std::string_view kernel_dump_name(const dump::Dump& dump) {
  using dump::DumpType;
  switch (static_cast<DumpType>(dump.dump_type.value_or(0))) {
    case DumpType::bitmap_full:
      return "complete bitmap dump";
    case DumpType::bitmap_kernel:
      return "kernel bitmap dump";
    case DumpType::automatic:
      return "automatic kernel bitmap dump";
    case DumpType::live_kernel:
      return "kernel dump by a debugger (RDMP)";
    case DumpType::live_kernel_and_user:
      return "kernel and user dump by a debugger (RDMP)";
    case DumpType::live_full:
      return "complete dump by a debugger (RDMP)";
    default:
      return dump.kind == dump::Kind::rdmp ? "dump by a debugger (RDMP)" : "bitmap dump";
  }
}

std::string_view kind_name(const dump::Dump& dump) {
  switch (dump.kind) {
    case dump::Kind::triage:
      return "kernel triage dump";
    case dump::Kind::minidump:
      if ((dump.attributes & dump::attribute_live_dump) != 0) return "running process";
      return "user minidump";
    case dump::Kind::kernel_stacks:
      return "kernel stacks of a process, by ntstack.sys";
    case dump::Kind::full:
      return "complete dump";
    case dump::Kind::summary:
      return "kernel summary dump";
    case dump::Kind::bitmap:
    case dump::Kind::rdmp:
      return kernel_dump_name(dump);
    case dump::Kind::elf:
      return "ELF memory core";
    case dump::Kind::lime:
      return "LiME memory dump";
    case dump::Kind::vmware:
      return "VMware memory and state";
    case dump::Kind::raw:
      return "raw physical memory";
  }
  return "dump";
}

}  // namespace

std::string container_name(const dump::Dump& dump) {
  std::string name(kind_name(dump));
  const bool is_live = (dump.attributes & dump::attribute_live_dump) != 0;
  if (is_live && dump.physical) name += " of a running machine";
  return name;
}

std::string container_lines(const dump::Dump& dump) {
  if (!dump.physical) return "";
  std::string out = fmt::format("memory    {} pages of physical memory, {} MB\n",
                                dump.physical_bytes / dump::page_size, dump.physical_bytes >> 20);
  const auto with_context = std::ranges::count_if(
      dump.processors, [](const dump::ProcessorRecord& p) { return !p.context.empty(); });
  if (!dump.processors.empty()) {
    out += fmt::format("saved     registers of {} processors, {} with a context\n",
                       dump.processors.size(), with_context);
  }
  return out;
}

std::string kernel_lines(const target::Kernel& kernel) {
  std::string out;
  if (const memory::PageTables* tables = kernel.page_tables()) {
    out += fmt::format("tables    page tables at {:#x} ({}), by {}\n", tables->root(),
                       memory::name_of(tables->paging()), kernel.tables_found_by());
  }
  if (kernel.base() != 0 && !kernel.base_found_by().empty()) {
    out +=
        fmt::format("kernel    nt at {}, by {}\n",
                    base::address_text(kernel.base(), kernel.is_64_bit()), kernel.base_found_by());
  }
  if (kernel.kdbg()) {
    out += fmt::format("kdbg      {} bytes at {}{}, by {}\n", kernel.kdbg()->size(),
                       base::address_text(kernel.kdbg_address(), kernel.is_64_bit()),
                       kernel.kdbg_was_encoded() ? ", encoded" : "", kernel.kdbg_found_by());
  }
  return out;
}

}  // namespace ntstack::report
