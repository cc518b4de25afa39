#include "base/zip_writer.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/zip_format.h"

namespace ntstack::base {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::uint16_t kVersion = 20, kVersion64 = 45;

using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, 10'000'000>>;  // of a FILETIME
constexpr Ticks kFiletimeOf1970{116'444'736'000'000'000};

template <class T>
void put(std::string& record, T value) {
  record.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::uint32_t low(std::uint64_t value, bool is_64) {
  return is_64 ? zip::kIn64 : static_cast<std::uint32_t>(value);
}

// Date and time as MS-DOS has them, two seconds exact; UTC.
std::uint32_t dos_time(std::uint64_t filetime) {
  using namespace std::chrono;
  constexpr sys_seconds kFirst = sys_days(year(1980) / 1 / 1);
  constexpr sys_seconds kLast =
      sys_days(year(2107) / 12 / 31) + hours(23) + minutes(59) + seconds(58);
  const auto since_1601 =
      static_cast<std::int64_t>(std::min(filetime, static_cast<std::uint64_t>(INT64_MAX)));
  const sys_seconds time =
      std::clamp(sys_seconds(floor<seconds>(Ticks(since_1601) - kFiletimeOf1970)), kFirst, kLast);
  const year_month_day date(floor<days>(time));
  const hh_mm_ss clock(time - floor<days>(time));
  const auto year_of = static_cast<std::uint32_t>(static_cast<int>(date.year()) - 1980);
  return year_of << 25 | static_cast<unsigned>(date.month()) << 21 |
         static_cast<unsigned>(date.day()) << 16 |
         static_cast<std::uint32_t>(clock.hours().count()) << 11 |
         static_cast<std::uint32_t>(clock.minutes().count()) << 5 |
         static_cast<std::uint32_t>(clock.seconds().count()) / 2;
}

std::uint64_t filetime_of(fs::file_time_type time) {
  const auto since_1970 = std::chrono::file_clock::to_sys(time).time_since_epoch();
  const Ticks ticks = std::chrono::floor<Ticks>(since_1970) + kFiletimeOf1970;
  return ticks.count() > 0 ? static_cast<std::uint64_t>(ticks.count()) : 0;
}

// zlib's own state, let go in any case.
class Deflater {
 public:
  // Fast before small: a dump of many gigabytes is to be out of the way soon.
  bool begin() {
    return is_begun_ = deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8,
                                    Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (is_begun_) deflateEnd(&stream_);
  }
  Deflater() = default;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  z_stream* operator->() { return &stream_; }
  z_stream* get() { return &stream_; }

 private:
  z_stream stream_{};
  bool is_begun_ = false;
};

bool is_cancelled(const std::atomic<bool>* cancel) { return cancel && cancel->load(); }

// The same for the local and the central header, from "version needed" to the CRC.
void put_common(std::string& record, bool is_64, std::uint32_t time, std::uint32_t crc) {
  put(record, is_64 ? kVersion64 : kVersion);
  put(record, static_cast<std::uint16_t>(zip::kHasDescriptor | zip::kIsUtf8));
  put(record, zip::kDeflated);
  put(record, time);
  put(record, crc);
}

}  // namespace

Result<ZipWriter> ZipWriter::open(const fs::path& path, Zip64 zip64) {
  auto out = OutFile::open(path);
  if (!out) return std::unexpected(std::move(out.error()));
  return ZipWriter(std::move(*out), zip64);
}

Result<void> ZipWriter::write(const std::string& record) { return out_.write(Bytes::of(record)); }

Result<void> ZipWriter::add(std::string_view name, Bytes contents, std::uint64_t written,
                            const std::atomic<bool>* cancel) {
  if (name.empty() || name.size() > UINT16_MAX)
    return fail("a name of {} bytes can't be in a zip file", name.size());
  Entry entry{std::string(name), dos_time(written), 0, contents.size(), 0, out_.size(), false};
  // What does not deflate grows by five bytes in each 16 KB at most.
  const std::uint64_t most = entry.size + entry.size / 1024 + 64;
  entry.is_64 = zip64_ == Zip64::always || most >= zip::kIn64;

  std::string header;
  put(header, zip::kLocal);
  put_common(header, entry.is_64, entry.dos_time, 0);
  put(header, low(0, entry.is_64));  // sizes: in the descriptor
  put(header, low(0, entry.is_64));
  put(header, static_cast<std::uint16_t>(name.size()));
  put(header, static_cast<std::uint16_t>(entry.is_64 ? 20 : 0));
  header += name;
  if (entry.is_64) {
    put(header, zip::kExtra64);
    put(header, std::uint16_t{16});
    header.append(16, '\0');
  }
  if (auto done = write(header); !done) return done;
  if (auto done = deflate(contents, entry, cancel); !done) return done;

  std::string descriptor;
  put(descriptor, zip::kDescriptor);
  put(descriptor, entry.crc);
  for (const std::uint64_t size : {entry.compressed_size, entry.size}) {
    if (entry.is_64)
      put(descriptor, size);
    else
      put(descriptor, static_cast<std::uint32_t>(size));
  }
  if (auto done = write(descriptor); !done) return done;
  entries_.push_back(std::move(entry));
  return {};
}

Result<void> ZipWriter::deflate(Bytes contents, Entry& entry, const std::atomic<bool>* cancel) {
  Deflater deflater;
  if (!deflater.begin()) return fail("zlib can't begin: not enough memory");
  std::vector<std::byte> buffer(kChunk / 4);
  const std::uint64_t begin = out_.size();
  uLong crc = crc32(0, nullptr, 0);
  std::uint64_t at = 0;
  do {
    if (is_cancelled(cancel)) return fail("writing {} was cancelled", path_text(out_.path()));
    const Bytes chunk = contents.clamp(at, kChunk);
    const auto size = static_cast<uInt>(chunk.size());
    at += chunk.size();
    if (size != 0) crc = crc32(crc, reinterpret_cast<const Bytef*>(chunk.data()), size);
    deflater->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(chunk.data()));
    deflater->avail_in = size;
    const int flush = at == contents.size() ? Z_FINISH : Z_NO_FLUSH;
    do {
      deflater->next_out = reinterpret_cast<Bytef*>(buffer.data());
      deflater->avail_out = static_cast<uInt>(buffer.size());
      ::deflate(deflater.get(), flush);
      if (auto done = out_.write(Bytes(buffer.data(), buffer.size() - deflater->avail_out)); !done)
        return done;
    } while (deflater->avail_out == 0);
  } while (at < contents.size());
  entry.crc = static_cast<std::uint32_t>(crc);
  entry.compressed_size = out_.size() - begin;
  return {};
}

std::string ZipWriter::central_header(const Entry& entry) const {
  const bool is_all = zip64_ == Zip64::always;
  const std::array values{entry.size, entry.compressed_size, entry.local};
  std::array<bool, 3> is_64{};
  std::string extra;
  for (std::size_t i = 0; i < values.size(); ++i) {
    is_64[i] = is_all || values[i] >= zip::kIn64;
    if (is_64[i]) put(extra, values[i]);
  }
  std::string header;
  put(header, zip::kCentral);
  put(header, kVersion64);  // made by; the upper half: attributes as MS-DOS has them
  put_common(header, entry.is_64 || !extra.empty(), entry.dos_time, entry.crc);
  put(header, low(entry.compressed_size, is_64[1]));
  put(header, low(entry.size, is_64[0]));
  put(header, static_cast<std::uint16_t>(entry.name.size()));
  put(header, static_cast<std::uint16_t>(extra.empty() ? 0 : extra.size() + 4));
  header.append(10, '\0');  // comment, disk, attributes
  put(header, low(entry.local, is_64[2]));
  header += entry.name;
  if (!extra.empty()) {
    put(header, zip::kExtra64);
    put(header, static_cast<std::uint16_t>(extra.size()));
    header += extra;
  }
  return header;
}

std::string ZipWriter::end_records(std::uint64_t directory) const {
  const std::uint64_t end = out_.size(), size = end - directory, count = entries_.size();
  const bool is_64 = zip64_ == Zip64::always || count >= zip::kCountIn64 || size >= zip::kIn64 ||
                     directory >= zip::kIn64;
  std::string records;
  if (is_64) {
    put(records, zip::kEnd64);
    put(records, std::uint64_t{zip::kEnd64Size - 12});
    put(records, kVersion64);
    put(records, kVersion64);
    put(records, std::uint64_t{0});  // disks
    put(records, count);
    put(records, count);
    put(records, size);
    put(records, directory);
    put(records, zip::kLocator);
    put(records, std::uint32_t{0});
    put(records, end);
    put(records, std::uint32_t{1});
  }
  const std::uint16_t short_count = is_64 ? zip::kCountIn64 : static_cast<std::uint16_t>(count);
  put(records, zip::kEnd);
  put(records, std::uint32_t{0});  // disks
  put(records, short_count);
  put(records, short_count);
  put(records, low(size, is_64));
  put(records, low(directory, is_64));
  put(records, std::uint16_t{0});
  return records;
}

Result<void> ZipWriter::finish() {
  const std::uint64_t directory = out_.size();
  for (const Entry& entry : entries_) {
    if (auto done = write(central_header(entry)); !done) return done;
  }
  if (auto done = write(end_records(directory)); !done) return done;
  return out_.close_durably();
}

namespace {

Result<std::vector<fs::path>> plain_files(const fs::path& folder, const fs::path& but) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry->symlink_status(ignored)) &&
        !fs::equivalent(entry->path(), but, ignored))
      files.push_back(entry->path());
  }
  if (error) return fail("can't list the folder {}: {}", path_text(folder), error.message());
  std::ranges::sort(files);
  return files;
}

std::string name_of_folder(const fs::path& folder) {
  std::error_code ignored;
  fs::path path = fs::absolute(folder, ignored).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "a/b/"
  const std::string name = path_text(path.filename());
  return name.empty() ? "capture" : name;
}

}  // namespace

Result<void> zip_folder(const fs::path& folder, const fs::path& zip,
                        const std::atomic<bool>* cancel) {
  auto writer = ZipWriter::open(zip);
  if (!writer) return std::unexpected(std::move(writer.error()));
  const auto files = plain_files(folder, zip);
  if (!files) return std::unexpected(files.error());
  if (files->empty()) return fail("no file is in the folder {}", path_text(folder));
  const std::string prefix = name_of_folder(folder) + "/";
  for (const fs::path& path : *files) {
    auto file = MappedFile::open(path);
    if (!file) return std::unexpected(std::move(file.error()));
    std::error_code error;
    const auto time = fs::last_write_time(path, error);
    const std::uint64_t written = error ? 0 : filetime_of(time);
    if (auto added =
            writer->add(prefix + path_text(path.filename()), file->bytes(), written, cancel);
        !added)
      return added;
  }
  return writer->finish();
}

}  // namespace ntstack::base
