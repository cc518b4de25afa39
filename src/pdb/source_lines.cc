// Lines of addresses, and the functions that were inlined there.
#include "base/text.h"
#include "pdb/pdb.h"
#include "pdb/state.h"

namespace ntstack::pdb {

std::optional<Line> Pdb::State::line_at(SectionOffset place, std::uint32_t rva) {
  const auto owner = owner_of(place);
  if (!owner) return std::nullopt;
  ModuleLines& lines = owner->decoded->decoded_lines();
  const auto found = lines.find(place);
  if (!found) return std::nullopt;
  return Line{lines.file_name(found->file, names()), found->line,
              start_for(SectionOffset{place.section, found->offset}, place, rva)};
}

// An id of another module's (with link-time code generation) is looked up in what that one exports.
// It is named in lower case, unlike in the list of modules.
std::string Pdb::State::inlined_name(ModuleLines& lines, std::uint32_t id) {
  const auto imported = lines.imported(id);
  if (!imported) return types().function_name(id);
  if (!modules_by_name) {
    modules_by_name.emplace();
    for (std::uint32_t i = 0; i < modules().size(); ++i)
      modules_by_name->try_emplace(base::lower(modules()[i].name), i);
  }
  const auto name = names().at(imported->module_name);
  const auto found = name ? modules_by_name->find(base::lower(*name)) : modules_by_name->end();
  if (found == modules_by_name->end()) return {};
  const auto exported = module(found->second)->decoded_lines().exported(imported->local_id);
  return exported ? types().function_name(*exported) : std::string();
}

std::optional<Line> Pdb::line_at(std::uint32_t rva) const {
  const auto place = state_->locate(rva);
  return place ? state_->line_at(*place, rva) : std::nullopt;
}

std::vector<InlineFrame> Pdb::inlined_at(std::uint32_t rva, std::optional<Line>* call_line) const {
  if (call_line) call_line->reset();
  const auto place = state_->locate(rva);
  const auto owner = place ? state_->owner_of(*place) : std::nullopt;
  const ModuleSymbol* procedure = owner ? owner->decoded->symbols.spanning(*place) : nullptr;
  if (!procedure) return {};

  ModuleLines& lines = owner->decoded->decoded_lines();
  const auto [tree, is_new] = owner->decoded->inline_trees.try_emplace(procedure->record);
  if (is_new) tree->second = InlineTree(owner->decoded->symbols, lines, procedure->record);
  const std::vector<InlinedCode> found = tree->second.at(place->offset - procedure->place.offset);

  std::vector<InlineFrame> frames;
  for (auto each = found.rbegin(); each != found.rend(); ++each)
    frames.push_back({state_->inlined_name(lines, each->id),
                      lines.file_name(each->file, state_->names()), each->line});
  if (call_line && !frames.empty()) *call_line = state_->line_at(*place, rva);
  return frames;
}

}  // namespace ntstack::pdb
