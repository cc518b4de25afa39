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
      return "user minidump";
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
  if (dump.directory_table_base != 0) {
    out += fmt::format("tables    page tables at {:#x}{}\n", dump.directory_table_base,
                       dump.pae ? ", PAE" : "");
  } else if (!dump.processors.empty() && dump.processors.front().cr3) {
    out += fmt::format("tables    page tables at {:#x}, CR3 of processor {}{}\n",
                       *dump.processors.front().cr3, dump.processors.front().number,
                       dump.pae ? ", PAE" : "");
  }
  const auto with_context = std::ranges::count_if(
      dump.processors, [](const dump::ProcessorRecord& p) { return !p.context.empty(); });
  if (!dump.processors.empty()) {
    out += fmt::format("saved     registers of {} processors, {} with a context\n",
                       dump.processors.size(), with_context);
  }
  return out;
}

}  // namespace ntstack::report
