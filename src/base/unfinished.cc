#include "base/unfinished.h"

#include <atomic>
#include <memory>
#include <system_error>
#include <utility>

#include "base/remove_tree.h"

namespace ntstack::base {

// Entries are never freed, for a signal may come at any time: they are taken anew.
struct Unfinished::Entry {
  using Character = std::filesystem::path::value_type;
  // Whoever takes it away removes what it names.
  std::atomic<Character*> path = nullptr;
  std::atomic<bool> is_taken = false;
  Entry* next = nullptr;

  static std::atomic<Entry*> all;
};

std::atomic<Unfinished::Entry*> Unfinished::Entry::all = nullptr;

Unfinished::Unfinished(const std::filesystem::path& path) {
  std::error_code failed;
  // The process may change its folder.
  std::filesystem::path whole = std::filesystem::absolute(path, failed);
  const auto& text = (failed ? path : whole).native();
  auto copy = std::make_unique<Entry::Character[]>(text.size() + 1);
  text.copy(copy.get(), text.size());
  for (entry_ = Entry::all; entry_; entry_ = entry_->next)
    if (!entry_->is_taken.exchange(true)) break;
  if (!entry_) {
    entry_ = new Entry;
    entry_->is_taken = true;
    entry_->next = Entry::all;
    while (!Entry::all.compare_exchange_weak(entry_->next, entry_)) {
    }
  }
  entry_->path = copy.release();
}

Unfinished::Unfinished(Unfinished&& other) noexcept
    : entry_(std::exchange(other.entry_, nullptr)) {}

Unfinished& Unfinished::operator=(Unfinished&& other) noexcept {
  std::swap(entry_, other.entry_);
  return *this;
}

Unfinished::~Unfinished() {
  if (!entry_) return;
  if (Entry::Character* path = entry_->path.load()) remove_tree(path);
  keep();
}

void Unfinished::keep() {
  if (!entry_) return;
  delete[] entry_->path.exchange(nullptr);
  std::exchange(entry_, nullptr)->is_taken = false;
}

void remove_unfinished() noexcept {
  for (Unfinished::Entry* entry = Unfinished::Entry::all; entry; entry = entry->next)
    if (const auto* path = entry->path.exchange(nullptr)) remove_tree(path);
}

}  // namespace ntstack::base
