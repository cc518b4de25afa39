#include "store/import.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "base/mapped_file.h"
#include "base/out_file.h"
#include "base/text.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "store/cabinet.h"
#include "store/file_extent.h"
#include "store/file_name.h"
#include "store/key.h"
#include "store/slot.h"

namespace ntstack::store {
namespace {

// The key of a PDB or an image, by its own bytes.
base::Result<std::string> key_in(base::Bytes file) {
  if (auto why = why_not_whole(file); !why.empty()) return base::fail("{}", why);
  switch (kind_of(file)) {
    case FileKind::pdb: {
      const auto pdb = pdb::Pdb::open(file);
      if (!pdb) return std::unexpected(pdb.error());
      return store_key(PdbKey{{}, pdb->guid(), pdb->age()});
    }
    case FileKind::image: {
      const auto image = pe::Image::from_file(file);
      if (!image) return std::unexpected(image.error());
      return store_key(ImageKey{{}, image->timestamp(), image->size_of_image(), {}, 0});
    }
    default:
      return base::fail("it is neither a PDB nor an image");
  }
}

// "nt.pd_" is "nt.pdb": the last letter of what symbol files are called.
std::string expanded_name(std::string name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kLast = {
      {{".pd_", 'b'}, {".sy_", 's'}, {".dl_", 'l'}, {".ex_", 'e'}, {".dr_", 'v'}}};
  const std::string lower = base::lower(name);
  for (const auto& [ending, last] : kLast)
    if (lower.ends_with(ending)) name.back() = last;
  return name;
}

// A store's folders tell the name that a compressed file or a renamed one has.
std::string name_for(const std::filesystem::path& file, const std::string& key) {
  const auto folder = file.parent_path();
  if (base::equals_ignoring_case(base::path_text(folder.filename()), key) &&
      folder.parent_path().has_filename())
    return base::path_text(folder.parent_path().filename());
  return expanded_name(base::path_text(file.filename()));
}

// The cabinet's file, written beside the store's own.
base::Result<base::MappedFile> expand(const std::filesystem::path& file, base::Bytes cabinet,
                                      const Slot& slot) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 32;
  auto out = base::OutFile::open(slot.part);
  if (!out) return std::unexpected(std::move(out.error()));
  base::Result<void> written;
  const auto expanded =
      expand_cabinet(cabinet, expanded_name(base::path_text(file.filename())), kMost,
                     [&](base::Bytes bytes) { return (written = out->write(bytes)).has_value(); });
  if (!written) return std::unexpected(std::move(written.error()));
  if (!expanded) return std::unexpected(expanded.error());
  if (auto closed = out->close(); !closed) return std::unexpected(std::move(closed.error()));
  return base::MappedFile::open(slot.part);
}

base::Result<Imported> take(const std::filesystem::path& file, base::Bytes bytes,
                            const std::filesystem::path& store, bool* store_failed) {
  const auto at_fault = [&](base::Error error) {
    if (store_failed) *store_failed = true;
    return std::unexpected(std::move(error));
  };
  const auto key = key_in(bytes);
  if (!key) return std::unexpected(key.error());
  const auto name = safe_file_name(name_for(file, *key));
  if (!name) return base::fail("its name can't be a store's");
  const Slot slot = slot_of(store, *name, *key);
  const std::atomic<bool> never = false;
  const auto lock = lock_slot(slot, never);
  if (!lock) return at_fault(lock.error());
  const Check check = [&](base::Bytes other) {
    const auto its = key_in(other);
    return !its ? its.error().text() : *its == *key ? "" : "its key is another";
  };
  Imported imported{*name, *key, slot.destination, false};
  const auto there = base::MappedFile::open(slot.destination);
  imported.was_there = there && check(there->bytes()).empty();
  if (imported.was_there) return imported;
  if (auto done = put(slot, bytes, *name, check); !done) return at_fault(std::move(done.error()));
  return imported;
}

}  // namespace

base::Result<Imported> import_file(const std::filesystem::path& file,
                                   const std::filesystem::path& store, bool* store_failed) {
  const auto mapped = base::MappedFile::open(file);
  if (!mapped) return std::unexpected(mapped.error());
  const auto named = [&](base::Error error) {
    return with_context(std::move(error), "{}", base::path_text(file));
  };
  if (!is_cabinet(mapped->bytes())) {
    auto taken = take(file, mapped->bytes(), store, store_failed);
    if (!taken) return named(std::move(taken.error()));
    return taken;
  }
  const Slot slot = slot_of(store, base::path_text(file.filename()), "import");
  const std::atomic<bool> never = false;
  const auto lock = lock_slot(slot, never);
  if (!lock) {
    if (store_failed) *store_failed = true;
    return std::unexpected(lock.error());
  }
  base::Result<Imported> taken = base::fail("nothing is in it");
  const base::Unfinished unfinished(slot.part);
  {
    const auto expanded = expand(file, mapped->bytes(), slot);
    taken = expanded ? take(file, expanded->bytes(), store, store_failed)
                     : base::Result<Imported>(std::unexpected(expanded.error()));
  }
  if (!taken) return named(std::move(taken.error()));
  return taken;
}

}  // namespace ntstack::store
