#include "app/symbol_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/walked.h"
#include "base/text.h"
#include "report/json.h"
#include "report/symbol_files.h"
#include "store/import.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;
using Status = store::Fetched::Status;

ThreadChoice all_threads() { return *ThreadChoice::of({}); }

// The files of every module of the dumps that are not at hand: PDBs, and the images that tell which
// these are.
std::vector<store::Wanted> files_of_all_modules(std::vector<Session>& sessions) {
  std::vector<store::Wanted> files;
  for (Session& session : sessions) {
    symbols::Symbolizer& symbolizer = session.symbolizer();
    for (std::size_t i = 0; i < symbolizer.modules().size(); ++i) {
      symbols::Lacking lacking = symbolizer.lacking(i);
      if (lacking.pdb) files.push_back(std::move(*lacking.pdb));
      if (lacking.image && lacking.pdb_is_unknown) files.push_back(std::move(*lacking.image));
    }
  }
  return files;
}

std::vector<std::string> servers_of(const DumpOptions& paths) {
  const symbols::Places places = places_of(paths);
  std::vector<std::string> servers;
  for (const store::SymbolPath* path : {&places.symbol_path, &places.image_path})
    for (const store::Place& place : path->places)
      if (place.kind == store::Place::Kind::server &&
          std::ranges::find(servers, place.where) == servers.end())
        servers.push_back(place.where);
  return servers;
}

// What became of the files that a fetch asked for.
class Counts {
 public:
  void add(const std::vector<store::Fetched>& fetched) {
    for (const store::Fetched& one : fetched) {
      all_ += 1;
      if (one.status == Status::fetched || one.status == Status::was_there) there_ += 1;
      if (one.status == Status::fetched) bytes_ += one.bytes;
      if (one.status == Status::absent) absent_ += 1;
      if (one.status == Status::failed || one.status == Status::cancelled) failed_ += 1;
    }
  }

  std::string text() const {
    if (all_ == 0)
      return "Nothing is missing that these stacks want and the dump tells the key of.\n";
    return fmt::format("{} of {} file{} came ({:.1f} MB); {} no server has; {} failed\n", there_,
                       all_, all_ == 1 ? "" : "s", static_cast<double>(bytes_) / 1e6, absent_,
                       failed_);
  }
  bool has_failed() const { return failed_ != 0; }

 private:
  std::size_t all_ = 0, there_ = 0, absent_ = 0, failed_ = 0;
  std::uint64_t bytes_ = 0;
};

base::Result<Walked> walk(const SymbolsOptions& options, const DumpOptions& paths,
                          Downloads& downloads) {
  const ThreadChoice all = all_threads();
  return walk_dumps({options.dumps, paths, all, &downloads, true});
}

// Files and, in folders, all files; links to folders are not followed.
std::vector<fs::path> files_below(const std::vector<std::string>& places) {
  constexpr std::size_t kMost = 1'000'000;
  std::vector<fs::path> files;
  for (const std::string& place : places) {
    const fs::path path = base::path_from_utf8(place);
    std::error_code failed;
    if (!fs::is_directory(path, failed)) {
      files.push_back(path);
      continue;
    }
    fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied,
                                        failed);
    for (; !failed && at != fs::recursive_directory_iterator() && files.size() < kMost;
         at.increment(failed)) {
      std::error_code ignored;
      if (at->is_regular_file(ignored)) files.push_back(at->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

// Where downloads of the path are kept.
std::string store_of(const SymbolsOptions& options) {
  if (!options.store.empty()) return options.store;
  const symbols::Places places = places_of(options.paths);
  for (const store::Place& place : places.symbol_path.places)
    if (!place.keep_in.empty()) return place.keep_in.front();
  for (const store::Place& place : places.symbol_path.places)
    if (place.kind == store::Place::Kind::store) return place.where;
  return store::default_store();
}

}  // namespace

int run_symbols_check(const SymbolsOptions& options, std::FILE* out, std::FILE* err) {
  DumpOptions offline = options.paths;
  offline.offline = true;
  Downloads nobody(offline, err);
  const auto walked = walk(options, offline, nobody);
  if (!walked) return failed(walked.error(), err);
  const auto facts = walked->set.sessions.front().facts();
  return write(options.json ? report::symbol_check_json(facts, walked->needs)
                            : report::symbol_check_text(walked->needs),
               out, err);
}

int run_symbols_fetch(const SymbolsOptions& options, std::FILE* out, std::FILE* err) {
  Downloads downloads(options.paths, err);
  if (!downloads.are_possible())
    return wrong({"no server is on the symbol path: give -y srv*FOLDER*https://..., or "
                  "--ms-symbols for Microsoft's",
                  {}},
                 err);
  if (const auto good = downloads.check_stores(); !good) return failed(good.error(), err);
  if (options.again) downloads.ask_again();
  Counts counts;
  downloads.count_with([&](const std::vector<store::Fetched>& fetched) { counts.add(fetched); });
  auto walked = walk(options, options.paths, downloads);
  if (!walked) return failed(walked.error(), err);
  UnpackedZips unpacked;
  while (options.all) {
    // An image that came tells of a PDB.
    DumpOptions paths = options.paths;
    downloads.serve(paths);
    paths.unpacked = &unpacked;
    auto set = open_dumps(options.dumps, paths);
    if (!set) return failed(set.error(), err);
    if (downloads.get(files_of_all_modules(set->sessions)).empty()) break;
  }
  const int written = write(counts.text(), out, err);
  return counts.has_failed() ? kFailed : written;
}

int run_symbols_list(const SymbolsOptions& options, std::FILE* out, std::FILE* err) {
  DumpOptions offline = options.paths;
  offline.offline = true;
  Downloads nobody(offline, err);
  auto walked = walk(options, offline, nobody);
  if (!walked) return failed(walked.error(), err);
  const auto never = [](const store::Wanted&) { return false; };
  auto files = stacks::files_of(walked->needs, never);
  if (options.all) {
    const auto more = files_of_all_modules(walked->set.sessions);
    std::set<std::string> known;
    for (const auto& file : files) known.insert(store::name_of(file) + store::key_of(file));
    for (const auto& file : more)
      if (known.insert(store::name_of(file) + store::key_of(file)).second) files.push_back(file);
  }
  auto servers = servers_of(options.paths);
  if (servers.empty()) servers.emplace_back(store::kMicrosoftServer);
  if (options.script.empty()) return write(report::symbol_list_text(files, servers), out, err);
  const auto shell = options.script == "sh" ? report::Shell::posix : report::Shell::powershell;
  const std::string of = walked->set.sessions.front().facts().file_name;
  return write(report::symbol_script(files, servers, of, shell), out, err);
}

int run_symbols_import(const SymbolsOptions& options, std::FILE* out, std::FILE* err) {
  const std::string store = store_of(options);
  std::size_t taken = 0, were_there = 0, others = 0;
  bool store_failed = false;
  for (const fs::path& file : files_below(options.dumps)) {
    const auto imported = store::import_file(file, base::path_from_utf8(store), &store_failed);
    if (!imported) {
      ++others;
      say(err, "ntstack: left out: {}\n", base::printable(imported.error().text()));
      continue;
    }
    ++(imported->was_there ? were_there : taken);
    if (!options.paths.quiet && !imported->was_there)
      say(err, "ntstack: {}/{}\n", imported->name, imported->key);
  }
  const std::string text = fmt::format("{} files taken into {}; {} were there, {} left out\n",
                                       taken, base::printable(store), were_there, others);
  const int written = write(text, out, err);
  if (written != kOk) return written;
  if (taken + were_there == 0) return failed({"no file of symbols was found", {}}, err);
  if (store_failed) return failed({"the store could not be written to: see above", {}}, err);
  return kOk;
}

}  // namespace ntstack::app
