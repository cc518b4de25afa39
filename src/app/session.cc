#include "app/session.h"

#include <cstdlib>

#include "base/text.h"
#include "store/symbol_path.h"

namespace ntstack::app {
namespace {

std::string or_environment(const std::string& given, const char* variable) {
  if (!given.empty()) return given;
  const char* value = std::getenv(variable);
  return value ? value : "";
}

std::vector<symbols::ModuleKey> keys_of(const std::vector<dump::ModuleRecord>& modules) {
  std::vector<symbols::ModuleKey> keys;
  keys.reserve(modules.size());
  for (const dump::ModuleRecord& module : modules) {
    symbols::ModuleKey key;
    key.name = std::string(base::file_name_of(module.path));
    key.base = module.base;
    key.size = module.size;
    key.timestamp = module.timestamp;
    key.pdb_guid = module.pdb_guid;
    key.pdb_age = module.pdb_age;
    key.pdb_name = module.pdb_name;
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

std::string symbol_path_text(const DumpOptions& options) {
  std::string symbols = or_environment(options.symbol_path, "_NT_SYMBOL_PATH");
  if (options.ms_symbols) symbols.append(";").append(store::kMicrosoftServer);
  return symbols;
}

std::string image_path_text(const DumpOptions& options) {
  return or_environment(options.image_path, "_NT_EXECUTABLE_IMAGE_PATH");
}

symbols::Places places_of(const DumpOptions& options) {
  symbols::Places places;
  std::string symbols = symbol_path_text(options);
  // Without a path what was downloaded or imported before is still used, and nobody is asked.
  if (symbols.empty()) symbols = "cache*";
  places.symbol_path = store::SymbolPath::parse(symbols);
  places.image_path = store::SymbolPath::parse(image_path_text(options));
  for (const std::string& folder : options.folders)
    places.symbol_path.append(store::SymbolPath::of_folder(folder));
  places.answers = options.answers;
  if (options.spare_store && !options.spare_store->empty())
    places.symbol_path.places.push_back({store::Place::Kind::store, *options.spare_store, {}});
  return places;
}

base::Result<Session> Session::open(const DumpOptions& options) {
  auto dump = dump::open(base::path_from_utf8(options.dump));
  if (!dump) return std::unexpected(std::move(dump.error()));
  return over(std::move(*dump), options);
}

Session Session::over(dump::Dump dump, const DumpOptions& options) {
  Session session;
  session.file_name_ = base::printable(base::file_name_of(options.dump));
  session.dump_ = std::make_unique<dump::Dump>(std::move(dump));
  session.kernel_ = std::make_unique<target::Kernel>(*session.dump_);
  session.places_ = places_of(options);
  symbols::Places places = session.places_;
  places.memory = &session.kernel_->memory();
  session.symbolizer_ =
      std::make_unique<symbols::Symbolizer>(keys_of(session.kernel_->modules()), std::move(places));
  const auto nt = session.symbolizer_->module_at(session.kernel_->base());
  session.machine_ = std::make_unique<target::Machine>(
      *session.kernel_, nt ? session.symbolizer_->types(*nt) : dwarf::TypeSource());
  return session;
}

std::vector<store::Wanted> Session::lacking_kernel_files() {
  // A triage dump's structures are few, and a user dump and kernel stacks have none.
  const bool has_few = dump_->kind == dump::Kind::triage || dump_->kernel_stacks;
  if (is_user_dump() || has_few) return {};
  const auto nt = symbolizer_->module_at(kernel_->base());
  if (!nt) return {};
  symbols::Lacking lacking = symbolizer_->lacking(*nt);
  if (lacking.pdb) return {std::move(*lacking.pdb)};
  if (lacking.pdb_is_unknown && lacking.image) return {std::move(*lacking.image)};
  return {};
}

stacks::SymbolizerMaker Session::symbolizer_maker() const {
  return [places = places_](const std::vector<dump::ModuleRecord>& modules,
                            const base::ByteSource& memory) {
    symbols::Places of_process = places;
    of_process.memory = &memory;
    return std::make_unique<symbols::Symbolizer>(keys_of(modules), std::move(of_process));
  };
}

}  // namespace ntstack::app
