#include "store/slot.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/unfinished.h"
#include "store/cabinet.h"
#include "store/file_extent.h"

namespace ntstack::store {
namespace {

// What a cabinet expands to at most: a PDB of 4 GB.
constexpr std::uint64_t kMostExpanded = std::uint64_t{1} << 32;

base::Result<void> write_fresh(const Slot& slot, base::Bytes file, std::string_view name) {
  auto out = base::OutFile::open(slot.fresh);
  if (!out) return std::unexpected(std::move(out.error()));
  if (!is_cabinet(file)) {
    if (auto written = out->write(file); !written) return written;
    return out->close_durably();
  }
  base::Result<void> written;
  const auto expanded = expand_cabinet(file, name, kMostExpanded, [&](base::Bytes bytes) {
    written = out->write(bytes);
    return written.has_value();
  });
  if (!written) return written;
  if (!expanded) return expanded;
  return out->close_durably();
}

}  // namespace

std::filesystem::path own_folder(const std::filesystem::path& store) { return store / ".ntstack"; }

Slot slot_of(const std::filesystem::path& store, std::string_view name, std::string_view key) {
  Slot slot;
  std::filesystem::path folder = store;
  std::error_code ignored;
  const std::string_view tier = tier_of(name);
  if (!tier.empty() && std::filesystem::exists(store / "index2.txt", ignored))
    folder /= base::path_from_utf8(tier);
  const auto file = base::path_from_utf8(name);
  slot.destination = folder / file / base::path_from_utf8(key) / file;
  const auto own = fmt::format("{:016x}", hash_of(base::lower(name) + "/" + std::string(key)));
  const auto unfinished = own_folder(store) / "unfinished";
  slot.part = unfinished / (own + ".part");
  slot.part_note = unfinished / (own + ".note");
  slot.fresh = unfinished / (own + ".fresh");
  slot.lock = unfinished / (own + ".lock");
  return slot;
}

std::string_view tier_of(std::string_view name) {
  const std::string_view two = name.substr(0, 2);
  if (two.find_first_not_of(". ") == std::string_view::npos) return {};
  for (const char c : two)
    if ((c & 0x80) != 0) return {};
  return two;
}

std::string compressed_name(std::string_view name) {
  std::string compressed(name);
  if (!compressed.empty()) compressed.back() = '_';
  return compressed;
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

base::Result<base::LockFile> lock_slot(const Slot& slot, const std::atomic<bool>& cancelled) {
  while (true) {
    auto lock = base::LockFile::try_lock(slot.lock);
    if (!lock) return std::unexpected(std::move(lock.error()));
    if (*lock) return std::move(**lock);
    if (cancelled) return base::fail("cancelled while another process was at it");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

base::Result<void> check_writable(const std::filesystem::path& store) {
  const auto lock = base::LockFile::try_lock(own_folder(store) / "unfinished" / "writable.lock");
  if (!lock) return std::unexpected(lock.error());
  return {};
}

base::Result<void> put(const Slot& slot, base::Bytes file, std::string_view name,
                       const Check& check) {
  base::Unfinished unfinished(slot.fresh);
  if (auto written = write_fresh(slot, file, name); !written) return written;
  std::string why;
  if (const auto fresh = base::MappedFile::open(slot.fresh)) {
    why = why_not_whole(fresh->bytes());
    if (why.empty()) why = check(fresh->bytes());
  } else {
    why = fresh.error().text();
  }
  if (!why.empty()) return base::fail("{}", why);
  auto renamed = base::rename_file(slot.fresh, slot.destination);
  if (renamed) unfinished.keep();
  return renamed;
}

}  // namespace ntstack::store
