// Where image and PDB files come from: a path in WinDbg's syntax
// ("srv*c:\\cache*https://symbols.example;d:\\syms"), taken apart into the places that are looked
// through one after another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ntstack::store {

struct Place {
  enum class Kind : std::uint8_t {
    folder,  // files lie in it, or in folders by extension; it may be a store as well
    store,   // name/KEY/name
    server   // the same by http:// or https://
  };
  Kind kind = Kind::folder;
  std::string where;  // a folder's path as it was written, or a URL
  // The stores that keep a copy of what is found here: that written last before it comes first.
  std::vector<std::string> keep_in;
  std::string expand_in = {};  // the store that a compressed file found here is expanded into

  bool operator==(const Place&) const = default;
};

bool is_server(std::string_view where);  // http:// or https://

constexpr std::string_view kMicrosoftServer = "https://msdl.microsoft.com/download/symbols";

struct SymbolPath {
  std::vector<Place> places;  // in the order in which they are looked through

  // Parses WinDbg's syntax: elements separated by ';', srv*, symsrv*DLL*, cache*, quotes. On Linux
  // ':' does not separate. Nothing is touched on disk.
  // - srv*A*B*C: what is found in C is kept in B and A, what is found in B in A.
  // - cache*A: what elements to its right find in stores and servers is kept in A, where they have
  //   no downstream store of their own.
  // - An empty place, and the cache of a server that has none, is `default_store`.
  // - srv* alone is the default store and Microsoft's server.
  static SymbolPath parse(std::string_view text, const std::string& default_store);
  static SymbolPath parse(std::string_view text);  // with default_store()

  static SymbolPath of_folder(std::string folder);

  bool empty() const { return places.empty(); }
  bool has_server() const;
  void append(const SymbolPath& more);
};

// Where WinDbg keeps what it downloads (%ProgramData%\Dbg\Sym); elsewhere ntstack/symbols in
// $XDG_CACHE_HOME, else in ~/.cache.
std::string default_store();

}  // namespace ntstack::store
