// Asks for URLs by our HTTP client, one after the other by the same one, and prints what came of
// it: a program, so that the client of Windows can be tried under Wine as that of Linux.
//
// Usage: http_get [--from N] [--validator TEXT] [--connect S] [--stall S] [--cancel-after MS]
//                 [--refuse-after BYTES] [--out FILE] URL...
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>
#include <vector>

#include "store/http.h"

using namespace ntstack;
namespace http = store::http;

namespace {

struct Options {
  http::Request request;
  http::Limits limits;
  long cancel_after = -1;
  std::uint64_t refuse_after = UINT64_MAX;
  std::string out;
  std::vector<std::string> urls;
};

Options read_options(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (!word.starts_with("--")) {
      options.urls.emplace_back(word);
      continue;
    }
    ++i;
    if (word == "--from") options.request.from = std::strtoull(value, nullptr, 10);
    if (word == "--validator") options.request.validator = value;
    if (word == "--connect") options.limits.connect = std::chrono::seconds(std::atol(value));
    if (word == "--stall") options.limits.stall = std::chrono::seconds(std::atol(value));
    if (word == "--cancel-after") options.cancel_after = std::atol(value);
    if (word == "--refuse-after") options.refuse_after = std::strtoull(value, nullptr, 10);
    if (word == "--out") options.out = value;
  }
  return options;
}

class Counter : public http::Sink {
 public:
  explicit Counter(const Options& options)
      : refuse_after_(options.refuse_after), out_(options.out, std::ios::binary) {}

  bool begin(const http::Response&) override {
    ++begins_;
    return true;
  }
  bool take(base::Bytes bytes) override {
    bytes_ += bytes.size();
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return bytes_ <= refuse_after_;
  }

  int begins() const { return begins_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  int begins_ = 0;
  std::uint64_t bytes_ = 0, refuse_after_ = 0;
  std::ofstream out_;
};

const char* name_of(http::Failure failure) {
  static constexpr const char* kNames[] = {"none",    "unreachable", "not_trusted", "stalled",
                                           "cut_off", "refused",     "cancelled",   "other"};
  return kNames[static_cast<std::size_t>(failure)];
}

void print(const http::Outcome& outcome, const Counter& counter) {
  const http::Response& response = outcome.response;
  std::printf("failure %s\nstatus %d\n", name_of(outcome.failure), response.status);
  std::printf("bytes %llu\nbegins %d\n", static_cast<unsigned long long>(counter.bytes()),
              counter.begins());
  if (response.length)
    std::printf("length %llu\n", static_cast<unsigned long long>(*response.length));
  if (!response.validator.empty()) std::printf("validator %s\n", response.validator.c_str());
  if (response.retry_after) std::printf("retry_after %u\n", *response.retry_after);
  if (!outcome.reason.empty()) std::printf("reason %s\n", outcome.reason.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  const Options options = read_options(count, words);
  std::atomic<bool> cancelled = false;
  auto client = http::Client::make(options.limits, cancelled);
  if (!client) {
    std::printf("no client: %s\n", client.error().text().c_str());
    return 1;
  }
  for (const std::string& url : options.urls) {
    http::Request request = options.request;
    request.url = url;
    std::thread canceller;
    if (options.cancel_after >= 0)
      canceller = std::thread([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(options.cancel_after));
        cancelled = true;
      });
    Counter counter(options);
    const auto begin = std::chrono::steady_clock::now();
    const http::Outcome outcome = client->get(request, counter);
    const auto taken = std::chrono::steady_clock::now() - begin;
    if (canceller.joinable()) canceller.join();
    print(outcome, counter);
    std::printf("milliseconds %lld\n\n",
                static_cast<long long>(
                    std::chrono::duration_cast<std::chrono::milliseconds>(taken).count()));
  }
  return 0;
}
