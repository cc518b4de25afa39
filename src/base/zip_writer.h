// A zip file being written from its begin to its end: deflated, ZIP64 where sizes or places need
// it. The format is PKWARE's (APPNOTE.TXT).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/out_file.h"

namespace ntstack::base {

class ZipWriter {
 public:
  enum class Zip64 : std::uint8_t { where_needed, always };

  // Begins an empty file at `path`, over what is there. Errors name the file.
  static Result<ZipWriter> open(const std::filesystem::path& path,
                                Zip64 zip64 = Zip64::where_needed);

  // `name`: UTF-8, '/' between folders, 1 to 65535 bytes. `written`: a FILETIME (UTC); what a zip
  // can't say (before 1980, after 2107) becomes the nearest that it can. `cancel`, where not null,
  // is looked at before each megabyte; then, as after any error, the file is of no use.
  Result<void> add(std::string_view name, Bytes contents, std::uint64_t written,
                   const std::atomic<bool>* cancel = nullptr);
  // The directory; waits until all is on the disk. A file that is not finished is no zip.
  Result<void> finish();

 private:
  struct Entry {
    std::string name;
    std::uint32_t dos_time = 0;  // date in the upper half
    std::uint32_t crc = 0;
    std::uint64_t size = 0, compressed_size = 0, local = 0;
    bool is_64 = false;  // its local header
  };
  ZipWriter(OutFile out, Zip64 zip64) : out_(std::move(out)), zip64_(zip64) {}
  Result<void> write(const std::string& record);
  Result<void> deflate(Bytes contents, Entry& entry, const std::atomic<bool>* cancel);
  std::string central_header(const Entry& entry) const;
  std::string end_records(std::uint64_t directory) const;

  OutFile out_;
  Zip64 zip64_;
  std::vector<Entry> entries_;
};

// The plain files of the folder as "FOLDERNAME/file", by name; links, folders and `zip` itself are
// left out. After an error or a cancel the caller takes away what is at `zip`.
Result<void> zip_folder(const std::filesystem::path& folder, const std::filesystem::path& zip,
                        const std::atomic<bool>* cancel);

}  // namespace ntstack::base
