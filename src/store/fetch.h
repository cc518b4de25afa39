// Gets many symbol and image files from the servers of a symbol path at once, and keeps them in its
// stores, where find_pdb and find_image then see them.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "store/download.h"
#include "store/http.h"
#include "store/key.h"
#include "store/symbol_path.h"

namespace ntstack::store {

struct Wanted {
  std::variant<PdbKey, ImageKey> key;
  // Under which stores may have it, the likeliest first; empty: the key's own.
  std::vector<std::string> names;
};

std::vector<std::string> names_of(const Wanted& wanted);  // those that can be a file's
std::string name_of(const Wanted& wanted);                // "nt.pdb", fit for a terminal
std::string key_of(const Wanted& wanted);                 // its store_key

struct Fetched {
  enum class Status : std::uint8_t {
    fetched,
    was_there,  // another process had got it meanwhile
    absent,     // no server has it
    failed,     // a server may have it: notes say what went wrong
    cancelled
  };
  Status status = Status::absent;
  std::filesystem::path path;      // where it is
  std::uint64_t bytes = 0;         // of the file
  std::string server;              // that had it, fit for a terminal
  std::vector<std::string> notes;  // "https://...: it does not have it", one for each server asked
};

// What servers answered for files that are still missing: "name/KEY" to sentences.
using Answers = std::map<std::string, std::vector<std::string>>;
std::string answer_key(std::string_view name, std::string_view key);

struct FetchOptions {
  unsigned parallel = 8;  // files at a time
  http::Limits limits;
  Retries retries;
  bool ask_again = false;  // also for what servers are remembered not to have
};

struct FetchProgress {
  std::size_t done = 0, all = 0;
  std::uint64_t bytes = 0;           // received so far
  std::vector<std::string> at_work;  // names of files
};

// Hears of a fetch, in the thread that called it.
class FetchListener {
 public:
  virtual ~FetchListener() = default;
  virtual void progress(const FetchProgress& progress) = 0;  // about ten times a second
  virtual void done(const Wanted& wanted, const Fetched& fetched) = 0;
};

class Fetcher {
 public:
  // `cancelled` outlives this: when set, what is at work ends within a second or so, and nothing
  // new is begun. What was downloaded so far is gone on with the next time.
  Fetcher(const FetchOptions& options, const std::atomic<bool>& cancelled);
  ~Fetcher();

  // One answer for each wanted file, in order. What is looked for in folders and stores is not this
  // one's matter. Begins with the first. Servers that gave nothing but trouble for several files
  // are not asked any more, also by later calls.
  std::vector<Fetched> fetch(const SymbolPath& path, std::span<const Wanted> wanted,
                             FetchListener* listener = nullptr);

 private:
  struct Server;  // a SymbolServer
  class Job;
  class Pool;
  Server& server_at(const std::string& url);

  FetchOptions options_;
  const std::atomic<bool>& cancelled_;
  std::map<std::string, std::unique_ptr<Server>> servers_;
};

}  // namespace ntstack::store
