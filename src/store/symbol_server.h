// What is learnt of one symbol server while it is asked: whether it sorts names into folders, and
// whether it is worth asking at all.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "store/http.h"

namespace ntstack::store {

class SymbolServer {
 public:
  explicit SymbolServer(std::string url) : url_(std::move(url)) {}

  const std::string& url() const { return url_; }

  // Why it is not asked any more; empty while it is.
  std::string why_given_up() const;
  void note_answer();  // whatever it was
  void note_trouble(const std::string& reason);
  void give_up(const std::string& reason);

  // Whether it has an index2.txt, as a store of three tiers; asked once. Unknown where it gave no
  // answer.
  std::optional<bool> has_tiers(http::Client& client);
  std::optional<bool> known_tiers() const;

 private:
  const std::string url_;
  mutable std::mutex mutex_;  // of what follows
  int trouble_ = 0;           // files in a row
  std::string given_up_;
  std::mutex asking_;
  std::optional<bool> has_tiers_;
};

}  // namespace ntstack::store
