// Looks a file up in every place of a symbol path, and opens what it finds to see whether it is the
// one that is wanted.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <system_error>

#include "base/text.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "store/file_name.h"
#include "store/symbol_path.h"

namespace ntstack::store {
namespace {

using Kind = PathElement::Kind;
using Layout = std::vector<std::string_view>;  // the components below a place

// Why a file is not the wanted one; empty where it is.
using Check = std::function<std::string(base::Bytes)>;

#ifdef _WIN32
constexpr bool kCaseMatters = false;
#else
constexpr bool kCaseMatters = true;
#endif

std::string other_key(std::string_view its, std::string_view wanted) {
  return fmt::format("its key is {}, and {} is wanted", its, wanted);
}

std::string check_pdb(base::Bytes file, const PdbKey& key) {
  const auto pdb = pdb::Pdb::open(file);
  if (!pdb) return fmt::format("it can't be read: {}", pdb.error().text());
  if (pdb->guid() == key.guid && pdb->age() == key.age) return {};
  return other_key(store_key(PdbKey{{}, pdb->guid(), pdb->age()}), store_key(key));
}

// The loader's size of an image is in whole pages, also where its header's is not.
bool same_size(std::uint32_t a, std::uint32_t b) {
  const auto pages = [](std::uint32_t size) { return (std::uint64_t{size} + 0xfff) >> 12; };
  return pages(a) == pages(b);
}

std::string check_image(base::Bytes file, const ImageKey& key) {
  const auto image = pe::Image::from_file(file);
  if (!image) return fmt::format("it can't be read: {}", image.error().text());
  if (key.timestamp == 0 && key.pdb_guid) {
    const PdbKey wanted{{}, *key.pdb_guid, key.pdb_age};
    const auto named = image->codeview();
    if (!named)
      return fmt::format("it names no PDB, and one with the key {} is wanted", store_key(wanted));
    if (named->guid == wanted.guid && named->age == wanted.age) return {};
    return other_key(store_key(PdbKey{{}, named->guid, named->age}), store_key(wanted));
  }
  const ImageKey its{{}, image->timestamp(), image->size_of_image(), {}, 0};
  if (its.timestamp == key.timestamp && same_size(its.size_of_image, key.size_of_image)) return {};
  return other_key(store_key(its), store_key(key));
}

class Search {
 public:
  Search(std::string name, std::string key, std::span<const std::string_view> extensions,
         Check check, FolderListings& listings)
      : name_(std::move(name)),
        key_(std::move(key)),
        check_(std::move(check)),
        listings_(&listings) {
    compressed_ = name_;
    compressed_.back() = '_';
    const Layout flat = {name_};
    std::vector<Layout> folders = {flat};
    for (const std::string_view extension : extensions) {
      folders.push_back({"symbols", extension, name_});
      folders.push_back({extension, name_});
    }
    std::vector<Layout> store = {{name_, key_, name_}};
    if (const auto tier = two_tier_folder()) store.push_back({*tier, name_, key_, name_});
    folder_layouts_ = folders;
    folder_layouts_.insert(folder_layouts_.end(), store.begin(), store.end());
    store_layouts_ = store;
    store_layouts_.insert(store_layouts_.end(), folders.begin(), folders.end());
  }

  Search(const Search&) = delete;  // the layouts point to its own names
  Search& operator=(const Search&) = delete;

  Lookup in(const SymbolPath& path) {
    for (const PathElement& element : path.elements) {
      for (const std::string& place : element.places) {
        look_in(element.kind, place);
        if (result_.file) return std::move(result_);
      }
    }
    return std::move(result_);
  }

 private:
  // A two-tier store (one with an index2.txt) sorts names by their first two characters. Not where
  // these are dots, which would lead out of the place, or parts of longer characters.
  std::optional<std::string_view> two_tier_folder() const {
    const std::string_view two = std::string_view(name_).substr(0, 2);
    if (two.find_first_not_of(". ") == std::string_view::npos) return std::nullopt;
    if (std::ranges::any_of(two, [](char c) { return (c & 0x80) != 0; })) return std::nullopt;
    return two;
  }

  void look_in(Kind kind, const std::string& place) {
    if (is_server(place)) {
      say_tried(fmt::format("not asked: {} (downloads come later)", place));
    } else if (place.empty()) {
      say_tried("not asked: the debugger's default store (name a folder)");
    } else {
      const auto folder = base::path_from_utf8(place);
      const auto& layouts = kind == Kind::folder ? folder_layouts_ : store_layouts_;
      if (!look_as_written(folder, layouts) && !look_in_any_case(folder, layouts)) {
        say_tried(base::path_text(path_of(folder, layouts.front())));
        say_what_is_of_no_use(folder);
      }
    }
  }

  static std::filesystem::path path_of(std::filesystem::path folder, const Layout& layout) {
    for (const std::string_view component : layout) folder /= base::path_from_utf8(component);
    return folder;
  }

  bool look_as_written(const std::filesystem::path& folder, const std::vector<Layout>& layouts) {
    return std::ranges::any_of(layouts,
                               [&](const Layout& layout) { return use(path_of(folder, layout)); });
  }

  bool look_in_any_case(const std::filesystem::path& folder, const std::vector<Layout>& layouts) {
    if (!kCaseMatters) return false;
    for (const Layout& layout : layouts) {
      for (const auto& path : listings_->find(folder, layout)) {
        if (use(path)) return true;
      }
    }
    return false;
  }

  // Takes the file where it is there and the wanted one.
  bool use(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return false;
    if (std::ranges::find(seen_, path) != seen_.end()) return false;
    seen_.push_back(path);
    auto file = base::MappedFile::open(path);
    const std::string why = file ? check_(file->bytes()) : file.error().text();
    if (why.empty()) {
      result_.file = std::move(*file);
      return true;
    }
    say_mismatched(path, why);
    return false;
  }

  // What a debugger could follow and this can't yet.
  void say_what_is_of_no_use(const std::filesystem::path& folder) {
    std::error_code ignored;
    const auto own = path_of(folder, {name_, key_});
    if (const auto packed = own / base::path_from_utf8(compressed_);
        std::filesystem::exists(packed, ignored)) {
      say_mismatched(packed, fmt::format("it is compressed: expand it to {} beside it", name_));
    }
    if (const auto pointer = own / "file.ptr"; std::filesystem::exists(pointer, ignored)) {
      say_mismatched(pointer, "it only says where the file is: copy that beside it");
    }
  }

  void say_mismatched(const std::filesystem::path& path, std::string_view why) {
    result_.mismatched.push_back(
        base::printable(fmt::format("{}, but {}", base::path_text(path), why)));
  }
  void say_tried(const std::string& text) { result_.tried.push_back(base::printable(text)); }

  std::string name_, key_, compressed_;
  Check check_;
  FolderListings* listings_;
  std::vector<Layout> folder_layouts_, store_layouts_;
  std::vector<std::filesystem::path> seen_;
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
             *name, store_key(key), extensions,
             [&key](base::Bytes file) { return check_pdb(file, key); }, listings ? *listings : own)
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
             *name, store_key(key), extensions,
             [&key](base::Bytes file) { return check_image(file, key); },
             listings ? *listings : own)
      .in(path);
}

}  // namespace ntstack::store
