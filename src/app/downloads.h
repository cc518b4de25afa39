// Gets files from the symbol path's servers for a command, once each, and remembers what they
// answered.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/session.h"
#include "app/unpacked.h"
#include "store/fetch.h"

namespace ntstack::app {

class Downloads {
 public:
  // `options`: its paths, and whether servers may be asked and people told (on `err`).
  Downloads(const DumpOptions& options, std::FILE* err);

  // Whether there is anybody to ask.
  bool are_possible() const { return is_possible_; }
  // Asked for already, or nobody is there to ask.
  bool is_hopeless(const store::Wanted& file) const;
  // Sessions by these options have what came, and the servers' answers for what is missing still.
  // They end before this.
  void serve(DumpOptions& options) const {
    options.answers = &answers_;
    options.spare_store = &spare_store_;
  }
  // Whether what comes can be kept: an error where a server's stores can't be written to.
  base::Result<void> check_stores() const;

  // Asks for what was never asked for. What came is in the stores of the path, or where these can't
  // be written to in a temporary one, which is said once; Ctrl-C ends it, and later calls ask
  // nobody.
  std::vector<store::Fetched> get(const std::vector<store::Wanted>& files);

  // Ask also for what servers are remembered not to have.
  void ask_again() { fetch_options_.ask_again = true; }

  // Hears of every answer.
  using Listener = std::function<void(const std::vector<store::Fetched>&)>;
  void count_with(Listener listener) { listener_ = std::move(listener); }

  bool was_interrupted() const { return was_interrupted_; }

 private:
  void say_who_is_asked();
  void make_room();

  store::SymbolPath path_;
  bool is_possible_;
  bool is_quiet_;
  std::FILE* err_;
  bool was_interrupted_ = false, has_said_ = false;
  store::FetchOptions fetch_options_;
  std::unique_ptr<store::Fetcher> fetcher_;
  store::Answers answers_;
  bool has_room_ = false;
  std::optional<TemporaryPlace> spare_;
  std::string spare_store_;  // its path; empty: the path's stores are good
  Listener listener_;
  std::map<std::string, store::Fetched::Status> asked_;
};

}  // namespace ntstack::app
