#include "pe/symbols.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "pe/headers.h"

namespace ntstack::pe {

using base::Bytes;
using base::fail;

namespace {

// Ordinals have 16 bits.
constexpr std::uint32_t max_exports = 0x10000;
// The longest name that Microsoft's tools write.
constexpr std::size_t max_name = 4096;
// All names together, beside what the file has bytes: names that overlap in the file would else
// grow beyond it.
constexpr std::size_t max_names_size = std::size_t{1} << 20;

void sort_by_rva(std::vector<ImageSymbol>& symbols) {
  std::ranges::sort(symbols, {}, [](const ImageSymbol& s) { return std::tie(s.rva, s.name); });
}

// An array of the image whose bytes may not lie together.
template <class T>
class Array {
 public:
  Array(const Image& image, std::uint32_t rva, std::uint32_t count)
      : image_(&image), bytes_(image.view(rva, count * sizeof(T))), rva_(rva) {}
  std::optional<T> at(std::uint32_t index) const {
    const std::uint64_t offset = index * sizeof(T);
    if (const auto direct = bytes_.get<T>(offset)) return direct;
    if (offset > UINT32_MAX - rva_) return {};
    return image_->get<T>(static_cast<std::uint32_t>(rva_ + offset));
  }

 private:
  const Image* image_;
  Bytes bytes_;
  std::uint32_t rva_;
};

// The name at `rva`; empty where it is not there or does not end.
std::string name_at(const Image& image, std::uint32_t rva) {
  const Bytes direct = image.view(rva, max_name);
  if (const auto name = direct.terminated_text(0)) return std::string(*name);
  std::array<std::byte, max_name> copy;
  const Bytes bytes(copy.data(), image.read(rva, copy));
  return std::string(bytes.terminated_text(0).value_or(""));
}

base::Result<void> add_named_exports(const Image& image, const ExportDirectory& header,
                                     const Array<std::uint32_t>& functions,
                                     std::vector<bool>& named, std::vector<ImageSymbol>& out) {
  const Array<std::uint32_t> names(image, header.names, header.name_count);
  const Array<std::uint16_t> indexes(image, header.name_indexes, header.name_count);
  std::size_t size = 0;
  for (std::uint32_t i = 0; i < header.name_count; ++i) {
    const auto name_rva = names.at(i);
    const auto index = indexes.at(i);
    if (!name_rva || !index) return fail("the export table's names are cut short");
    if (*index >= header.function_count) continue;
    const auto rva = functions.at(*index);
    std::string name = name_at(image, *name_rva);
    if (!rva || name.empty()) continue;
    size += name.size();
    if (size > max_names_size + image.file().size())
      return fail("the export table's names are too long");
    named[*index] = true;
    out.push_back({std::move(name), *rva});
  }
  return {};
}

}  // namespace

base::Result<std::vector<ImageSymbol>> exports(const Image& image) {
  const DataDirectory directory = image.directory(Directory::exports);
  if (!directory.rva || directory.size < sizeof(ExportDirectory)) return {};
  const auto header = image.get<ExportDirectory>(directory.rva);
  if (!header) return fail("the export directory at RVA {:#x} is not there", directory.rva);
  if (header->function_count > max_exports || header->name_count > max_exports) {
    return fail("the export directory claims {} functions and {} names, more than 65536",
                header->function_count, header->name_count);
  }
  const Array<std::uint32_t> functions(image, header->functions, header->function_count);
  std::vector<bool> named(header->function_count);
  std::vector<ImageSymbol> out;
  if (auto added = add_named_exports(image, *header, functions, named, out); !added) {
    return std::unexpected(std::move(added.error()));
  }
  for (std::uint32_t i = 0; i < header->function_count; ++i) {
    if (named[i]) continue;
    const auto rva = functions.at(i);
    if (!rva) return fail("the export table's functions are cut short");
    out.push_back({fmt::format("Ordinal{}", std::uint64_t{header->ordinal_base} + i), *rva});
  }
  // An RVA inside the export directory is a forwarder's text; 0 is an ordinal that is not used.
  std::erase_if(out, [&](const ImageSymbol& symbol) {
    return symbol.rva == 0 || symbol.rva - directory.rva < directory.size;
  });
  sort_by_rva(out);
  return out;
}

namespace {

bool is_function(const CoffSymbol& symbol) {
  const bool typed = (symbol.type >> 4 & 3) == coff_type_function;
  const bool visible =
      symbol.storage == coff_storage_external || symbol.storage == coff_storage_weak_external;
  // Assembler functions have no type. A static name without a type is a section's or a label.
  return visible || (typed && symbol.storage == coff_storage_static);
}

// The name in the record itself, or at the offset in the string table behind all records.
std::string_view coff_name(const CoffSymbol& symbol, Bytes strings) {
  const Bytes field(std::as_bytes(std::span(symbol.name)));
  if (field.get_or<std::uint32_t>(0, 0) != 0) return field.text(0);
  return strings.text(field.get_or<std::uint32_t>(4, 0), max_name);
}

}  // namespace

base::Result<std::vector<ImageSymbol>> coff_symbols(const Image& image) {
  const std::uint32_t offset = image.symbol_table_offset();
  const std::uint64_t size = std::uint64_t{image.symbol_count()} * sizeof(CoffSymbol);
  if (image.file().empty() || !offset || !size) return {};
  const auto records = image.file().slice(offset, size);
  if (!records) return fail("the file ends before its COFF symbol table at {:#x} does", offset);
  const Bytes strings = image.file().clamp(offset + size);

  std::vector<ImageSymbol> out;
  std::size_t names_size = 0;
  for (std::uint64_t i = 0; i < image.symbol_count(); ++i) {
    const auto symbol = records->get<CoffSymbol>(i * sizeof(CoffSymbol));
    if (!symbol) break;
    i += symbol->aux_count;
    if (symbol->section <= 0 || !is_function(*symbol)) continue;
    if (static_cast<std::size_t>(symbol->section) > image.sections().size()) continue;
    const Section& section = image.sections()[static_cast<std::size_t>(symbol->section) - 1];
    if (!section.executable() || symbol->value > UINT32_MAX - section.rva) continue;
    const std::string_view name = coff_name(*symbol, strings);
    if (name.empty()) continue;
    names_size += name.size();
    if (names_size > max_names_size) return fail("the COFF symbol table's names are too long");
    out.push_back({std::string(name), section.rva + symbol->value});
  }
  sort_by_rva(out);
  return out;
}

}  // namespace ntstack::pe
