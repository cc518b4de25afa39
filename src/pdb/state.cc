#include "pdb/state.h"

#include <algorithm>

namespace ntstack::pdb {

Stream Pdb::State::stream(std::uint32_t index) const {
  if (index == kNoStream) return {};
  return msf.stream(index).value_or(Stream());
}

base::Bytes Pdb::State::debug_stream(DebugStream which) const {
  return dbi ? stream(dbi->stream_of(which)).bytes() : base::Bytes();
}

const std::vector<ModuleEntry>& Pdb::State::modules() {
  if (!module_entries) {
    module_entries = dbi ? read_modules(dbi->modules) : std::vector<ModuleEntry>();
  }
  return *module_entries;
}

Module* Pdb::State::module(std::uint32_t index) {
  if (index >= modules().size()) return nullptr;
  const ModuleEntry& entry = modules()[index];
  // A stream is of one module: a file that gives it to many gets it decoded once.
  const auto [place, is_new] = decoded_modules.try_emplace(entry.stream);
  if (!is_new) return &place->second;
  const base::Bytes bytes = stream(entry.stream).bytes();
  place->second.symbols = ModuleSymbols(bytes.clamp(0, entry.symbols_size));
  place->second.subsections =
      bytes.clamp(std::uint64_t{entry.symbols_size} + entry.c11_size, entry.c13_size);
  return &place->second;
}

const AddressMap& Pdb::State::addresses() {
  if (!address_map) {
    Omap to_source(debug_stream(DebugStream::omap_to_source));
    Omap from_source(debug_stream(DebugStream::omap_from_source));
    const bool rearranged = !to_source.empty() || !from_source.empty();
    base::Bytes headers = debug_stream(rearranged ? DebugStream::section_headers_original
                                                  : DebugStream::section_headers);
    if (headers.empty()) headers = debug_stream(DebugStream::section_headers);
    address_map = AddressMap(headers, std::move(to_source), std::move(from_source));
  }
  return *address_map;
}

const Contributions& Pdb::State::contributions() {
  if (!section_contributions)
    section_contributions = dbi ? Contributions(dbi->contributions) : Contributions();
  return *section_contributions;
}

const Publics& Pdb::State::publics() {
  if (!public_symbols)
    public_symbols =
        dbi ? Publics(stream(dbi->publics_stream), stream(dbi->symbols_stream)) : Publics();
  return *public_symbols;
}

const GlobalHash& Pdb::State::globals() {
  if (!global_symbols)
    global_symbols = dbi ? GlobalHash(stream(dbi->globals_stream), 0, stream(dbi->symbols_stream))
                         : GlobalHash();
  return *global_symbols;
}

const NameTable& Pdb::State::names() {
  if (!name_table) {
    const auto index = info.stream_named("/names");
    name_table = index ? NameTable(stream(*index).bytes()) : NameTable();
  }
  return *name_table;
}

Types& Pdb::State::types() {
  constexpr std::uint32_t kTypeStream = 2, kItemStream = 4;
  if (!decoded_types)
    decoded_types = Types(TypeStream(msf, kTypeStream),
                          info.has_ids ? TypeStream(msf, kItemStream) : TypeStream());
  return *decoded_types;
}

const FrameRecords& Pdb::State::fpo() {
  if (!fpo_frames) fpo_frames = fpo_records(debug_stream(DebugStream::fpo));
  return *fpo_frames;
}

const FrameRecords& Pdb::State::frame_data() {
  if (!new_frames) new_frames = frame_data_records(debug_stream(DebugStream::new_fpo));
  return *new_frames;
}

const std::vector<Pdb::State::Spot>& Pdb::State::spots() {
  if (!procedure_spots) {
    std::vector<Spot> all;
    std::vector<bool> seen(kNoStream + 1U);  // streams, each of which is of one module
    seen[kNoStream] = true;
    for (std::uint32_t i = 0; i < modules().size(); ++i) {
      if (seen[modules()[i].stream]) continue;
      seen[modules()[i].stream] = true;
      for (const ModuleSymbol& each : module(i)->symbols.spans())
        all.push_back({std::uint64_t{each.place.section} << 32 | each.place.offset, i});
    }
    std::ranges::stable_sort(all, {}, &Spot::address);
    procedure_spots = std::move(all);
  }
  return *procedure_spots;
}

std::optional<Pdb::State::Owner> Pdb::State::owner_of(SectionOffset place) {
  if (const auto found = contributions().find(place.section, place.offset)) {
    Module* decoded = module(found->module);
    if (!decoded) return std::nullopt;
    return Owner{found->module, decoded, found->offset};
  }
  if (contributions().size() != 0) return std::nullopt;

  const std::uint64_t address = std::uint64_t{place.section} << 32 | place.offset;
  auto after = std::ranges::upper_bound(spots(), address, {}, &Spot::address);
  if (after == spots().begin()) return std::nullopt;
  --after;
  if (after->address >> 32 != place.section) return std::nullopt;
  return Owner{after->module, module(after->module), static_cast<std::uint32_t>(after->address)};
}

std::optional<SectionOffset> Pdb::State::locate(std::uint32_t rva) {
  const auto source = addresses().source_of(rva);
  return source ? addresses().locate(*source) : std::nullopt;
}

}  // namespace ntstack::pdb
