#include "app/batch_results.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/text.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// What stands behind the last line feed was cut when the run before ended.
base::Result<void> take_off_cut_line(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size == 0) return {};
  std::ifstream file(path, std::ios::binary);
  std::uint64_t end = size;
  constexpr std::uint64_t kBlock = 65536;
  for (std::string block; end > 0;) {
    const std::uint64_t from = end > kBlock ? end - kBlock : 0;
    block.resize(static_cast<std::size_t>(end - from));
    file.seekg(static_cast<std::streamoff>(from));
    if (!file.read(block.data(), static_cast<std::streamsize>(block.size())))
      return base::fail("{} can't be read", base::path_text(path));
    const std::size_t at = block.rfind('\n');
    end = at == std::string::npos ? from : from + at + 1;
    if (at != std::string::npos) break;
  }
  if (end == size) return {};
  file.close();
  fs::resize_file(path, end, error);
  if (error) return base::fail("{}: {}", base::path_text(path), error.message());
  return {};
}

// Nothing is taken off or added where the file is somebody else's: a name may be mistyped.
base::Result<void> check_is_of_batch(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  std::array<char, report::kBatchLineBegin.size()> begin{};
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), begin.size());
  const std::string_view there(begin.data(), static_cast<std::size_t>(file.gcount()));
  if (report::kBatchLineBegin.starts_with(there)) return {};
  return base::fail("{} has something else than lines of a batch: it is left as it is",
                    base::path_text(path));
}

using Take = std::function<bool(const report::BatchResult&)>;

// Takes every line that is a dump's and the last of its path, over all of them. How many were none.
std::size_t for_last_lines(const std::vector<std::unique_ptr<std::istream>>& files,
                           const Take& take) {
  std::unordered_map<std::string, std::size_t> last;  // by path: the line's number
  std::size_t number = 0, none = 0;
  for (const auto& file : files)
    for (std::string line; std::getline(*file, line); ++number)
      if (const auto result = report::read_batch_line(line)) last[result->file.path] = number;
  number = 0;
  for (const auto& file : files) {
    file->clear();
    file->seekg(0);
    for (std::string line; std::getline(*file, line); ++number) {
      const auto result = report::read_batch_line(line);
      if (!result)
        none += line.find("\"type\":\"summary\"") == std::string::npos ? 1 : 0;
      else if (last[result->file.path] == number && !take(*result))
        return none;
    }
  }
  return none;
}

// A file, or standard input for "-", which is kept: it is read twice.
base::Result<std::unique_ptr<std::istream>> open_lines(const std::string& name, std::istream& in) {
  if (name == "-") {
    auto text = std::make_unique<std::stringstream>();
    *text << in.rdbuf();
    return text;
  }
  const fs::path path = base::path_from_utf8(name);
  std::error_code error;
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*file || fs::is_directory(path, error)) return base::fail("{} can't be read", name);
  return file;
}

}  // namespace

base::Result<BatchResults> BatchResults::open(const BatchOptions& options, std::FILE* out) {
  BatchResults results;
  results.out_ = out;
  if (!options.sqlite.empty()) {
    auto database = BatchDatabase::open(options.sqlite);
    if (!database) return std::unexpected(std::move(database.error()));
    results.database_ = std::move(*database);
  }
  if (options.output.empty()) return results;
  if (auto read = results.read_earlier(options); !read)
    return std::unexpected(std::move(read.error()));
  const fs::path path = base::path_from_utf8(options.output);
#ifdef _WIN32
  results.file_.reset(::_wfopen(path.c_str(), L"ab"));
#else
  results.file_.reset(std::fopen(path.c_str(), "ab"));
#endif
  if (!results.file_)
    return base::fail("{} can't be written: {}", options.output, std::strerror(errno));
  results.out_ = results.file_.get();
  results.path_ = path;
  return results;
}

base::Result<void> BatchResults::read_earlier(const BatchOptions& options) {
  const fs::path path = base::path_from_utf8(options.output);
  if (auto ours = check_is_of_batch(path); !ours) return ours;
  if (auto whole = take_off_cut_line(path); !whole) return whole;
  std::vector<std::unique_ptr<std::istream>> file;
  file.push_back(std::make_unique<std::ifstream>(path, std::ios::binary));
  for_last_lines(file, [&](const report::BatchResult& result) {
    if (!options.retry || result.failure.empty())
      seen_[result.file.path] = {result.file.size, result.file.modified};
    return true;
  });
  return {};
}

bool BatchResults::has(const report::BatchFile& file) const {
  const auto found = seen_.find(file.path);
  return found != seen_.end() && found->second.size == file.size &&
         found->second.modified == file.modified;
}

base::Result<void> BatchResults::count(const report::BatchResult& result) {
  summary_.add(result);
  return database_ ? database_->add(result) : base::Result<void>();
}

// Of a line of which a part is there nothing stays: other programs read the file.
base::Error BatchResults::not_written() {
  const int error = errno;
  has_no_reader_ = error == EPIPE;
  if (file_) {
    file_.reset();
    static_cast<void>(take_off_cut_line(path_));
  }
  return {fmt::format("the output could not be written whole: {}", std::strerror(error)), {}};
}

base::Result<void> BatchResults::add(const std::string& line) {
  const std::string text = line + "\n";
  if (std::fwrite(text.data(), 1, text.size(), out_) != text.size() || std::fflush(out_) != 0)
    return std::unexpected(not_written());
  if (file_) return {};  // counted at the end, from the file: of a path only the last line counts
  const auto result = report::read_batch_line(line);
  return result ? count(*result) : base::Result<void>();
}

base::Result<std::size_t> BatchResults::add_files(const std::vector<std::string>& names,
                                                  std::istream& in) {
  std::vector<std::unique_ptr<std::istream>> files;
  for (const std::string& name : names) {
    auto file = open_lines(name, in);
    if (!file) return std::unexpected(std::move(file.error()));
    files.push_back(std::move(*file));
  }
  base::Result<void> done;
  const std::size_t none = for_last_lines(files, [&](const report::BatchResult& result) {
    done = count(result);
    return done.has_value();
  });
  if (!done) return std::unexpected(std::move(done.error()));
  return none;
}

base::Result<void> BatchResults::finish() {
  return database_ ? database_->finish() : base::Result<void>();
}

}  // namespace ntstack::app
