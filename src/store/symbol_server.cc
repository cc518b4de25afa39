#include "store/symbol_server.h"

#include <fmt/format.h>

#include "store/server_address.h"

namespace ntstack::store {
namespace {

// Drops what comes: whether it comes is what counts.
class NoSink : public http::Sink {
 public:
  bool begin(const http::Response&) override { return false; }
  bool take(base::Bytes) override { return false; }
};

}  // namespace

std::string SymbolServer::why_given_up() const {
  const std::lock_guard lock(mutex_);
  return given_up_;
}

void SymbolServer::note_answer() {
  const std::lock_guard lock(mutex_);
  trouble_ = 0;
}

void SymbolServer::note_trouble(const std::string& reason) {
  constexpr int kMostTrouble = 3;
  const std::lock_guard lock(mutex_);
  if (++trouble_ >= kMostTrouble && given_up_.empty())
    given_up_ = fmt::format("given up after {} files in a row: {}", kMostTrouble, reason);
}

void SymbolServer::give_up(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (given_up_.empty()) given_up_ = reason;
}

std::optional<bool> SymbolServer::known_tiers() const {
  const std::lock_guard lock(mutex_);
  return has_tiers_;
}

std::optional<bool> SymbolServer::has_tiers(http::Client& client) {
  const std::lock_guard one_at_a_time(asking_);
  if (const auto known = known_tiers()) return known;
  NoSink sink;
  const auto outcome = client.get({url_of(url_, "", "", "", "index2.txt"), 0, {}}, sink);
  const int status = outcome.response.status;
  const bool is_answer =
      outcome.failure == http::Failure::none || outcome.failure == http::Failure::refused;
  if (!is_answer || status >= 500) return std::nullopt;
  const std::lock_guard lock(mutex_);
  has_tiers_ = status == 200;
  return has_tiers_;
}

}  // namespace ntstack::store
