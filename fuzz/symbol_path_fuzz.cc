// Any text as a symbol path and, behind its first line, as a file's name out of a dump: no name
// leaves its folder, and what is printed of it is safe.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "input.h"
#include "store/file_name.h"
#include "store/find_files.h"
#include "store/server_address.h"
#include "store/symbol_path.h"
#include "symbols/short_names.h"
#include "symbols/symbol.h"

using namespace ntstack;

namespace {

using fuzz::require;

void look_at_path(std::string_view text) {
  const store::SymbolPath path = store::SymbolPath::parse(text, "default");
  for (const store::Place& place : path.places) {
    require(!place.where.empty() && !place.expand_in.empty());
    require(store::is_server(place.where) == (place.kind == store::Place::Kind::server));
    require(!store::is_server(place.where) || !place.keep_in.empty());
    require(base::printable(store::shown(place.where)) == store::shown(place.where));
    for (const std::string& store : place.keep_in) require(!store::is_server(store));
  }
  // Places of a chain keep copies in all before them: ten are more than WinDbg takes.
  require(path.places.size() <= 2 * text.size() + 2);
}

void look_at_name(std::string_view name) {
  if (const auto safe = store::safe_file_name(name)) {
    require(!safe->empty() && safe->size() <= 255);
    require(safe->find_first_of("/\\:*?\"<>|") == std::string::npos);
    require(*safe != "." && *safe != ".." && base::printable(*safe) == *safe);
    require(name.ends_with(*safe));
  }
  for (const std::string& file_name : symbols::file_names_of(name)) {
    require(file_name.find_first_of("/\\") == std::string::npos);
  }
  symbols::Symbol symbol;
  symbol.module = symbols::short_name_of(name);
  symbol.name = name;
  require(base::printable(symbol.module) == symbol.module);
  const std::string text = symbol.text();
  require(base::printable(text) == text);

  // Nothing is there: every place is looked at, and said.
  store::PdbKey key;
  key.name = name;
  const auto lookup = store::find_pdb(store::SymbolPath::parse("/nonexistent;srv*/none"), key);
  require(!lookup.file && !lookup.tried.empty());
  for (const char c : store::url_part(name))
    require(c > ' ' && c < 0x7f && std::string_view("/\\?#&<>\"'`").find(c) == std::string::npos);
  for (const std::string& tried : lookup.tried) require(base::printable(tried) == tried);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  look_at_path(text.substr(0, line));
  if (line != std::string_view::npos) look_at_name(text.substr(line + 1));
  return 0;
}
