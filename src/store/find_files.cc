#include "store/find_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <system_error>

#include "base/text.h"
#include "store/cabinet.h"
#include "store/file_extent.h"
#include "store/file_name.h"
#include "store/pointer_file.h"
#include "store/slot.h"

namespace ntstack::store {
namespace {

using Kind = Place::Kind;
using Layout = std::vector<std::string_view>;  // the components below a place

#ifdef _WIN32
constexpr bool kCaseMatters = false;
#else
constexpr bool kCaseMatters = true;
#endif

// What a compressed file may expand to where it can't be written down: a PDB of 1 GB.
constexpr std::uint64_t kMostInMemory = std::uint64_t{1} << 30;

class Search {
 public:
  // Without a key of its own a file is found, but not kept in other stores.
  Search(std::string name, std::string key, bool has_store_key,
         std::span<const std::string_view> extensions, Check check, FolderListings& listings)
      : name_(std::move(name)),
        key_(std::move(key)),
        compressed_(compressed_name(name_)),
        has_store_key_(has_store_key),
        check_(std::move(check)),
        listings_(&listings) {
    const Layout flat = {name_};
    std::vector<Layout> folders = {flat};
    for (const std::string_view extension : extensions) {
      folders.push_back({"symbols", extension, name_});
      folders.push_back({extension, name_});
    }
    entries_ = {{name_, key_}};
    if (const auto tier = tier_of(name_); !tier.empty()) entries_.push_back({tier, name_, key_});
    const std::vector<Layout> store = files_of_entries(name_);
    folder_layouts_ = folders;
    folder_layouts_.insert(folder_layouts_.end(), store.begin(), store.end());
    store_layouts_ = store;
    store_layouts_.insert(store_layouts_.end(), folders.begin(), folders.end());
  }

  Search(const Search&) = delete;  // the layouts point to its own names
  Search& operator=(const Search&) = delete;

  Lookup in(const SymbolPath& path) {
    for (const Place& place : path.places) {
      place_ = &place;
      look_in(place);
      if (result_.file) break;
    }
    return std::move(result_);
  }

 private:
  std::vector<Layout> files_of_entries(std::string_view file) const {
    std::vector<Layout> files = entries_;
    for (Layout& layout : files) layout.push_back(file);
    return files;
  }

  void look_in(const Place& place) {
    if (place.kind == Kind::server) {
      result_.servers.push_back(place.where);
      return;
    }
    const auto folder = base::path_from_utf8(place.where);
    const auto& layouts = place.kind == Kind::folder ? folder_layouts_ : store_layouts_;
    if (look(folder, layouts, &Search::use) ||
        look(folder, files_of_entries(compressed_), &Search::expand) ||
        look(folder, files_of_entries("file.ptr"), &Search::follow))
      return;
    result_.tried.push_back(base::printable(base::path_text(path_of(folder, layouts.front()))));
  }

  static std::filesystem::path path_of(std::filesystem::path folder, const Layout& layout) {
    for (const std::string_view component : layout) folder /= base::path_from_utf8(component);
    return folder;
  }

  // As written first, then in whatever case.
  using Try = bool (Search::*)(const std::filesystem::path& path);
  bool look(const std::filesystem::path& folder, const std::vector<Layout>& layouts, Try take) {
    for (const Layout& layout : layouts)
      if (try_once(path_of(folder, layout), take)) return true;
    if (!kCaseMatters) return false;
    for (const Layout& layout : layouts)
      for (const auto& path : listings_->find(folder, layout))
        if (try_once(path, take)) return true;
    return false;
  }

  bool try_once(const std::filesystem::path& path, Try take) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return false;
    if (std::ranges::find(seen_, path) != seen_.end()) return false;
    seen_.push_back(path);
    return (this->*take)(path);
  }

  // Takes the file where it is the wanted one.
  bool use(const std::filesystem::path& path) {
    auto file = base::MappedFile::open(path);
    const std::string why = file ? check_(file->bytes()) : file.error().text();
    if (!why.empty()) return is_of_no_use(path, why);
    result_.file = std::move(*file);
    // A copy at hand is worth having, and no more: whoever can't write it does without.
    for (const std::string& store : place_->keep_in) {
      auto copy = put_into(store, result_.file->bytes());
      if (copy && store == place_->keep_in.front()) result_.file = std::move(*copy);
    }
    return true;
  }

  bool expand(const std::filesystem::path& path) {
    const auto file = base::MappedFile::open(path);
    if (!file) return is_of_no_use(path, file.error().text());
    auto expanded = put_into(place_->expand_in, file->bytes());
    if (!expanded) {
      auto in_memory = expand_in_memory(path, file->bytes());
      if (!in_memory)
        return is_of_no_use(path, fmt::format("expanding it: {}", expanded.error().text()));
      expanded = std::move(*in_memory);
    }
    result_.file = std::move(*expanded);
    return true;
  }

  // For whoever can't write to the store.
  std::optional<base::MappedFile> expand_in_memory(const std::filesystem::path& path,
                                                   base::Bytes cabinet) {
    if (!is_cabinet(cabinet)) return std::nullopt;
    std::vector<std::byte> bytes;
    const auto done = expand_cabinet(cabinet, name_, kMostInMemory, [&](base::Bytes part) {
      bytes.insert(bytes.end(), part.data(), part.data() + part.size());
      return true;
    });
    auto file = base::MappedFile::made_of(path, std::move(bytes));
    if (!done || !why_not_whole(file.bytes()).empty() || !check_(file.bytes()).empty())
      return std::nullopt;
    return file;
  }

  bool follow(const std::filesystem::path& path) {
    const auto file = base::MappedFile::open(path);
    if (!file) return is_of_no_use(path, file.error().text());
    const Pointer pointer = read_pointer(file->bytes());
    if (!pointer.message.empty())
      return is_of_no_use(path, fmt::format("it has a message alone: {}", pointer.message));
    if (pointer.path.empty()) return is_of_no_use(path, "it names no file");
    const auto there = base::path_from_utf8(pointer.path);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(there, ignored))
      return is_of_no_use(path, fmt::format("what it points to can't be opened: {}", pointer.path));
    const auto target = base::MappedFile::open(there);
    return target && is_cabinet(target->bytes()) ? expand(there) : use(there);
  }

  base::Result<base::MappedFile> put_into(const std::string& store, base::Bytes file) {
    if (!has_store_key_) return base::fail("its key is not known");
    const Slot slot = slot_of(base::path_from_utf8(store), name_, key_);
    const std::atomic<bool> never = false;
    const auto lock = lock_slot(slot, never);
    if (!lock) return std::unexpected(lock.error());
    if (auto there = base::MappedFile::open(slot.destination);
        there && check_(there->bytes()).empty())
      return there;
    if (auto done = put(slot, file, name_, check_); !done)
      return std::unexpected(std::move(done.error()));
    return base::MappedFile::open(slot.destination);
  }

  bool is_of_no_use(const std::filesystem::path& path, std::string_view why) {
    result_.mismatched.push_back(
        base::printable(fmt::format("{}, but {}", base::path_text(path), why)));
    return false;
  }

  std::string name_, key_, compressed_;
  bool has_store_key_;
  Check check_;
  FolderListings* listings_;
  std::vector<Layout> entries_, folder_layouts_, store_layouts_;
  std::vector<std::filesystem::path> seen_;
  const Place* place_ = nullptr;
  Lookup result_;
};

Lookup no_such_name(std::string_view name) {
  Lookup lookup;
  lookup.tried.push_back(
      fmt::format("nowhere: \"{}\" can't be a file's name", base::printable(name)));
  return lookup;
}

}  // namespace

Lookup find_pdb(const SymbolPath& path, const PdbKey& key, FolderListings* listings) {
  const auto name = safe_file_name(key.name);
  if (!name) return no_such_name(key.name);
  // WinDbg sorts PDBs into folders by their images' extensions, which the key does not tell.
  constexpr std::array<std::string_view, 3> extensions = {"sys", "dll", "exe"};
  FolderListings own;
  return Search(
             *name, store_key(key), true, extensions,
             [&key](base::Bytes file) { return why_not(file, key); }, listings ? *listings : own)
      .in(path);
}

Lookup find_image(const SymbolPath& path, const ImageKey& key, FolderListings* listings) {
  const auto name = safe_file_name(key.name);
  if (!name) return no_such_name(key.name);
  const std::size_t dot = name->rfind('.');
  std::vector<std::string_view> extensions;
  if (dot != std::string::npos && dot + 1 < name->size()) {
    extensions.push_back(std::string_view(*name).substr(dot + 1));
  }
  FolderListings own;
  return Search(
             *name, store_key(key), key.timestamp != 0, extensions,
             [&key](base::Bytes file) { return why_not(file, key); }, listings ? *listings : own)
      .in(path);
}

}  // namespace ntstack::store
