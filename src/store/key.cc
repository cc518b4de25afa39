#include "store/key.h"

#include <fmt/format.h>

#include "pdb/pdb.h"
#include "pe/image.h"

namespace ntstack::store {
namespace {

std::string other_key(std::string_view its, std::string_view wanted) {
  return fmt::format("its key is {}, and {} is wanted", its, wanted);
}

// The loader's size of an image is in whole pages, also where its header's is not.
bool same_size(std::uint32_t a, std::uint32_t b) {
  const auto pages = [](std::uint32_t size) { return (std::uint64_t{size} + 0xfff) >> 12; };
  return pages(a) == pages(b);
}

}  // namespace

std::string store_key(const ImageKey& key) {
  return fmt::format("{:08X}{:x}", key.timestamp, key.size_of_image);
}

std::string store_key(const PdbKey& key) {
  return fmt::format("{}{:x}", key.guid.compact(), key.age);
}

std::string why_not(base::Bytes file, const PdbKey& key) {
  const auto pdb = pdb::Pdb::open(file);
  if (!pdb) return fmt::format("it can't be read: {}", pdb.error().text());
  if (pdb->guid() == key.guid && pdb->age() == key.age) return {};
  return other_key(store_key(PdbKey{{}, pdb->guid(), pdb->age()}), store_key(key));
}

std::string why_not(base::Bytes file, const ImageKey& key) {
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

}  // namespace ntstack::store
