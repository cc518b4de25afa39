#include "store/absent.h"

#include <fmt/format.h>

#include <system_error>

#include "base/bytes.h"
#include "base/mapped_file.h"
#include "base/out_file.h"
#include "store/slot.h"

namespace ntstack::store {
namespace {

// One small file each, whose age is its time, and whose text is `what`: names are hashes and may
// meet.
std::filesystem::path file_of(const std::filesystem::path& store, std::string_view what) {
  return own_folder(store) / "absent" / fmt::format("{:016x}", hash_of(what));
}

}  // namespace

bool is_known_absent(const std::filesystem::path& store, std::string_view what) {
  const auto path = file_of(store, what);
  std::error_code failed;
  const auto written = std::filesystem::last_write_time(path, failed);
  if (failed) return false;
  const auto age = std::filesystem::file_time_type::clock::now() - written;
  // A clock that was set back makes what lies in the future no fact.
  if (age > kAbsentFor || age < -std::chrono::minutes(5)) return false;
  const auto file = base::MappedFile::open(path);
  return file && file->bytes().text(0) == what;
}

void remember_absent(const std::filesystem::path& store, std::string_view what) {
  auto file = base::OutFile::open(file_of(store, what));
  if (file && file->write(base::Bytes::of(what))) static_cast<void>(file->close());
}

void forget_absent(const std::filesystem::path& store, std::string_view what) {
  std::error_code ignored;
  std::filesystem::remove(file_of(store, what), ignored);
}

}  // namespace ntstack::store
