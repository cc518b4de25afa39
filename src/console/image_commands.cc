// !lmi: what a module's image says of itself, and where its symbols are from.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/thread_text.h"
#include "pe/image.h"
#include "report/times.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;
using base::printable;

base::Result<std::size_t> module_of(Console& console, std::string_view text) {
  if (text.empty()) return base::fail("!lmi takes a module's name or an address in it");
  symbols::Symbolizer& symbolizer = console.symbolizer();
  if (const auto named = analysis::module_named(console.kernel_view(), text)) return *named;
  for (std::size_t i = 0; i < symbolizer.modules().size(); ++i)
    if (base::equals_ignoring_case(symbolizer.modules()[i].name, text)) return i;
  const auto value = console.evaluate(text);
  const auto holds = value ? symbolizer.module_at(as_address(*value, console.is_64_bit()))
                           : std::optional<std::size_t>();
  if (holds) return *holds;
  return base::fail("no module is called {}, or is there: lm shows them all", printable(text));
}

std::string_view machine_name(std::uint16_t machine) {
  switch (machine) {
    case 0x14c:
      return "I386";
    case 0x8664:
      return "X64";
    case 0xaa64:
      return "ARM64";
    default:
      return "unknown";
  }
}

// IMAGE_DEBUG_TYPE_* (winnt.h).
std::string_view debug_name(std::uint32_t type) {
  switch (type) {
    case 1:
      return "COFF";
    case 2:
      return "CODEVIEW";
    case 3:
      return "FPO";
    case 4:
      return "MISC";
    case 11:
      return "CLSID";
    case 12:
      return "VC_FEATURE";
    case 13:
      return "POGO";
    case 14:
      return "ILTCG";
    case 16:
      return "REPRO";
    case 20:
      return "DLLCHARS";
    default:
      return "??";
  }
}

std::string codeview_text(const pe::Image& image) {
  const auto codeview = image.codeview();
  if (!codeview) return fmt::format("[{}]\n", codeview.error().text());
  return fmt::format("RSDS - GUID: {}\n               Age: {}, Pdb: {}\n", codeview->guid.text(),
                     codeview->age, printable(codeview->pdb_path));
}

std::string debug_directory_text(const pe::Image& image) {
  constexpr std::uint32_t entry_size = 28, most = 32;
  const pe::DataDirectory directory = image.directory(pe::Directory::debug);
  if (directory.rva == 0 || directory.size < entry_size) return "Debug Data Dirs: none\n";
  std::string out = "Debug Data Dirs: Type  Size     VA  Pointer\n";
  const std::uint32_t count = std::min(directory.size / entry_size, most);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t at = directory.rva + std::uint64_t{i} * entry_size;
    if (at + entry_size > UINT32_MAX) break;
    const auto field = [&](std::uint32_t offset) {
      return image.get<std::uint32_t>(static_cast<std::uint32_t>(at) + offset);
    };
    const auto type = field(0xc), size = field(0x10), rva = field(0x14), pointer = field(0x18);
    if (!type || !size || !rva || !pointer) return out + "             [Data not mapped]\n";
    out += fmt::format("{:>21} {:>5x}, {:>6x}, {:>7x}{}", debug_name(*type), *size, *rva, *pointer,
                       *type == 2 ? " " + codeview_text(image) : "\n");
  }
  return out;
}

// The key that the dump itself has of the PDB; minidumps of processes do.
std::string known_key_text(const symbols::ModuleKey& key) {
  if (!key.pdb_guid) return {};
  return fmt::format("  PDB by the dump: GUID {}, Age: {}, Pdb: {}\n", key.pdb_guid->text(),
                     key.pdb_age, printable(key.pdb_name));
}

std::string image_type_text(Console& console, std::size_t module, const std::string& path) {
  const std::uint64_t base = console.symbolizer().modules()[module].base;
  if (pe::Image::from_memory(console.machine().memory(), base))
    return "MEMORY   - Image read successfully from loaded memory.\n" +
           (path.empty() ? std::string() : fmt::format("{:17}{}\n", "", printable(path)));
  if (!path.empty())
    return fmt::format("FILE     - Image read successfully from a file.\n{:17}{}\n", "",
                       printable(path));
  return "none     - Its headers are not in the dump, and no file of it is at hand (-i).\n";
}

std::string symbol_type_text(Console& console, std::size_t module, const std::string& path) {
  symbols::Symbolizer& symbolizer = console.symbolizer();
  if (symbolizer.pdb(module))
    return fmt::format("PDB      - Symbols loaded successfully.\n{:17}{}\n", "", printable(path));
  if (symbolizer.dwarf(module)) return "DWARF    - Symbols of the image's own debug information.\n";
  std::string out = symbolizer.image(module) ? "EXPORT   - PDB not found.\n"
                                             : "NONE     - neither PDB nor image found.\n";
  for (const symbols::Missing& missing : symbolizer.missing())
    if (base::equals_ignoring_case(missing.module, symbolizer.modules()[module].name))
      out += fmt::format("{:17}{}\n", "", printable(missing.remedy));
  return out;
}

Done lmi_command(Console& console, const Arguments& arguments) {
  const auto module = module_of(console, arguments.text);
  if (!module) return std::unexpected(module.error());
  symbols::Symbolizer& symbolizer = console.symbolizer();
  const symbols::ModuleKey& key = symbolizer.modules()[*module];
  const pe::Image* image = symbolizer.image(*module);
  const symbols::FilePaths paths = symbolizer.paths(*module);
  const std::string name = printable(symbolizer.short_name(*module));
  constexpr std::uint64_t second = 10'000'000, unix_epoch = 11'644'473'600;
  const auto row = [&](std::string_view title, const std::string& text) {
    console.write(fmt::format("{:>15}: {}\n", title, text));
  };
  console.write(fmt::format("Loaded Module Info: [{}]\n", printable(arguments.text)));
  row("Module", name);
  row("Base Address", plain_address(console, key.base));
  row("Image Name", printable(key.name));
  if (image)
    row("Machine Type", fmt::format("{} ({})", image->machine(), machine_name(image->machine())));
  row("Time Stamp", fmt::format("{:x} {}", key.timestamp,
                                report::time_text((key.timestamp + unix_epoch) * second)));
  row("Size", fmt::format("{:x}", key.size));
  if (image) row("CheckSum", fmt::format("{:x}", image->checksum()));
  console.write(image ? debug_directory_text(*image) : std::string());
  console.write(known_key_text(key));
  console.write("     Image Type: " + image_type_text(console, *module, paths.image));
  console.write("    Symbol Type: " + symbol_type_text(console, *module, paths.pdb));
  return {};
}

}  // namespace

std::vector<Command> image_commands() {
  return {{{"!lmi"},
           "",
           {"!lmi MODULE"},
           "A module's image: its debug directory, its PDB, and where symbols are from",
           "MODULE is a name or an address in it.",
           {{"!lmi nt", "the kernel's"}},
           Completion::expression,
           lmi_command}};
}

}  // namespace ntstack::console
