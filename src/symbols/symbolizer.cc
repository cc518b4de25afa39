#include "symbols/symbolizer.h"

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "symbols/image_symbolizer.h"
#include "symbols/module_files.h"
#include "symbols/short_names.h"

namespace ntstack::symbols {

namespace {

// One module: its files, and what names its addresses by each of them.
struct NamedModule {
  NamedModule(const ModuleKey& key, Places& places) : files(key, places) {}

  // Null without a PDB.
  ImageSymbolizer* by_pdb() {
    if (!pdb && files.pdb()) pdb.emplace(nullptr, files.pdb());
    return pdb ? &*pdb : nullptr;
  }

  // By what the image itself names; null without one. The file holds all of it, memory often
  // little.
  ImageSymbolizer* by_image() {
    const pe::Image* found = files.image_file() ? files.image_file() : files.image();
    if (!image && found) image.emplace(found, nullptr, files.dwarf());
    return image ? &*image : nullptr;
  }

  ModuleFiles files;
  std::optional<ImageSymbolizer> pdb, image;
};

}  // namespace

struct Symbolizer::State {
  std::vector<ModuleKey> modules;
  std::vector<std::string> short_names;
  Places places;
  std::deque<NamedModule> named;                                   // stays where it is
  std::array<std::unordered_map<std::uint64_t, Frames>, 2> known;  // by is_call_site

  std::optional<std::size_t> module_at(std::uint64_t address) const;
  Frames frames_of(std::uint64_t address, std::uint64_t looked_up);
  std::optional<std::uint64_t> address_in(std::size_t module, std::string_view name);
};

Symbolizer::Symbolizer(std::vector<ModuleKey> modules, Places places)
    : state_(std::make_unique<State>()) {
  std::stable_sort(modules.begin(), modules.end(),
                   [](const ModuleKey& a, const ModuleKey& b) { return a.base < b.base; });
  state_->modules = std::move(modules);
  state_->short_names = short_names_of(state_->modules);
  state_->places = std::move(places);
  for (const ModuleKey& key : state_->modules) state_->named.emplace_back(key, state_->places);
}

Symbolizer::~Symbolizer() = default;
Symbolizer::Symbolizer(Symbolizer&&) noexcept = default;

std::optional<std::size_t> Symbolizer::State::module_at(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(modules, address, {}, &ModuleKey::base);
  if (after == modules.begin()) return std::nullopt;
  const auto found = std::prev(after);
  if (address - found->base >= found->size) return std::nullopt;
  return static_cast<std::size_t>(found - modules.begin());
}

std::optional<std::size_t> Symbolizer::module_at(std::uint64_t address) const {
  return state_->module_at(address);
}
const std::vector<ModuleKey>& Symbolizer::modules() const { return state_->modules; }
const std::string& Symbolizer::short_name(std::size_t module) const {
  return state_->short_names.at(module);
}
const pe::Image* Symbolizer::image(std::size_t module) {
  return state_->named.at(module).files.image();
}
const pe::Image* Symbolizer::image_file(std::size_t module) {
  return state_->named.at(module).files.image_file();
}
const pdb::Pdb* Symbolizer::pdb(std::size_t module) { return state_->named.at(module).files.pdb(); }
const dwarf::Dwarf* Symbolizer::dwarf(std::size_t module) {
  return state_->named.at(module).files.dwarf();
}
dwarf::TypeSource Symbolizer::types(std::size_t module) {
  if (const pdb::Pdb* found = pdb(module)) return found;
  return dwarf(module);
}

Lacking Symbolizer::lacking(std::size_t module) { return state_->named.at(module).files.lacking(); }
FilePaths Symbolizer::paths(std::size_t module) { return state_->named.at(module).files.paths(); }

const Frames& Symbolizer::name(std::uint64_t address, bool is_call_site) {
  const auto [entry, is_new] = state_->known[is_call_site ? 1 : 0].try_emplace(address);
  if (is_new) {
    entry->second = state_->frames_of(address, is_call_site && address > 0 ? address - 1 : address);
  }
  return entry->second;
}

Frames Symbolizer::State::frames_of(std::uint64_t address, std::uint64_t looked_up) {
  Frames frames;
  const auto module = module_at(looked_up);
  const std::uint64_t rva = module ? looked_up - modules[*module].base : 0;
  if (!module || rva > UINT32_MAX) {
    frames.function.offset = address;
    return frames;
  }
  const auto rva32 = static_cast<std::uint32_t>(rva);
  NamedModule& in = named[*module];
  if (ImageSymbolizer* pdb = in.by_pdb()) frames = pdb->frames_at(rva32);
  if (frames.function.name.empty()) {
    if (ImageSymbolizer* image = in.by_image()) {
      Symbol& function = frames.function;
      auto source = std::move(function.source);
      Frames by_image = image->frames_at(rva32);
      function = std::move(by_image.function);
      if (source) function.source = std::move(source);
      if (frames.inlined.empty()) frames.inlined = std::move(by_image.inlined);
    }
  }
  Symbol& function = frames.function;
  const std::uint64_t behind = address - looked_up;
  function.offset = (function.name.empty() ? rva : function.offset) + behind;
  function.module = short_names[*module];
  for (Symbol& inlined : frames.inlined) inlined.module = function.module;
  return frames;
}

std::optional<std::uint64_t> Symbolizer::State::address_in(std::size_t module,
                                                           std::string_view name) {
  std::optional<std::uint32_t> rva;
  if (ImageSymbolizer* pdb = named[module].by_pdb()) rva = pdb->rva_of(name);
  if (!rva) {
    if (ImageSymbolizer* image = named[module].by_image()) rva = image->rva_of(name);
  }
  return rva ? std::optional(modules[module].base + *rva) : std::nullopt;
}

std::optional<std::uint64_t> Symbolizer::address_of(const std::string& expression) {
  State& state = *state_;
  const std::string_view text = expression;
  const std::size_t bang = text.find('!');
  const auto is_called = [&](std::size_t module, std::string_view name) {
    return base::equals_ignoring_case(state.short_names[module], name) ||
           base::equals_ignoring_case(base::file_name_of(state.modules[module].name), name);
  };
  for (std::size_t i = 0; i < state.modules.size(); ++i) {
    if (is_called(i, text)) return state.modules[i].base;
    if (bang == std::string_view::npos || !is_called(i, text.substr(0, bang))) continue;
    if (const auto address = state.address_in(i, text.substr(bang + 1))) return address;
  }
  if (bang != std::string_view::npos) return std::nullopt;
  // The kernel's names go before those of drivers, as a reader of kernel stacks expects.
  for (const bool kernel : {true, false}) {
    for (std::size_t i = 0; i < state.modules.size(); ++i) {
      if ((state.short_names[i] == "nt") != kernel) continue;
      if (const auto address = state.address_in(i, text)) return address;
    }
  }
  return std::nullopt;
}

std::vector<Missing> Symbolizer::missing() const {
  std::vector<Missing> all;
  for (const NamedModule& module : state_->named) {
    std::ranges::move(module.files.missing(), std::back_inserter(all));
  }
  return all;
}

}  // namespace ntstack::symbols
