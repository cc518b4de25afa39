#include "console/dump_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "base/text.h"
#include "dump/bitmap.h"
#include "dump/header.h"
#include "dump/kernel_stacks.h"
#include "report/container.h"
#include "report/times.h"

namespace ntstack::console {
namespace {

constexpr std::uint64_t kUnset32 = 0x45474150;  // the letters PAGE: never written

struct HeaderField {
  std::string_view name;
  std::uint16_t at_64, at_32;
  std::uint8_t size;  // bytes; 0: a pointer's
};

constexpr std::uint16_t kNone = 0xffff;
constexpr std::array kHeader = {HeaderField{"MajorVersion", 8, 8, 4},
                                HeaderField{"MinorVersion", 0xc, 0xc, 4},
                                HeaderField{"KdSecondaryVersion", 0x104d, 0x5d, 1},
                                HeaderField{"DirectoryTableBase", 0x10, 0x10, 0},
                                HeaderField{"PfnDataBase", 0x18, 0x14, 0},
                                HeaderField{"PsLoadedModuleList", 0x20, 0x18, 0},
                                HeaderField{"PsActiveProcessHead", 0x28, 0x1c, 0},
                                HeaderField{"MachineImageType", 0x30, 0x20, 4},
                                HeaderField{"NumberProcessors", 0x34, 0x24, 4},
                                HeaderField{"BugCheckCode", 0x38, 0x28, 4},
                                HeaderField{"BugCheckParameter1", 0x40, 0x2c, 0},
                                HeaderField{"BugCheckParameter2", 0x48, 0x30, 0},
                                HeaderField{"BugCheckParameter3", 0x50, 0x34, 0},
                                HeaderField{"BugCheckParameter4", 0x58, 0x38, 0},
                                HeaderField{"PaeEnabled", kNone, 0x5c, 1},
                                HeaderField{"KdDebuggerDataBlock", 0x80, 0x60, 0},
                                HeaderField{"DumpType", 0xf98, 0xf88, 4},
                                HeaderField{"RequiredDumpSpace", 0xfa0, 0xfa0, 8},
                                HeaderField{"SystemTime", 0xfa8, 0xfc0, 8},
                                HeaderField{"SystemUpTime", 0x1030, 0xfb8, 8},
                                HeaderField{"MiniDumpFields", 0x1038, 0xf8c, 4},
                                HeaderField{"SecondaryDataState", 0x103c, 0xf90, 4},
                                HeaderField{"ProductType", 0x1040, 0xf94, 4},
                                HeaderField{"SuiteMask", 0x1044, 0xf98, 4},
                                HeaderField{"WriterStatus", 0x1048, 0xf9c, 4},
                                HeaderField{"Attributes", 0x1050, 0x8a0, 4}};

constexpr std::array kTriage = {HeaderField{"ServicePackBuild", 0, 0, 4},
                                HeaderField{"SizeOfDump", 4, 4, 4},
                                HeaderField{"ValidOffset", 8, 8, 4},
                                HeaderField{"ContextOffset", 0xc, 0xc, 4},
                                HeaderField{"ExceptionOffset", 0x10, 0x10, 4},
                                HeaderField{"MmOffset", 0x14, 0x14, 4},
                                HeaderField{"UnloadedDriversOffset", 0x18, 0x18, 4},
                                HeaderField{"PrcbOffset", 0x1c, 0x1c, 4},
                                HeaderField{"ProcessOffset", 0x20, 0x20, 4},
                                HeaderField{"ThreadOffset", 0x24, 0x24, 4},
                                HeaderField{"CallStackOffset", 0x28, 0x28, 4},
                                HeaderField{"SizeOfCallStack", 0x2c, 0x2c, 4},
                                HeaderField{"DriverListOffset", 0x30, 0x30, 4},
                                HeaderField{"DriverCount", 0x34, 0x34, 4},
                                HeaderField{"StringPoolOffset", 0x38, 0x38, 4},
                                HeaderField{"StringPoolSize", 0x3c, 0x3c, 4},
                                HeaderField{"BrokenDriverOffset", 0x40, 0x40, 4},
                                HeaderField{"TriageOptions", 0x44, 0x44, 4},
                                HeaderField{"TopOfStack", 0x48, 0x48, 0},
                                HeaderField{"DataPageAddress", 0x60, 0x4c, 0},
                                HeaderField{"DataPageOffset", 0x68, 0x50, 4},
                                HeaderField{"DataPageSize", 0x6c, 0x54, 4},
                                HeaderField{"DebuggerDataOffset", 0x70, 0x58, 4},
                                HeaderField{"DebuggerDataSize", 0x74, 0x5c, 4},
                                HeaderField{"DataBlocksOffset", 0x78, 0x60, 4},
                                HeaderField{"DataBlocksCount", 0x7c, 0x64, 4}};

constexpr std::array kMinidump = {HeaderField{"Version", 4, 4, 4},
                                  HeaderField{"NumberOfStreams", 8, 8, 4},
                                  HeaderField{"StreamDirectoryRva", 0xc, 0xc, 4},
                                  HeaderField{"CheckSum", 0x10, 0x10, 4},
                                  HeaderField{"TimeDateStamp", 0x14, 0x14, 4},
                                  HeaderField{"Flags", 0x18, 0x18, 8}};

std::uint64_t value_at(base::Bytes bytes, std::uint64_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value |= std::uint64_t{bytes.get_or<std::uint8_t>(at + i, 0)} << (8 * i);
  return value;
}

std::string field_line(base::Bytes bytes, const HeaderField& field, bool wide) {
  const std::uint16_t at = wide ? field.at_64 : field.at_32;
  if (at == kNone) return {};
  const std::size_t size = field.size == 0 ? (wide ? 8 : 4) : field.size;
  if (!bytes.contains(at, size))
    return fmt::format("{:<22}(the file ends before it)\n", field.name);
  const std::uint64_t value = value_at(bytes, at, size);
  const std::string text =
      size == 8 ? base::address_text(value, true) : fmt::format("{:08x}", value);
  const bool is_unset = size >= 4 && value == (size == 8 ? kUnset32 << 32 | kUnset32 : kUnset32);
  return fmt::format("{:<22}{}{}\n", field.name, text, is_unset ? "   (never written)" : "");
}

std::string fields_text(base::Bytes bytes, std::span<const HeaderField> fields, bool wide) {
  std::string out;
  for (const HeaderField& field : fields) out += field_line(bytes, field, wide);
  return out;
}

std::string_view kind_of(const dump::Dump& dump) {
  switch (dump.kind) {
    case dump::Kind::triage:
      return "Kernel Mini Dump";
    case dump::Kind::full:
      return "Full kernel dump";
    case dump::Kind::summary:
      return "Kernel Summary Dump";
    case dump::Kind::bitmap:
      return "Kernel Bitmap Dump";
    case dump::Kind::rdmp:
      return "Kernel Dump of a debugger";
    default:
      return {};
  }
}

std::string pages_text(base::Bytes file, const dump::KernelHeader& header) {
  if (!dump::has_bitmap(file, header)) return {};
  const auto place = dump::bitmap_place(file, header);
  if (!place) return {};
  return fmt::format("\nBITMAP_DUMP:\n{:<22}{}\n{:<22}{:08x}\n{:<22}{:x}\n", "FirstPage",
                     base::address_text(place->first_page, true), "BitmapOffset", place->bits,
                     "BitmapSize", place->bit_count);
}

std::string kernel_text(const dump::Dump& dump, base::Bytes file) {
  const auto header = dump::read_kernel_header(file);
  if (!header) return fmt::format("note: {}\n", header.error().text());
  const bool wide = header->is_64_bit;
  std::string out = fmt::format("----- {} bit {} Analysis\n\nDUMP_HEADER{}:\n", wide ? 64 : 32,
                                kind_of(dump), wide ? 64 : 32);
  out += fields_text(file, kHeader, wide);
  if (dump.system_time)
    out += fmt::format("{:<22}{}\n", "(SystemTime is)", report::time_text(*dump.system_time));
  if (!header->comment.empty())
    out += fmt::format("{:<22}{}\n", "Comment", base::printable(header->comment));
  if (dump.kind == dump::Kind::triage)
    out += fmt::format("\nTRIAGE_DUMP{}:\n", wide ? 64 : 32) +
           fields_text(file.clamp(header->size), kTriage, wide);
  return out + pages_text(file, *header);
}

// MINIDUMP_STREAM_TYPE.
std::string_view stream_name(std::uint32_t type) {
  if (type == dump::kernel_stacks_stream) return "ntstack's KernelStacks";
  constexpr std::array<std::string_view, 25> names = {"UnusedStream",
                                                      "ReservedStream0",
                                                      "ReservedStream1",
                                                      "ThreadListStream",
                                                      "ModuleListStream",
                                                      "MemoryListStream",
                                                      "ExceptionStream",
                                                      "SystemInfoStream",
                                                      "ThreadExListStream",
                                                      "Memory64ListStream",
                                                      "CommentStreamA",
                                                      "CommentStreamW",
                                                      "HandleDataStream",
                                                      "FunctionTableStream",
                                                      "UnloadedModuleListStream",
                                                      "MiscInfoStream",
                                                      "MemoryInfoListStream",
                                                      "ThreadInfoListStream",
                                                      "HandleOperationListStream",
                                                      "TokenStream",
                                                      "JavaScriptDataStream",
                                                      "SystemMemoryInfoStream",
                                                      "ProcessVmCountersStream",
                                                      "IptTraceStream",
                                                      "ThreadNamesStream"};
  return type < names.size() ? names[type] : "of its writer's own";
}

std::string minidump_text(base::Bytes file) {
  constexpr std::uint32_t most = 1024, entry_size = 12;
  std::string out = "----- User Mini Dump Analysis\n\nMINIDUMP_HEADER:\n" +
                    fields_text(file, kMinidump, true) + "\nStreams:\n";
  const auto count = file.get_or<std::uint32_t>(8, 0);
  const auto directory = file.get_or<std::uint32_t>(0xc, 0);
  for (std::uint32_t i = 0; i < std::min(count, most); ++i) {
    const base::Bytes entry = file.clamp(directory + std::uint64_t{i} * entry_size, entry_size);
    const auto type = entry.get<std::uint32_t>(0), size = entry.get<std::uint32_t>(4),
               rva = entry.get<std::uint32_t>(8);
    if (!type || !size || !rva) return out + "the file ends before the other streams\n";
    out += fmt::format("Stream {}: type {} ({}), size {:08X}, RVA {:08X}\n", i, stream_name(*type),
                       *type, *size, *rva);
  }
  if (count > most) out += fmt::format("and {} more\n", count - most);
  return out;
}

}  // namespace

std::string dump_header_text(const dump::Dump& dump) {
  const std::string name = report::container_name(dump);
  if (!dump.file) return name + "\nnote: its file is not at hand\n";
  const base::Bytes file = dump.file->bytes();
  if (dump.kind == dump::Kind::minidump || dump.kernel_stacks) return minidump_text(file);
  if (dump::is_kernel_dump(file)) return kernel_text(dump, file);
  return fmt::format("----- {}: it has no header of Windows\n{}", name,
                     report::container_lines(dump));
}

std::string secondary_text(const dump::SecondaryData& data, std::size_t most) {
  constexpr std::size_t in_row = 16;
  std::string out = fmt::format("{} - 0x{:x} bytes\n", data.tag.text(), data.bytes.size());
  const base::Bytes head = data.bytes.clamp(0, most);
  for (std::size_t at = 0; at < head.size(); at += in_row) {
    std::string hex, characters;
    for (std::size_t i = at; i < std::min(at + in_row, head.size()); ++i) {
      const auto byte = head.get_or<std::uint8_t>(i, 0);
      hex += fmt::format("{}{:02X}", i == at ? "" : i == at + 8 ? "  " : " ", byte);
      characters += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    out += fmt::format("  {:<48}  {}\n", hex, characters);
  }
  if (head.size() < data.bytes.size())
    out += fmt::format("  and 0x{:x} more\n", data.bytes.size() - head.size());
  return out;
}

}  // namespace ntstack::console
