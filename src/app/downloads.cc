#include "app/downloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/download_progress.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "base/text.h"
#include "store/server_address.h"
#include "store/slot.h"

namespace ntstack::app {
namespace {

std::string text_key(const store::Wanted& file) {
  return store::answer_key(store::name_of(file), store::key_of(file));
}

// Each place once: the image path and the symbol path may have the same.
store::SymbolPath path_of(const symbols::Places& places) {
  store::SymbolPath path = places.symbol_path;
  for (const store::Place& place : places.image_path.places)
    if (std::ranges::find(path.places, place) == path.places.end()) path.places.push_back(place);
  return path;
}

}  // namespace

Downloads::Downloads(const DumpOptions& options, std::FILE* err)
    : path_(path_of(places_of(options))),
      is_possible_(!options.offline && path_.has_server()),
      is_quiet_(options.quiet),
      err_(err) {}

bool Downloads::is_hopeless(const store::Wanted& file) const {
  return !is_possible_ || was_interrupted_ || asked_.contains(text_key(file));
}

void Downloads::say_who_is_asked() {
  if (is_quiet_ || std::exchange(has_said_, true)) return;
  std::set<std::string> servers;
  for (const store::Place& place : path_.places)
    if (place.kind == store::Place::Kind::server) servers.insert(store::shown(place.where));
  say(err_,
      "ntstack: asking {}: the names and keys of the files that are wanted, which tell what "
      "software the machine had, go there (--offline asks nobody)\n",
      fmt::join(servers, ", "));
}

base::Result<void> Downloads::check_stores() const {
  for (const store::Place& place : path_.places) {
    if (place.kind != store::Place::Kind::server || place.keep_in.empty()) continue;
    base::Result<void> best;
    for (const std::string& folder : place.keep_in) {
      best = store::check_writable(base::path_from_utf8(folder));
      if (best) break;
    }
    if (!best)
      return base::with_context(std::move(best.error()), "the symbol store {} can't be written to",
                                base::printable(place.keep_in.front()));
  }
  return {};
}

// A store that can't be written to is no reason to do without symbols.
void Downloads::make_room() {
  if (std::exchange(has_room_, true)) return;
  const auto good = check_stores();
  if (good) return;
  auto spare = TemporaryPlace::make();
  if (!spare) return;  // then each file says why
  spare_ = std::move(*spare);
  spare_store_ = base::path_text(spare_->path());
  for (store::Place& place : path_.places)
    if (place.kind == store::Place::Kind::server) place.keep_in.push_back(spare_store_);
  if (!is_quiet_)
    say(err_, "ntstack: {}; what is downloaded is there for this run alone\n",
        base::printable(good.error().text()));
}

std::vector<store::Fetched> Downloads::get(const std::vector<store::Wanted>& files) {
  std::vector<store::Wanted> fresh;
  for (const store::Wanted& file : files)
    if (!is_hopeless(file)) fresh.push_back(file);
  if (fresh.empty()) return {};
  say_who_is_asked();
  make_room();
  const Interrupt interrupt;
  if (!fetcher_) fetcher_ = std::make_unique<store::Fetcher>(fetch_options_, interrupt.requested());
  std::vector<store::Fetched> fetched;
  if (is_quiet_) {
    fetched = fetcher_->fetch(path_, fresh);
  } else {
    DownloadProgress progress(err_);
    fetched = fetcher_->fetch(path_, fresh, &progress);
  }
  was_interrupted_ = interrupt.requested();
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    asked_[text_key(fresh[i])] = fetched[i].status;
    for (const std::string& note : fetched[i].notes) answers_[text_key(fresh[i])].push_back(note);
  }
  if (listener_) listener_(fetched);
  return fetched;
}

}  // namespace ntstack::app
