// A symbol server for tests: a real nginx on loopback over a folder, HTTP and HTTPS, with faults as
// prefixes of its paths ("/plain", "/slow", "/cut", ...). What nginx can't be told to do wrong,
// faults.py does behind it. The certificates are the test's own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tool.h"

namespace ntstack::tests {

// A request as the access log has it, once its answer has ended.
struct LoggedRequest {
  std::string method, path;
  int status = 0;
  std::string range;          // "-": none
  std::string user_agent;     // "-": none
  std::string authorization;  // "-": none
  std::string way;            // "http", "https", "direct"
};

class SymbolServer {
 public:
  // Whose name the certificate has, and who signed it.
  enum class Certificate { good, expired, untrusted, of_another_host };

  SymbolServer() = default;
  ~SymbolServer();
  SymbolServer(const SymbolServer&) = delete;
  SymbolServer& operator=(const SymbolServer&) = delete;

  // What is not installed that it needs; empty where all is there.
  static std::string missing();

  // Serves the folder. False where it does not come up: error() says why.
  bool start(const std::filesystem::path& root);
  const std::string& error() const { return error_; }

  // No connection is taken any more; and again at the same ports.
  void stop();
  bool start_again();

  // "http://127.0.0.1:8080/plain". Faults that nginx knows:
  //   /plain /tiers /slow (16 KB a second) /redirect (to /plain) /redirect-https (to https's
  //   /plain) /redirect-host (to localhost's /plain) /redirect-http (to http's) /redirect-loop /404
  //   /403 /500 /html (a page for any file, 200) /auth (user "user", password "secret")
  // and those of faults.py: the functions do_* there.
  std::string url(std::string_view prefix) const;
  // Of localhost: Wine does not know a certificate's addresses.
  std::string https_url(std::string_view prefix, Certificate of = Certificate::good) const;
  std::string url_with_user(std::string_view prefix, std::string_view user) const;  // "user:secret"
  std::string direct_url(std::string_view prefix) const;  // of faults.py itself
  std::string dead_url() const;                           // nobody listens there
  std::filesystem::path ca_file() const { return folder_.path() / "ca.pem"; }

  // What nginx was asked so far; and faults.py, by nginx or directly.
  std::vector<LoggedRequest> requests();
  std::vector<LoggedRequest> direct_requests() const;
  void forget_requests();
  // What fails the first time fails once more, for another client.
  void forget_faults() const;

 private:
  bool make_certificates();
  bool choose_ports();
  bool start_processes();
  void write_config() const;
  std::vector<LoggedRequest> logged(const std::filesystem::path& log, std::size_t skip) const;

  TemporaryFolder folder_;
  std::filesystem::path root_;
  std::string error_;
  // Of HTTP, of HTTPS by its certificate, of faults.py, and of nobody.
  std::uint16_t http_ = 0, https_[4] = {}, direct_ = 0, dead_ = 0;
  pid_t nginx_ = -1, faults_ = -1;
  std::size_t forgotten_ = 0, forgotten_direct_ = 0;
  unsigned marks_ = 0;
};

}  // namespace ntstack::tests
