// Gets files from the symbol path's servers for a command, once each, and remembers what they
// answered.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/session.h"
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
  // The servers' answers for what is missing still. Stays where it is.
  const store::Answers& answers() const { return answers_; }

  // Asks for what was never asked for. What came is in the stores of the path; Ctrl-C ends it, and
  // later calls ask nobody.
  std::vector<store::Fetched> get(const std::vector<store::Wanted>& files);

  // Ask also for what servers are remembered not to have.
  void ask_again() { fetch_options_.ask_again = true; }

  // Hears of every answer.
  using Listener = std::function<void(const std::vector<store::Fetched>&)>;
  void count_with(Listener listener) { listener_ = std::move(listener); }

  bool was_interrupted() const { return was_interrupted_; }

 private:
  void say_who_is_asked();

  store::SymbolPath path_;
  bool is_possible_;
  bool is_quiet_;
  std::FILE* err_;
  bool was_interrupted_ = false, has_said_ = false;
  store::FetchOptions fetch_options_;
  std::unique_ptr<store::Fetcher> fetcher_;
  store::Answers answers_;
  Listener listener_;
  std::map<std::string, store::Fetched::Status> asked_;
};

}  // namespace ntstack::app
