#include "store/download.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include "base/mapped_file.h"
#include "store/cabinet.h"
#include "store/file_extent.h"
#include "store/server_address.h"

namespace ntstack::store {
namespace {

using http::Failure;
using Status = Downloaded::Status;

// However often a server cuts off, and however little comes between.
constexpr int kMostAttempts = 100;
constexpr std::chrono::milliseconds kLongestWait{30'000};

// Of which file Slot::part is a part: its address, without secrets, for others may read the store;
// and what the server called that version of it.
struct PartNote {
  std::string url, validator;
};

std::optional<PartNote> read_note(const Slot& slot) {
  const auto file = base::MappedFile::open(slot.part_note);
  if (!file) return std::nullopt;
  const std::string_view text = file->bytes().text(0);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  return PartNote{std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
}

base::Result<void> write_note(const Slot& slot, const PartNote& note) {
  auto file = base::OutFile::open(slot.part_note);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto done = file->write(base::Bytes::of(note.url + "\n" + note.validator)); !done)
    return done;
  return file->close();
}

std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

// Writes what comes to Slot::part, and looks at its beginning as soon as there is enough of it.
class PartSink : public http::Sink {
 public:
  PartSink(const std::string& url, const Slot& slot, std::atomic<std::uint64_t>& received)
      : url_(url), slot_(slot), received_(received) {}

  bool begin(const http::Response& response) override {
    const bool goes_on = response.status == 206;
    expected_ = response.length;
    if (!goes_on) {
      drop_part(slot_);
      if (auto noted = write_note(slot_, {shown(url_), response.validator}); !noted)
        return stop(noted.error().text());
    } else if (const auto part = base::MappedFile::open(slot_.part)) {
      const auto start = part->bytes().clamp(0, extent_head).span();
      head_.assign(start.begin(), start.end());
    }
    auto file = base::OutFile::open(slot_.part, goes_on);
    if (!file) return stop(file.error().text());
    file_.emplace(std::move(*file));
    return true;
  }

  bool take(base::Bytes bytes) override {
    received_ += bytes.size();
    const auto more = bytes.clamp(0, extent_head - std::min(extent_head, head_.size())).span();
    head_.insert(head_.end(), more.begin(), more.end());
    if (auto written = file_->write(bytes); !written) return stop(written.error().text());
    return !is_impossible();
  }

  // The bytes are on the disk; false where they can't be, or are not what was told.
  bool end() {
    if (!file_) return false;
    const std::uint64_t size = file_->size();
    if (auto closed = file_->close_durably(); !closed) return stop(closed.error().text());
    if (kind_of(bytes_of_head()) == FileKind::unknown) return stop(kNoSymbolFile);
    if (expected_ && size != *expected_)
      return stop(fmt::format("{} bytes came of {}", size, *expected_));
    return true;
  }

  const std::string& why() const { return why_; }

 private:
  static constexpr const char* kNoSymbolFile =
      "what it sent is no symbol file (a page of a proxy or portal?)";

  base::Bytes bytes_of_head() const { return std::span<const std::byte>(head_); }

  bool is_impossible() {
    constexpr std::size_t kMagic = 32;
    const FileKind kind = kind_of(bytes_of_head());
    if (head_.size() >= kMagic && kind == FileKind::unknown) return !stop(kNoSymbolFile);
    if (most_ == 0 && head_.size() >= extent_head) most_ = extent_of(bytes_of_head()).most;
    if (most_ != 0 && file_->size() > most_)
      return !stop("what it sends is longer than the file says it is");
    return false;
  }

  bool stop(std::string why) {
    why_ = std::move(why);
    return false;
  }

  const std::string& url_;
  const Slot& slot_;
  std::atomic<std::uint64_t>& received_;
  std::optional<base::OutFile> file_;
  std::optional<std::uint64_t> expected_;  // bytes of the whole file
  std::vector<std::byte> head_;
  std::uint64_t most_ = 0;  // 0: not known yet
  std::string why_;
};

// One attempt, and whether another may fare better.
struct Attempt {
  Downloaded result;
  bool may_pass = false;
  std::optional<std::uint32_t> retry_after;  // seconds
};

Attempt judge_status(const http::Response& response) {
  const int status = response.status;
  const auto answered = fmt::format("it answered {}", status);
  if (status == 404 || status == 410) return {{Status::absent, "it does not have it"}, false, {}};
  if (status == 401 || status == 403 || status == 407)
    return {{Status::refused, answered + ": not allowed"}, false, {}};
  const bool may_pass = status == 408 || status == 416 || status == 429 || status >= 500;
  return {{Status::failed, answered}, may_pass, response.retry_after};
}

Attempt judge(const http::Outcome& outcome, PartSink& sink) {
  switch (outcome.failure) {
    case Failure::none:
      break;
    case Failure::refused:
      return {{Status::refused, sink.why()}, false, {}};
    case Failure::cancelled:
      return {{Status::cancelled, "cancelled"}, false, {}};
    case Failure::not_trusted:
      return {
          {Status::distrusted, fmt::format("it is not trusted: {}", outcome.reason)}, false, {}};
    case Failure::unreachable:
      return {{Status::failed, fmt::format("it can't be reached: {}", outcome.reason)}, true, {}};
    case Failure::stalled:
      return {{Status::failed, fmt::format("it was too slow: {}", outcome.reason)}, true, {}};
    case Failure::cut_off:
      return {
          {Status::failed, fmt::format("it stopped in the middle: {}", outcome.reason)}, true, {}};
    case Failure::other:
      return {{Status::failed, outcome.reason}, true, {}};
  }
  const int status = outcome.response.status;
  if (status != 200 && status != 206) return judge_status(outcome.response);
  if (!sink.end()) return {{Status::refused, sink.why()}, false, {}};
  return {{Status::whole, {}}, false, {}};
}

Attempt attempt(http::Client& client, const std::string& url, const Slot& slot,
                std::atomic<std::uint64_t>& received) {
  http::Request request{url, 0, {}};
  const auto note = read_note(slot);
  if (note && note->url == shown(url) && !note->validator.empty()) {
    request.from = size_of(slot.part);
    request.validator = note->validator;
  }
  Attempt attempt;
  bool is_of_no_use = false;
  {
    PartSink sink(url, slot, received);
    const http::Outcome outcome = client.get(request, sink);
    attempt = judge(outcome, sink);
    // 416: what is there may be all there is, or another version's. A 206 that fails otherwise is
    // another part than was asked for.
    const int status = outcome.response.status;
    is_of_no_use = !sink.why().empty() || (outcome.failure == Failure::none && status == 416) ||
                   (outcome.failure == Failure::other && status == 206);
  }
  if (is_of_no_use) drop_part(slot);
  return attempt;
}

bool wait(std::chrono::milliseconds time, const std::atomic<bool>& cancelled) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (cancelled) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return !cancelled;
}

// Spread, so that many do not come back together.
std::chrono::milliseconds wait_before(int failures, const Retries& retries,
                                      std::optional<std::uint32_t> retry_after) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const double spread = std::uniform_real_distribution(0.75, 1.25)(random);
  const auto doubled = static_cast<double>(retries.first_wait.count()) *
                       static_cast<double>(std::uint64_t{1} << std::min(failures - 1, 16));
  auto time = std::chrono::milliseconds(static_cast<std::int64_t>(doubled * spread));
  if (retry_after) time = std::max(time, std::chrono::milliseconds(*retry_after * 1000ULL));
  return std::min(time, kLongestWait);
}

}  // namespace

Downloaded download(http::Client& client, const std::string& url, const Slot& slot,
                    const Retries& retries, const std::atomic<bool>& cancelled,
                    std::atomic<std::uint64_t>& received) {
  int failures = 0;
  for (int attempts = 0; attempts < kMostAttempts; ++attempts) {
    const std::uint64_t before = size_of(slot.part);
    Attempt one = attempt(client, url, slot, received);
    if (cancelled && one.result.status != Status::whole) return {Status::cancelled, "cancelled"};
    if (!one.may_pass) return one.result;
    const auto note = read_note(slot);
    const bool has_more = note && !note->validator.empty() && size_of(slot.part) > before;
    failures = has_more ? 1 : failures + 1;
    if (failures >= retries.most) return one.result;
    if (!wait(wait_before(failures, retries, one.retry_after), cancelled))
      return {Status::cancelled, "cancelled"};
  }
  return {Status::failed, "it stopped in the middle again and again"};
}

base::Result<void> finish(const Slot& slot, std::string_view name, const Check& check) {
  std::string why;
  bool is_packed = false;
  {
    const auto part = base::MappedFile::open(slot.part);
    if (!part) return std::unexpected(part.error());
    why = why_not_whole(part->bytes());
    is_packed = is_cabinet(part->bytes());
    if (why.empty() && is_packed) {
      if (auto done = put(slot, part->bytes(), name, check); !done) why = done.error().text();
    } else if (why.empty()) {
      why = check(part->bytes());
    }
  }
  if (why.empty() && !is_packed) {
    if (auto renamed = base::rename_file(slot.part, slot.destination); !renamed)
      why = renamed.error().text();
  }
  drop_part(slot);
  if (!why.empty()) return base::fail("{}", why);
  return {};
}

void drop_part(const Slot& slot) {
  std::error_code ignored;
  std::filesystem::remove(slot.part, ignored);
  std::filesystem::remove(slot.part_note, ignored);
}

}  // namespace ntstack::store
