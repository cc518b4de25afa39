#include "console/name_lists.h"

#include <algorithm>

#include "base/text.h"
#include "pe/symbols.h"
#include "symbols/undecorate.h"

namespace ntstack::console {
namespace {

// Sorted without regard to case; each name once.
void put_in_order(std::vector<std::string>& names) {
  std::ranges::sort(names, [](const std::string& a, const std::string& b) {
    const std::string left = base::lower(a), right = base::lower(b);
    return left != right ? left < right : a < b;
  });
  names.erase(std::ranges::unique(names).begin(), names.end());
}

// Names alone are asked for: nothing is decoded of where they are.
void add_symbols(const pdb::Pdb& pdb, std::vector<std::string>& names) {
  constexpr std::uint32_t x86 = 0x014c;
  constexpr std::size_t longest = 256;  // what nobody types
  pdb.each_symbol(
      [&](std::string_view name, pdb::NameKind kind) {
        if (name.size() > longest) return false;
        names.push_back(kind == pdb::NameKind::public_name
                            ? symbols::undecorate(name, pdb.machine() == x86)
                            : std::string(name));
        return false;
      },
      [](const pdb::ListedSymbol&) { return true; });
}

std::span<const std::string> beginning_with(const std::vector<std::string>& names,
                                            std::string_view prefix) {
  const std::string wanted = base::lower(prefix);
  const auto beginning = [&](const std::string& name) {
    return base::lower(std::string_view(name).substr(0, wanted.size()));
  };
  const auto [first, last] = std::ranges::equal_range(names, wanted, {}, beginning);
  return {first, last};
}

}  // namespace

std::span<const std::string> NameLists::symbols(symbols::Symbolizer& symbolizer, std::size_t module,
                                                std::string_view prefix) {
  const auto [list, is_new] = symbols_.try_emplace(module);
  if (is_new) {
    const pe::Image* image = symbolizer.image(module);
    if (const pdb::Pdb* pdb = symbolizer.pdb(module)) {
      add_symbols(*pdb, list->second);
    } else if (image) {
      if (const auto exports = pe::exports(*image))
        for (const pe::ImageSymbol& symbol : *exports) list->second.emplace_back(symbol.name);
    }
    put_in_order(list->second);
  }
  return beginning_with(list->second, prefix);
}

std::span<const std::string> NameLists::types(symbols::Symbolizer& symbolizer, std::size_t module,
                                              std::string_view prefix) {
  const auto [list, is_new] = types_.try_emplace(module);
  if (is_new) {
    if (const pdb::Pdb* pdb = symbolizer.pdb(module))
      for (const std::string_view name : pdb->structure_names()) list->second.emplace_back(name);
    put_in_order(list->second);
  }
  return beginning_with(list->second, prefix);
}

}  // namespace ntstack::console
