// dt: structures by the types of a module's PDB or DWARF.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/type_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

struct FoundType {
  std::string name;  // "nt!_KTHREAD"
  pdb::Structure structure;
  const pdb::Pdb* pdb = nullptr;  // null: the fields' types are not known
};

std::optional<FoundType> type_in(const analysis::NamedModule& module, const std::string& name) {
  symbols::Symbolizer& symbolizer = *module.symbolizer;
  auto structure = symbolizer.types(module.index).structure(name);
  if (!structure && !name.starts_with('_'))
    structure = symbolizer.types(module.index).structure("_" + name);
  if (!structure) return std::nullopt;
  return FoundType{symbolizer.short_name(module.index) + "!" + structure->name,
                   std::move(*structure), symbolizer.pdb(module.index)};
}

// "nt!_KTHREAD"; without a module nt's, then any's.
base::Result<FoundType> type_named(Console& console, std::string_view text) {
  const std::size_t bang = text.find('!');
  const std::string_view module =
      bang == std::string_view::npos ? std::string_view("nt") : text.substr(0, bang);
  const std::string name(bang == std::string_view::npos ? text : text.substr(bang + 1));
  const auto named = analysis::any_module_named(console.kernel_view(), module);
  if (!named && bang != std::string_view::npos)
    return base::fail("no module is called {}", base::printable(module));
  if (named) {
    if (auto found = type_in(*named, name)) return std::move(*found);
    if (!named->symbolizer->types(named->index))
      return base::fail("{} has no PDB or DWARF at hand, which would have its types (-y)",
                        base::printable(module));
  }
  return base::fail("{} has no structure {}", base::printable(module), base::printable(name));
}

// The structure that a field's type is; nothing for other types.
std::optional<FoundType> inside(const FoundType& type, const pdb::Field& field) {
  if (!type.pdb) return std::nullopt;
  auto structure = type.pdb->structure(field.type);
  if (!structure || structure->fields.empty()) return std::nullopt;
  std::string name = structure->name;
  return FoundType{std::move(name), std::move(*structure), type.pdb};
}

struct Request {
  std::vector<std::string> fields;       // "ApcState.Process"; empty: all
  std::optional<std::uint64_t> address;  // nothing: types alone
};

void show_field(Console& console, const FoundType& type, const pdb::Field& field,
                std::uint64_t offset, const std::string& name,
                const std::optional<std::uint64_t>& address) {
  const bool wide = console.is_64_bit();
  const std::string type_name = type.pdb ? type.pdb->type_name(field.type) : "?";
  std::string shown;
  if (address) {
    const std::uint64_t size = type.pdb ? type.pdb->size_of(field.type).value_or(0) : 0;
    shown = dt_value(console.context_memory(), *address + offset, field, type_name, size, wide);
  } else if (field.bit_length != 0) {
    shown = fmt::format("Pos {}, {} Bit{}", field.bit_position, field.bit_length,
                        field.bit_length == 1 ? "" : "s");
  } else {
    shown = dt_type(type_name, wide);
  }
  console.write(fmt::format("   +0x{:03x} {:<16} : {}\n", offset, base::printable(name), shown));
}

// "ApcState.Process": through structures. Says whether it is there.
bool show_path(Console& console, const FoundType& type, std::string_view path,
               const Request& request, std::uint64_t offset, const std::string& before,
               std::size_t depth) {
  constexpr std::size_t deepest = 16;
  const std::size_t point = path.find('.');
  const std::string_view first = path.substr(0, point);
  for (const pdb::Field& field : type.structure.fields) {
    if (!base::equals_ignoring_case(field.name, first)) continue;
    const std::string name = before + field.name;
    if (point == std::string_view::npos) {
      show_field(console, type, field, offset + field.offset, name, request.address);
      return true;
    }
    const auto deeper = inside(type, field);
    return deeper && depth < deepest &&
           show_path(console, *deeper, path.substr(point + 1), request, offset + field.offset,
                     name + ".", depth + 1);
  }
  return false;
}

// Behind the type: an address, fields, in any order.
base::Result<Request> request_of(Console& console, const FoundType& type, std::string_view text) {
  Request request;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::string_view first = word.substr(0, word.find('.'));
    const bool is_field = std::ranges::any_of(type.structure.fields, [&](const pdb::Field& field) {
      return base::equals_ignoring_case(field.name, first);
    });
    if (is_field) {
      request.fields.emplace_back(word);
      text = without_blanks(text.substr(end));
      continue;
    }
    if (request.address)
      return base::fail("{} has no field {}", base::printable(type.name), base::printable(word));
    const auto value = console.evaluate_first(text);
    if (!value) {
      if (word.find_first_of("@$`(") == std::string_view::npos)
        return base::fail("{} has no field {}, and it is no address", base::printable(type.name),
                          base::printable(word));
      return std::unexpected(value.error());
    }
    request.address = as_address(value->value, console.is_64_bit());
    text = without_blanks(text.substr(value->length));
  }
  return request;
}

// Fields of the kernel's structures whose offsets this dump tells, where no types are at hand.
// False: not all of them are known.
bool show_by_offsets(Console& console, std::string_view type, std::string_view fields) {
  const bool has_module = type.starts_with("nt!");
  if (!has_module && type.find('!') != std::string_view::npos) return false;
  const std::string_view structure = type.substr(has_module ? 3 : 0);
  std::string out = fmt::format("nt!{}\n", base::printable(structure));
  if (fields.empty()) return false;
  while (!fields.empty()) {
    const std::size_t end = std::min(fields.find(' '), fields.size());
    const std::string_view field = fields.substr(0, end);
    const auto place = analysis::field_place(console.kernel_view(), "nt", structure, field);
    if (!place) return false;
    out += fmt::format("   +0x{:03x} {:<16} : ?\n", place->offset, base::printable(field));
    fields = without_blanks(fields.substr(end));
  }
  console.write(out + "note: the kernel's types are not at hand: offsets are those of this dump\n");
  return true;
}

Done dt_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  while (text.starts_with('-'))  // -b, -v, -r: all is shown one level deep
    text = without_blanks(text.substr(std::min(text.find(' '), text.size())));
  if (text.empty()) return base::fail("dt takes MODULE!TYPE: help dt");
  const std::size_t end = std::min(text.find(' '), text.size());
  const auto type = type_named(console, text.substr(0, end));
  if (!type && show_by_offsets(console, text.substr(0, end), without_blanks(text.substr(end))))
    return {};
  if (!type) return std::unexpected(type.error());
  const auto request = request_of(console, *type, without_blanks(text.substr(end)));
  if (!request) return std::unexpected(request.error());
  if (request->fields.empty() || !request->address)
    console.write(base::printable(type->name) + "\n");
  for (const std::string& field : request->fields)
    if (!show_path(console, *type, field, *request, 0, "", 0))
      return base::fail("{} has no field {}", base::printable(type->name), base::printable(field));
  if (!request->fields.empty()) return {};
  for (const pdb::Field& field : type->structure.fields)
    show_field(console, *type, field, field.offset, field.name, request->address);
  return {};
}

}  // namespace

std::vector<Command> type_commands() {
  return {{{"dt"},
           "",
           {"dt [MODULE!]TYPE [FIELD...]", "dt [MODULE!]TYPE ADDRESS [FIELD...]"},
           "A structure's fields, and their values at an address",
           "By the module's PDB or DWARF; without a module by nt's. FIELD may lead through "
           "structures:\n"
           "ApcState.Process. What the dump does not have is shown as ????.",
           {{"dt nt!_KTHREAD Process", "where a field is"},
            {"dt nt!_KTHREAD $thread State", "its value"}},
           Completion::type,
           dt_command}};
}

}  // namespace ntstack::console
