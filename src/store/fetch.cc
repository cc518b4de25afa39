#include "store/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/thread.h"
#include "store/absent.h"
#include "store/file_name.h"
#include "store/pointer_file.h"
#include "store/server_address.h"
#include "store/symbol_server.h"

namespace ntstack::store {
namespace {

using Status = Fetched::Status;

Check check_of(const Wanted& wanted) {
  return std::visit(
      [](const auto& key) -> Check {
        return [key](base::Bytes file) { return why_not(file, key); };
      },
      wanted.key);
}

bool has_store_key(const Wanted& wanted) {
  const auto* image = std::get_if<ImageKey>(&wanted.key);
  return !image || image->timestamp != 0;
}

// A file.ptr is small and read at once.
class TextSink : public http::Sink {
 public:
  bool begin(const http::Response&) override {
    text.clear();
    return true;
  }
  bool take(base::Bytes bytes) override {
    constexpr std::size_t kMost = 65536;
    if (text.size() + bytes.size() > kMost) return false;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
  std::string text;
};

}  // namespace

struct Fetcher::Server : SymbolServer {
  using SymbolServer::SymbolServer;
};

// One wanted file: asks one server after another.
class Fetcher::Job {
 public:
  Job(Fetcher& fetcher, http::Client& client, const SymbolPath& path, const Wanted& wanted,
      std::atomic<std::uint64_t>& received)
      : fetcher_(fetcher),
        client_(client),
        path_(path),
        names_(names_of(wanted)),
        key_(key_of(wanted)),
        check_(check_of(wanted)),
        received_(received) {}

  Fetched run() {
    if (names_.empty()) result_.notes.emplace_back("its name can't be a file's");
    for (const Place& place : path_.places) {
      if (place.kind != Place::Kind::server) continue;
      if (fetcher_.cancelled_) {
        result_.status = Status::cancelled;
        break;
      }
      if (ask(place)) break;
    }
    return std::move(result_);
  }

 private:
  // True where there is no need to ask another.
  bool ask(const Place& place) {
    SymbolServer& server = fetcher_.server_at(place.where);
    for (const std::string& name : names_) {
      auto slot = take_slot(place, name);
      if (!slot) return false;
      if (is_there(slot->first)) return take_file(slot->first, Status::was_there, {});
      const std::string what = shown(place.where) + "\n" + name + "/" + key_;
      const auto store = base::path_from_utf8(place.keep_in[slot->second]);
      if (!fetcher_.options_.ask_again && is_known_absent(store, what)) {
        note(server, fmt::format("it did not have {} when it was asked within the last day", name));
        continue;
      }
      if (const auto why = server.why_given_up(); !why.empty()) {
        note(server, why);
        result_.status = Status::failed;
        return false;
      }
      const Downloaded got = ask(server, slot->first, name);
      if (!judge(server, got)) return true;
      if (got.status == Downloaded::Status::absent) remember_absent(store, what);
      if (got.status != Downloaded::Status::whole) continue;
      forget_absent(store, what);
      take_file(slot->first, Status::fetched, shown(place.where));
      copy_to_others(place, slot->second, name);
      return true;
    }
    return false;
  }

  // The lock of the first store that can be written, and which it is.
  std::optional<std::pair<Slot, std::size_t>> take_slot(const Place& place,
                                                        const std::string& name) {
    lock_.reset();
    std::string why = "the path names no store to keep it in";
    for (std::size_t i = 0; i < place.keep_in.size(); ++i) {
      const Slot slot = slot_of(base::path_from_utf8(place.keep_in[i]), name, key_);
      auto lock = lock_slot(slot, fetcher_.cancelled_);
      if (lock) {
        lock_.emplace(std::move(*lock));
        return std::pair(slot, i);
      }
      why = lock.error().text();
    }
    result_.status = fetcher_.cancelled_ ? Status::cancelled : Status::failed;
    result_.notes.push_back(base::printable(why));
    return std::nullopt;
  }

  bool is_there(const Slot& slot) const {
    const auto file = base::MappedFile::open(slot.destination);
    return file && check_(file->bytes()).empty();
  }

  // The file itself, the compressed one, or a pointer to it; in a server of three tiers there.
  Downloaded ask(SymbolServer& server, const Slot& slot, const std::string& name) {
    const auto tiers = server.known_tiers();
    Downloaded got = ask_in(server, tiers.value_or(false) ? tier_of(name) : "", slot, name);
    if (got.status != Downloaded::Status::absent || tiers) return got;
    if (!server.has_tiers(client_).value_or(false)) return got;
    return ask_in(server, tier_of(name), slot, name);
  }

  Downloaded ask_in(SymbolServer& server, std::string_view tier, const Slot& slot,
                    const std::string& name) {
    Downloaded got;
    for (const std::string& file : {name, compressed_name(name)}) {
      got = download(client_, url_of(server.url(), tier, name, key_, file), slot,
                     fetcher_.options_.retries, fetcher_.cancelled_, received_);
      if (got.status == Downloaded::Status::absent) continue;
      if (got.status != Downloaded::Status::whole) return got;
      if (auto finished = finish(slot, name, check_); !finished)
        return {Downloaded::Status::refused,
                fmt::format("what it sent is of no use: {}", finished.error().text())};
      return got;
    }
    return follow(url_of(server.url(), tier, name, key_, "file.ptr"), slot, name);
  }

  Downloaded follow(const std::string& url, const Slot& slot, const std::string& name) {
    TextSink sink;
    const auto outcome = client_.get({url, 0, {}}, sink);
    const Downloaded absent{Downloaded::Status::absent, "it does not have it"};
    if (outcome.failure != http::Failure::none || outcome.response.status != 200) return absent;
    const Pointer pointer = read_pointer(base::Bytes::of(sink.text));
    if (pointer.path.empty() && pointer.message.empty()) return absent;
    const auto of_no_use = [](std::string_view format, const std::string& text) {
      return Downloaded{Downloaded::Status::refused,
                        fmt::format(fmt::runtime(format), base::printable(text))};
    };
    if (!pointer.message.empty()) return of_no_use("it says of it: {}", pointer.message);
    const auto file = base::MappedFile::open(base::path_from_utf8(pointer.path));
    if (!file) return of_no_use("it points to {}, which can't be opened here", pointer.path);
    if (auto done = put(slot, file->bytes(), name, check_); !done)
      return of_no_use("what it points to is of no use: {}", done.error().text());
    return {Downloaded::Status::whole, {}};
  }

  // What an answer means for the server and for this file; false where all ends.
  bool judge(SymbolServer& server, const Downloaded& got) {
    using Got = Downloaded::Status;
    if (got.status == Got::cancelled) {
      result_.status = Status::cancelled;
      return false;
    }
    if (got.status == Got::whole || got.status == Got::absent || got.status == Got::refused)
      server.note_answer();
    if (got.status == Got::failed) server.note_trouble(got.reason);
    if (got.status == Got::distrusted) server.give_up(got.reason);
    if (got.status != Got::whole) note(server, got.reason);
    if (got.status != Got::whole && got.status != Got::absent) result_.status = Status::failed;
    return true;
  }

  void note(const SymbolServer& server, std::string_view text) {
    auto line = base::printable(fmt::format("{}: {}", shown(server.url()), text));
    if (std::ranges::find(result_.notes, line) == result_.notes.end())
      result_.notes.push_back(std::move(line));
  }

  bool take_file(const Slot& slot, Status status, std::string server) {
    std::error_code failed;
    result_.status = status;
    result_.path = slot.destination;
    result_.bytes = std::filesystem::file_size(slot.destination, failed);
    result_.server = std::move(server);
    return true;
  }

  void copy_to_others(const Place& place, std::size_t has_it, const std::string& name) const {
    const auto file = base::MappedFile::open(result_.path);
    if (!file) return;
    for (std::size_t i = has_it + 1; i < place.keep_in.size(); ++i) {
      const Slot slot = slot_of(base::path_from_utf8(place.keep_in[i]), name, key_);
      const auto lock = base::LockFile::try_lock(slot.lock);
      if (lock && *lock && !is_there(slot))
        static_cast<void>(put(slot, file->bytes(), name, check_));
    }
  }

  Fetcher& fetcher_;
  http::Client& client_;
  const SymbolPath& path_;
  std::vector<std::string> names_;
  std::string key_;
  Check check_;
  std::atomic<std::uint64_t>& received_;
  std::optional<base::LockFile> lock_;
  Fetched result_;
};

// The threads that work at the wanted files, and what they tell the one that waits.
class Fetcher::Pool {
 public:
  Pool(Fetcher& fetcher, const SymbolPath& path, std::span<const Wanted> wanted)
      : fetcher_(fetcher), path_(path), wanted_(wanted), results_(wanted.size()) {}

  std::vector<Fetched> run(FetchListener* listener) {
    const std::size_t count =
        std::min<std::size_t>(std::max(1U, fetcher_.options_.parallel), wanted_.size());
    running_ = count;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      if (auto thread = base::try_thread([this] { work(); }))
        threads.push_back(std::move(*thread));
      else if (i + 1 == count && threads.empty())
        work();
      else
        --running_;
    }
    tell(listener);
    return std::move(results_);
  }

 private:
  void work() {
    auto client = http::Client::make(fetcher_.options_.limits, fetcher_.cancelled_);
    while (const auto index = take()) {
      Fetched fetched;
      if (!client) {
        fetched.status = Status::failed;
        fetched.notes.push_back(client.error().text());
      } else {
        fetched = Job(fetcher_, *client, path_, wanted_[*index], received_).run();
      }
      give(*index, std::move(fetched));
    }
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_one();
  }

  std::optional<std::size_t> take() {
    const std::lock_guard lock(mutex_);
    while (next_ < wanted_.size()) {
      const std::size_t index = next_++;
      if (!has_store_key(wanted_[index])) {
        results_[index].notes.emplace_back("the dump does not tell its timestamp");
      } else if (fetcher_.cancelled_) {
        results_[index].status = Status::cancelled;
      } else {
        at_work_.push_back(index);
        return index;
      }
      done_.push_back(index);
    }
    return std::nullopt;
  }

  void give(std::size_t index, Fetched fetched) {
    const std::lock_guard lock(mutex_);
    results_[index] = std::move(fetched);
    std::erase(at_work_, index);
    done_.push_back(index);
    changed_.notify_one();
  }

  void tell(FetchListener* listener) {
    std::unique_lock lock(mutex_);
    std::size_t told = 0;
    while (true) {
      while (told < done_.size()) {
        const std::size_t index = done_[told++];
        // Whoever hears of it may take its time.
        lock.unlock();
        if (listener) listener->done(wanted_[index], results_[index]);
        lock.lock();
      }
      if (running_ == 0 && told == done_.size()) return;
      if (listener) listener->progress(progress(told));
      changed_.wait_for(lock, std::chrono::milliseconds(100));
    }
  }

  FetchProgress progress(std::size_t told) const {
    FetchProgress now{told, wanted_.size(), received_, {}};
    for (const std::size_t index : at_work_) now.at_work.push_back(name_of(wanted_[index]));
    return now;
  }

  Fetcher& fetcher_;
  const SymbolPath& path_;
  std::span<const Wanted> wanted_;
  std::atomic<std::uint64_t> received_ = 0;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<Fetched> results_;
  std::size_t next_ = 0, running_ = 0;
  std::vector<std::size_t> at_work_;
  std::vector<std::size_t> done_;
};

std::vector<std::string> names_of(const Wanted& wanted) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    auto safe = safe_file_name(name);
    if (safe && std::ranges::find(names, *safe) == names.end()) names.push_back(std::move(*safe));
  };
  for (const std::string& name : wanted.names) add(name);
  if (wanted.names.empty()) std::visit([&](const auto& key) { add(key.name); }, wanted.key);
  return names;
}

std::string name_of(const Wanted& wanted) {
  const auto names = names_of(wanted);
  if (!names.empty()) return names.front();
  return std::visit([](const auto& key) { return base::printable(base::file_name_of(key.name)); },
                    wanted.key);
}

std::string key_of(const Wanted& wanted) {
  return std::visit([](const auto& key) { return store_key(key); }, wanted.key);
}

std::string answer_key(std::string_view name, std::string_view key) {
  return base::lower(base::file_name_of(name)) + "/" + base::lower(key);
}

Fetcher::Fetcher(const FetchOptions& options, const std::atomic<bool>& cancelled)
    : options_(options), cancelled_(cancelled) {}

Fetcher::~Fetcher() = default;

Fetcher::Server& Fetcher::server_at(const std::string& url) { return *servers_.at(url); }

std::vector<Fetched> Fetcher::fetch(const SymbolPath& path, std::span<const Wanted> wanted,
                                    FetchListener* listener) {
  for (const Place& place : path.places)
    if (place.kind == Place::Kind::server && !servers_.contains(place.where))
      servers_.emplace(place.where, std::make_unique<Server>(place.where));
  return Pool(*this, path, wanted).run(listener);
}

}  // namespace ntstack::store
