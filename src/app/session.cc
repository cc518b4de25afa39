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
  session.symbol_path_ =
      store::SymbolPath::parse(or_environment(options.symbol_path, "_NT_SYMBOL_PATH"));
  session.image_path_ =
      store::SymbolPath::parse(or_environment(options.image_path, "_NT_EXECUTABLE_IMAGE_PATH"));
  auto& images = session.image_path_.elements;
  const auto& symbols = session.symbol_path_.elements;
  images.insert(images.end(), symbols.begin(), symbols.end());
  session.symbolizer_ = std::make_unique<symbols::Symbolizer>(
      keys_of(session.kernel_->modules()), session.symbol_path_, session.image_path_,
      &session.kernel_->memory());
  const auto nt = session.symbolizer_->module_at(session.kernel_->base());
  session.machine_ = std::make_unique<target::Machine>(
      *session.kernel_, nt ? session.symbolizer_->types(*nt) : dwarf::TypeSource());
  return session;
}

stacks::SymbolizerMaker Session::symbolizer_maker() const {
  return [symbol_path = symbol_path_, image_path = image_path_](
             const std::vector<dump::ModuleRecord>& modules, const base::ByteSource& memory) {
    return std::make_unique<symbols::Symbolizer>(keys_of(modules), symbol_path, image_path,
                                                 &memory);
  };
}

}  // namespace ntstack::app
