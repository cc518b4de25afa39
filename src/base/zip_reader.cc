#include "base/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/out_file.h"
#include "base/text.h"
#include "base/zip_format.h"

namespace ntstack::base {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kMostEntries = 100'000;

struct Directory {
  std::uint64_t offset = 0, size = 0, count = 0;
};

// The end record that ends the file, its comment counted; where there is none, the last that fits,
// for what was appended to the file.
std::optional<std::uint64_t> find_end(Bytes zip) {
  if (zip.size() < zip::kEndSize) return std::nullopt;
  std::optional<std::uint64_t> found;
  const std::uint64_t last = zip.size() - zip::kEndSize;
  const std::uint64_t first = last > UINT16_MAX ? last - UINT16_MAX : 0;
  for (std::uint64_t at = last + 1; at-- > first;) {
    if (zip.get<std::uint32_t>(at) != zip::kEnd) continue;
    const std::uint64_t comment = zip.get_or<std::uint16_t>(at + zip::kEndCommentLength, 0);
    if (comment == last - at) return at;
    if (comment < last - at && !found) found = at;
  }
  return found;
}

Result<Directory> directory_64(Bytes zip, std::uint64_t locator) {
  const auto at = zip.get_or<std::uint64_t>(locator + zip::kLocatorEnd64, 0);
  if (!zip.slice(0, locator)->contains(at, zip::kEnd64Size) ||
      zip.get<std::uint32_t>(at) != zip::kEnd64)
    return fail("its ZIP64 end record is not where it is said to be");
  if (zip.get<std::uint32_t>(at + zip::kEnd64Disk) != 0 ||
      zip.get<std::uint32_t>(at + zip::kEnd64DirectoryDisk) != 0)
    return fail("it is one of several parts: put them together first");
  const Directory found{zip.get_or<std::uint64_t>(at + zip::kEnd64Directory, 0),
                        zip.get_or<std::uint64_t>(at + zip::kEnd64DirectorySize, 0),
                        zip.get_or<std::uint64_t>(at + zip::kEnd64Count, 0)};
  if (!zip.slice(0, at)->contains(found.offset, found.size))
    return fail("its directory lies outside the file");
  return found;
}

Result<Directory> directory_of(Bytes zip) {
  const auto end = find_end(zip);
  if (!end) return fail("its directory is missing: the file is cut short or no zip file");
  if (*end >= zip::kLocatorSize &&
      zip.get<std::uint32_t>(*end - zip::kLocatorSize) == zip::kLocator)
    return directory_64(zip, *end - zip::kLocatorSize);
  if (zip.get<std::uint16_t>(*end + zip::kEndDisk) != 0 ||
      zip.get<std::uint16_t>(*end + zip::kEndDirectoryDisk) != 0)
    return fail("it is one of several parts: put them together first");
  const Directory found{zip.get_or<std::uint32_t>(*end + zip::kEndDirectory, 0),
                        zip.get_or<std::uint32_t>(*end + zip::kEndDirectorySize, 0),
                        zip.get_or<std::uint16_t>(*end + zip::kEndCount, 0)};
  if (!zip.slice(0, *end)->contains(found.offset, found.size))
    return fail("its directory lies outside the file");
  return found;
}

// Takes the 64-bit values for what the header has not. False where they are not there.
bool take_extra_64(Bytes extra, ZipEntry& entry) {
  std::uint64_t* const values[] = {&entry.size, &entry.compressed_size, &entry.local};
  const auto is_elsewhere = [](const std::uint64_t* value) { return *value == zip::kIn64; };
  if (std::ranges::none_of(values, is_elsewhere)) return true;
  for (std::uint64_t at = 0; extra.contains(at, 4);) {
    const auto size = extra.get_or<std::uint16_t>(at + 2, 0);
    if (extra.get<std::uint16_t>(at) != zip::kExtra64) {
      at += 4u + size;
      continue;
    }
    const Bytes field = extra.clamp(at + 4, size);
    std::uint64_t place = 0;
    for (std::uint64_t* value : values) {
      if (!is_elsewhere(value)) continue;
      const auto found = field.get<std::uint64_t>(place);
      if (!found) return false;
      *value = *found;
      place += 8;
    }
    return true;
  }
  return false;
}

// The entry whose header is at `at` of the directory; `at` moves behind it.
Result<ZipEntry> entry_at(Bytes directory, std::uint64_t& at) {
  const Bytes header = directory.clamp(at);
  const std::uint64_t name = header.get_or<std::uint16_t>(zip::kCentralNameLength, 0);
  const std::uint64_t extra = header.get_or<std::uint16_t>(zip::kCentralExtraLength, 0);
  const std::uint64_t comment = header.get_or<std::uint16_t>(zip::kCentralCommentLength, 0);
  const std::uint64_t size = zip::kCentralSize + name + extra + comment;
  if (header.get<std::uint32_t>(0) != zip::kCentral || !header.contains(0, size))
    return fail("its directory is damaged");
  ZipEntry entry;
  entry.name = {reinterpret_cast<const char*>(header.data()) + zip::kCentralSize,
                static_cast<std::size_t>(name)};
  entry.flags = header.get_or<std::uint16_t>(zip::kCentralFlags, 0);
  entry.method = header.get_or<std::uint16_t>(zip::kCentralMethod, 0);
  entry.crc = header.get_or<std::uint32_t>(zip::kCentralCrc, 0);
  entry.compressed_size = header.get_or<std::uint32_t>(zip::kCentralCompressed, 0);
  entry.size = header.get_or<std::uint32_t>(zip::kCentralLength, 0);
  entry.local = header.get_or<std::uint32_t>(zip::kCentralLocal, 0);
  if (!take_extra_64(*header.slice(zip::kCentralSize + name, extra), entry))
    return fail("{}: its ZIP64 sizes are missing", printable(entry.name));
  at += size;
  return entry;
}

// Where the entry's contents begin and end.
struct Extent {
  std::uint64_t local = 0, begin = 0, end = 0;
};

Result<Extent> extent_of(Bytes zip, const ZipEntry& entry) {
  const auto header = zip.slice(entry.local, zip::kLocalSize);
  if (!header || header->get<std::uint32_t>(0) != zip::kLocal)
    return fail("{}: no header is where it is said to begin", printable(entry.name));
  const std::uint64_t name = header->get_or<std::uint16_t>(zip::kLocalNameLength, 0);
  const std::uint64_t extra = header->get_or<std::uint16_t>(zip::kLocalExtraLength, 0);
  const std::uint64_t begin = entry.local + zip::kLocalSize + name + extra;
  const Bytes stored = zip.clamp(entry.local + zip::kLocalSize, name);
  if (!std::ranges::equal(stored.span(), std::as_bytes(std::span(entry.name))))
    return fail("{}: it has another name in its own header", printable(entry.name));
  if (!zip.contains(begin, entry.compressed_size))
    return fail("{}: it goes on behind the end of the file", printable(entry.name));
  return Extent{entry.local, begin, begin + entry.compressed_size};
}

Result<void> check_overlaps(Bytes zip, const std::vector<ZipEntry>& entries,
                            std::uint64_t directory) {
  std::vector<std::pair<Extent, const ZipEntry*>> extents;
  for (const ZipEntry& entry : entries) {
    const auto extent = extent_of(zip, entry);
    if (!extent) return std::unexpected(extent.error());
    if (extent->end > directory)
      return fail("{}: it goes on into the directory", printable(entry.name));
    extents.emplace_back(*extent, &entry);
  }
  std::ranges::sort(extents, {}, [](const auto& one) { return one.first.local; });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].first.local < extents[i - 1].first.end)
      return fail("{} and {} lie on each other", printable(extents[i - 1].second->name),
                  printable(extents[i].second->name));
  }
  return {};
}

// Passes on what an entry expands to, as much as it declares.
class Checked {
 public:
  Checked(const ZipEntry& entry, const ZipTaker& take) : entry_(entry), take_(take) {}

  Result<void> take(Bytes piece) {
    if (piece.size() > entry_.size - size_)
      return fail("{}: it is larger than it says ({} bytes)", printable(entry_.name), entry_.size);
    size_ += piece.size();
    crc_ =
        crc32(crc_, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    return take_(piece);
  }
  Result<void> end() const {
    if (size_ != entry_.size)
      return fail("{}: it has {} bytes, and says {}", printable(entry_.name), size_, entry_.size);
    if (static_cast<std::uint32_t>(crc_) != entry_.crc)
      return fail("{}: it is damaged (its CRC is another)", printable(entry_.name));
    return {};
  }

 private:
  const ZipEntry& entry_;
  const ZipTaker& take_;
  std::uint64_t size_ = 0;
  uLong crc_ = crc32(0, nullptr, 0);
};

class Inflater {
 public:
  bool begin() { return is_begun_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (is_begun_) inflateEnd(&stream_);
  }
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream* operator->() { return &stream_; }
  z_stream* get() { return &stream_; }

 private:
  z_stream stream_{};
  bool is_begun_ = false;
};

Result<void> copy(Bytes stored, Checked& checked) {
  for (std::uint64_t at = 0; at < stored.size(); at += kChunk) {
    if (auto taken = checked.take(stored.clamp(at, kChunk)); !taken) return taken;
  }
  return checked.end();
}

Result<void> inflate_all(Bytes deflated, std::string_view name, Checked& checked) {
  Inflater inflater;
  if (!inflater.begin()) return fail("zlib can't begin: not enough memory");
  std::vector<std::byte> buffer(kChunk / 4);
  std::uint64_t at = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (inflater->avail_in == 0) {
      const Bytes chunk = deflated.clamp(at, kChunk);
      at += chunk.size();
      inflater->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(chunk.data()));
      inflater->avail_in = static_cast<uInt>(chunk.size());
    }
    inflater->next_out = reinterpret_cast<Bytef*>(buffer.data());
    inflater->avail_out = static_cast<uInt>(buffer.size());
    status = ::inflate(inflater.get(), Z_NO_FLUSH);
    // Z_BUF_ERROR: nothing came and nothing went, for the entry ends before its stream does.
    if (status != Z_OK && status != Z_STREAM_END)
      return fail("{}: it is damaged and can't be expanded", printable(name));
    const std::size_t size = buffer.size() - inflater->avail_out;
    if (auto taken = checked.take(Bytes(buffer.data(), size)); !taken) return taken;
  }
  if (at != deflated.size() || inflater->avail_in != 0)
    return fail("{}: it is damaged (its contents end early)", printable(name));
  return checked.end();
}

}  // namespace

bool is_zip(Bytes bytes) {
  const auto signature = bytes.get<std::uint32_t>(0);
  return signature == zip::kLocal || signature == zip::kEnd;
}

Result<std::vector<ZipEntry>> zip_entries(Bytes zip) {
  const auto found = directory_of(zip);
  if (!found) return std::unexpected(found.error());
  if (found->count > kMostEntries)
    return fail("it has {} entries; up to {} are read", found->count, kMostEntries);
  const Bytes directory = *zip.slice(found->offset, found->size);
  std::vector<ZipEntry> entries;
  for (std::uint64_t at = 0; at < directory.size();) {
    auto entry = entry_at(directory, at);
    if (!entry) return std::unexpected(std::move(entry.error()));
    if (entries.size() == found->count)
      return fail("its directory is damaged: it has more entries than it says");
    entries.push_back(*entry);
  }
  if (entries.size() != found->count)
    return fail("its directory is damaged: it has {} entries, and says {}", entries.size(),
                found->count);
  if (auto checked = check_overlaps(zip, entries, found->offset); !checked)
    return std::unexpected(std::move(checked.error()));
  return entries;
}

Result<void> expand_entry(Bytes zip, const ZipEntry& entry, std::uint64_t limit,
                          const ZipTaker& take) {
  if (entry.flags & zip::kEncrypted)
    return fail("{} is encrypted: unpack it first", printable(entry.name));
  if (entry.method != zip::kStored && entry.method != zip::kDeflated)
    return fail(
        "{} is compressed by method {}, and stored (0) and deflated (8) are read: unpack "
        "it first",
        printable(entry.name), entry.method);
  if (entry.size > limit)
    return fail("{} is of {} bytes, and up to {} may be", printable(entry.name), entry.size, limit);
  const auto extent = extent_of(zip, entry);
  if (!extent) return std::unexpected(extent.error());
  const Bytes contents = *zip.slice(extent->begin, entry.compressed_size);
  Checked checked(entry, take);
  return entry.method == zip::kStored ? copy(contents, checked)
                                      : inflate_all(contents, entry.name, checked);
}

Result<void> extract_entry(Bytes zip, const ZipEntry& entry, std::uint64_t limit,
                           const std::filesystem::path& to, const std::atomic<bool>* cancel) {
  auto out = OutFile::open(to);
  if (!out) return std::unexpected(std::move(out.error()));
  const auto take = [&](Bytes piece) -> Result<void> {
    if (cancel && cancel->load()) return fail("unpacking {} was cancelled", printable(entry.name));
    return out->write(piece);
  };
  if (auto expanded = expand_entry(zip, entry, limit, take); !expanded) return expanded;
  return out->close();
}

}  // namespace ntstack::base
