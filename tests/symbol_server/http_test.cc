// Our HTTP clients against a real nginx and its faults: libcurl's, and WinHTTP's under Wine.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "symbol_server/server.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using Certificate = SymbolServer::Certificate;

enum class System { here, wine };

fs::path program(System system) {
  if (system == System::here) return binary_dir() / "tests/symbol_server/http_get";
  return source_dir() / "build/windows-x64/tests/symbol_server/http_get.exe";
}

// The first line's word is the key: "failure none".
using Printed = std::map<std::string, std::string>;

std::vector<Printed> read_blocks(const std::string& text) {
  std::vector<Printed> blocks(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) blocks.emplace_back();
    const std::size_t space = line.find(' ');
    if (space != std::string::npos) blocks.back()[line.substr(0, space)] = line.substr(space + 1);
  }
  blocks.pop_back();
  return blocks;
}

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class HttpTest : public testing::TestWithParam<System> {
 protected:
  static void SetUpTestSuite() {
    if (!SymbolServer::missing().empty()) return;
    folder_ = new TemporaryFolder;
    fs::create_directories(folder_->path() / "root/a.pdb/KEY");
    content_ = new std::string;
    for (int i = 0; i < 20'000; ++i) *content_ += std::to_string(i);
    std::ofstream(folder_->path() / "root/a.pdb/KEY/a.pdb") << *content_;
    std::ofstream(folder_->path() / "root/empty");
    server_ = new SymbolServer;
    ASSERT_TRUE(server_->start(folder_->path() / "root")) << server_->error();
  }
  static void TearDownTestSuite() {
    delete server_;
    delete content_;
    delete folder_;
    server_ = nullptr;
  }

  void SetUp() override {
    if (const std::string missing = SymbolServer::missing(); !missing.empty())
      GTEST_SKIP() << "not installed: " << missing;
    if (GetParam() == System::wine && find_tool("wine").empty())
      GTEST_SKIP() << "not installed: wine";
    if (!fs::exists(program(GetParam())))
      GTEST_SKIP() << "not built: " << program(GetParam()) << " (make windows)";
    server_->forget_faults();
    server_->forget_requests();
  }

  static std::string wine() {
    const fs::path prefix = binary_dir() / "wine";
    fs::create_directories(prefix);
    return "WINEDEBUG=-all DISPLAY= WINEPREFIX=" + quoted(prefix) + " wine ";
  }

  std::vector<Printed> get_all(const std::string& options, const std::string& urls) const {
    fs::remove(out());
    const std::string start =
        GetParam() == System::wine ? wine() : "SSL_CERT_FILE=" + quoted(server_->ca_file()) + " ";
    const ToolResult result = run(start + quoted(program(GetParam())) + " --out " + quoted(out()) +
                                  " " + options + " " + urls + " 2>/dev/null");
    EXPECT_EQ(result.exit_code, 0) << result.out;
    return read_blocks(result.out);
  }
  Printed get(const std::string& url, const std::string& options = "") const {
    const auto blocks = get_all(options, "'" + url + "'");
    EXPECT_EQ(blocks.size(), 1u);
    return blocks.empty() ? Printed() : blocks[0];
  }
  static std::string file_of(const std::string& server) { return server + "/a.pdb/KEY/a.pdb"; }
  Printed fault(const std::string& prefix, const std::string& options = "") const {
    return get(file_of(server_->url(prefix)), options);
  }
  void expect_whole(Printed printed) const {
    EXPECT_EQ(printed["failure"], "none") << printed["reason"];
    EXPECT_EQ(printed["status"], "200");
    EXPECT_EQ(printed["begins"], "1");
    EXPECT_TRUE(read(out()) == *content_) << printed["bytes"];
  }
  static LoggedRequest last_request() {
    const auto requests = server_->requests();
    return requests.empty() ? LoggedRequest() : requests.back();
  }
  static fs::path out() { return folder_->path() / "out"; }
  static std::string half() { return content_->substr(0, content_->size() / 2); }

  static TemporaryFolder* folder_;
  static std::string* content_;
  static SymbolServer* server_;
};

TemporaryFolder* HttpTest::folder_ = nullptr;
std::string* HttpTest::content_ = nullptr;
SymbolServer* HttpTest::server_ = nullptr;

TEST_P(HttpTest, AFileComesWholeWithItsLengthAndValidator) {
  Printed printed = fault("/plain");
  expect_whole(printed);
  EXPECT_EQ(printed["length"], std::to_string(content_->size()));
  EXPECT_TRUE(printed["validator"].starts_with('"')) << printed["validator"];
  ASSERT_EQ(server_->requests().size(), 1u);
  EXPECT_EQ(server_->requests()[0].range, "-");
  EXPECT_NE(server_->requests()[0].user_agent.find("ntstack"), std::string::npos);
}

TEST_P(HttpTest, TheRestComesWhereTheFileIsStillTheSame) {
  const std::string validator = fault("/plain")["validator"];
  Printed printed = fault("/plain", "--from 1000 --validator '" + validator + "'");
  EXPECT_EQ(printed["failure"], "none");
  EXPECT_EQ(printed["status"], "206");
  EXPECT_EQ(printed["length"], std::to_string(content_->size()));
  EXPECT_TRUE(read(out()) == content_->substr(1000));
  EXPECT_EQ(last_request().range, "bytes=1000-");
}

TEST_P(HttpTest, TheWholeComesWhereItIsAnotherFile) {
  expect_whole(fault("/plain", "--from 1000 --validator '\"old\"'"));
}

TEST_P(HttpTest, AnotherPartThanAskedForIsNotTaken) {
  EXPECT_EQ(fault("/cut-once-then-elsewhere")["failure"], "cut_off");
  Printed printed = fault("/cut-once-then-elsewhere", "--from 1000");
  EXPECT_EQ(printed["failure"], "other");
  EXPECT_EQ(printed["reason"], "it sent another part of the file than was asked for");
  EXPECT_EQ(printed["begins"], "0");
  EXPECT_EQ(printed["bytes"], "0");
}

TEST_P(HttpTest, AnEmptyFileBeginsAndEnds) {
  Printed printed = get(server_->url("/plain/empty"));
  EXPECT_EQ(printed["failure"], "none");
  EXPECT_EQ(printed["status"], "200");
  EXPECT_EQ(printed["begins"], "1");
  EXPECT_EQ(printed["length"], "0");
}

TEST_P(HttpTest, SeveralFilesComeByOneClientAlsoAfterFailures) {
  const std::string good = "'" + file_of(server_->url("/plain")) + "' ";
  const std::string bad = "'" + file_of(server_->url("/cut")) + "' '" +
                          file_of(server_->dead_url()) + "' '" + file_of(server_->url("/404")) +
                          "' ";
  auto blocks = get_all("", good + bad + good);
  ASSERT_EQ(blocks.size(), 5u);
  EXPECT_EQ(blocks[1]["failure"], "cut_off");
  EXPECT_EQ(blocks[2]["failure"], "unreachable");
  EXPECT_EQ(blocks[3]["status"], "404");
  expect_whole(blocks[4]);
}

TEST_P(HttpTest, AnswersWithoutAFileHaveNoBytes) {
  for (const std::string status : {"404", "403", "500"}) {
    Printed printed = fault("/" + status);
    EXPECT_EQ(printed["failure"], "none");
    EXPECT_EQ(printed["status"], status);
    EXPECT_EQ(printed["begins"], "0");
  }
}

TEST_P(HttpTest, WhenToAskAgainIsTold) {
  Printed printed = fault("/429-once");
  EXPECT_EQ(printed["status"], "429");
  EXPECT_EQ(printed["retry_after"], "1");
}

TEST_P(HttpTest, ACutIsSeen) {
  Printed printed = fault("/cut");
  EXPECT_EQ(printed["failure"], "cut_off");
  EXPECT_TRUE(read(out()) == half()) << printed["bytes"];
  EXPECT_NE(printed["reason"], "");
  EXPECT_EQ(fault("/told-longer")["failure"], "cut_off");
}

TEST_P(HttpTest, ACutOfChunksIsSeen) {
  if (GetParam() == System::wine) GTEST_SKIP() << "Wine's WinHTTP takes it for the end";
  Printed printed = fault("/cut-chunked");
  EXPECT_EQ(printed["failure"], "cut_off") << printed["reason"];
  EXPECT_LE(std::stoul(printed["bytes"]), content_->size() / 2);
}

TEST_P(HttpTest, NobodyListens) {
  Printed printed = get(file_of(server_->dead_url()));
  EXPECT_EQ(printed["failure"], "unreachable");
  EXPECT_NE(printed["reason"], "");
  EXPECT_EQ(get("http://nowhere.invalid/a")["failure"], "unreachable");
}

TEST_P(HttpTest, ASilentServerIsGivenUp) {
  Printed printed = fault("/silent", "--stall 2");
  EXPECT_EQ(printed["failure"], "stalled") << printed["reason"];
  EXPECT_LT(std::stol(printed["milliseconds"]), 10'000);
}

TEST_P(HttpTest, ADrippingServerIsGivenUp) {
  Printed printed = fault("/drip", "--stall 3");
  EXPECT_EQ(printed["failure"], "stalled") << printed["reason"];
  EXPECT_GT(std::stoul(printed["bytes"]), 0u);
  EXPECT_LT(std::stol(printed["milliseconds"]), 15'000);
}

// Longer than any pause of it may be: the file takes about seven seconds.
TEST_P(HttpTest, ASlowServerThatGoesOnIsWaitedFor) { expect_whole(fault("/slow", "--stall 4")); }

TEST_P(HttpTest, ACancelledReceiveEndsSoon) {
  for (const char* prefix : {"/silent", "/drip", "/slow", "/endless"}) {
    Printed printed = fault(prefix, "--cancel-after 500");
    EXPECT_EQ(printed["failure"], "cancelled") << prefix;
    EXPECT_LT(std::stol(printed["milliseconds"]), 4'000) << prefix;
  }
}

TEST_P(HttpTest, WhoeverTakesTheBytesCanEndIt) {
  Printed printed = fault("/endless", "--refuse-after 300000");
  EXPECT_EQ(printed["failure"], "refused");
  EXPECT_GT(std::stoul(printed["bytes"]), 300'000u);
  EXPECT_LT(std::stoul(printed["bytes"]), 600'000u);
}

TEST_P(HttpTest, WhatIsNotHttpIsNoFile) {
  Printed printed = fault("/not-http");
  Printed direct = get(file_of(server_->direct_url("/not-http")));
  EXPECT_NE(printed["status"], "200");
  EXPECT_EQ(printed["begins"], "0");
  EXPECT_NE(direct["failure"], "none");
  EXPECT_EQ(direct["begins"], "0");
}

TEST_P(HttpTest, RedirectsAreFollowed) {
  expect_whole(fault("/redirect"));
  expect_whole(fault("/redirect-host"));
}

TEST_P(HttpTest, RedirectsWithoutEndAreGivenUp) {
  EXPECT_EQ(fault("/redirect-loop")["failure"], "other");
  EXPECT_EQ(server_->requests().size(), 11u);
}

TEST_P(HttpTest, APasswordIsGivenToItsServer) {
  expect_whole(get(file_of(server_->url_with_user("/auth", "user:secret"))));
  EXPECT_EQ(get(file_of(server_->url_with_user("/auth", "user:wrong")))["status"], "401");
  EXPECT_EQ(fault("/auth")["status"], "401");
}

TEST_P(HttpTest, APasswordDoesNotGoToAnotherHost) {
  expect_whole(get(file_of(server_->url_with_user("/redirect-host", "user:secret"))));
  EXPECT_EQ(last_request().path, "/plain/a.pdb/KEY/a.pdb");
  EXPECT_EQ(last_request().authorization, "-");
}

// By HTTPS.
class HttpsTest : public HttpTest {
 protected:
  void SetUp() override {
    HttpTest::SetUp();
    if (IsSkipped() || GetParam() == System::here || is_trusted_) return;
    const fs::path der = folder_->path() / "ca.der";
    const auto made = run("openssl x509 -in " + quoted(server_->ca_file()) + " -outform DER -out " +
                          quoted(der) + " 2>&1");
    ASSERT_EQ(made.exit_code, 0) << made.out;
    const auto added = run(wine() + quoted(program(System::wine).parent_path() / "trust_ca.exe") +
                           " " + quoted(der) + " 2>/dev/null");
    ASSERT_EQ(added.exit_code, 0) << added.out;
    is_trusted_ = true;
  }
  static bool is_trusted_;
};

bool HttpsTest::is_trusted_ = false;

TEST_P(HttpsTest, AFileComesFromWhoIsTrusted) {
  expect_whole(get(file_of(server_->https_url("/plain"))));
  EXPECT_EQ(last_request().way, "https");
}

TEST_P(HttpsTest, OtherCertificatesAreRefused) {
  for (const Certificate certificate :
       {Certificate::expired, Certificate::untrusted, Certificate::of_another_host}) {
    Printed printed = get(file_of(server_->https_url("/plain", certificate)));
    EXPECT_EQ(printed["failure"], "not_trusted") << printed["reason"];
    EXPECT_EQ(printed["begins"], "0");
    EXPECT_NE(printed["reason"], "");
  }
}

TEST_P(HttpsTest, ACutIsSeen) {
  EXPECT_EQ(get(file_of(server_->https_url("/cut")))["failure"], "cut_off");
}

TEST_P(HttpsTest, ARedirectNeverLeavesHttps) {
  Printed printed = get(file_of(server_->https_url("/redirect-http")));
  EXPECT_EQ(printed["failure"], "other");
  EXPECT_EQ(printed["begins"], "0");
  ASSERT_EQ(server_->requests().size(), 1u);
  EXPECT_EQ(server_->requests()[0].way, "https");
  expect_whole(fault("/redirect-https"));
}

TEST_P(HttpsTest, ACancelledReceiveEndsSoon) {
  Printed printed = get(file_of(server_->https_url("/silent")), "--cancel-after 500");
  EXPECT_EQ(printed["failure"], "cancelled");
  EXPECT_LT(std::stol(printed["milliseconds"]), 4'000);
}

std::string system_name(const testing::TestParamInfo<System>& info) {
  return info.param == System::here ? "Here" : "UnderWine";
}

INSTANTIATE_TEST_SUITE_P(Clients, HttpTest, testing::Values(System::here, System::wine),
                         system_name);
INSTANTIATE_TEST_SUITE_P(Clients, HttpsTest, testing::Values(System::here, System::wine),
                         system_name);

}  // namespace
}  // namespace ntstack::tests
