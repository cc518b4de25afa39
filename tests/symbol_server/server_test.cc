// The fixture itself, asked by curl: each fault does what it says, so that a test of ours that
// meets it means something.
#include "symbol_server/server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using Certificate = SymbolServer::Certificate;

// Exit codes of curl, by its manual.
constexpr int kCouldNotConnect = 7, kPartialFile = 18, kTimedOut = 28, kTooManyRedirects = 47,
              kNotTrusted = 60;

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

struct Answer {
  int exit_code = -1;
  std::string status;  // "200", by curl; of the last answer
  std::string body;
  std::string head;
};

class SymbolServerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SymbolServer::missing(); !missing.empty())
      GTEST_SKIP() << "not installed: " << missing;
    if (find_tool("curl").empty()) GTEST_SKIP() << "not installed: curl";
    fs::create_directories(root() / "a.pdb/KEY");
    for (int i = 0; i < 20'000; ++i) content_ += std::to_string(i);
    std::ofstream(root() / "a.pdb/KEY/a.pdb") << content_;
    fs::create_directories(root() / "b.pdb/KEY");
    std::ofstream(root() / "b.pdb/KEY/b.pdb") << "of b";
    ASSERT_TRUE(server_.start(root())) << server_.error();
  }

  fs::path root() const { return folder_.path() / "root"; }
  std::string file_of(const std::string& server) const { return server + "/a.pdb/KEY/a.pdb"; }

  Answer get(const std::string& url, const std::string& options = "") const {
    const fs::path body = folder_.path() / "body", head = folder_.path() / "head";
    fs::remove(body);
    fs::remove(head);
    const ToolResult result =
        run("curl -s -m 20 --noproxy '*' -o " + quoted(body) + " -D " + quoted(head) +
            " -w '%{http_code}' " + options + " '" + url + "'");
    return {result.exit_code, result.out, read(body), read(head)};
  }
  Answer fault(const std::string& prefix, const std::string& options = "") const {
    return get(file_of(server_.url(prefix)), options);
  }
  void expect_whole(const Answer& answer) const {
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_EQ(answer.status, "200");
    EXPECT_TRUE(answer.body == content_) << answer.body.size();
  }
  std::string half() const { return content_.substr(0, content_.size() / 2); }
  std::string trusted() const { return "--cacert " + quoted(server_.ca_file()); }

  TemporaryFolder folder_;
  std::string content_;
  SymbolServer server_;
};

TEST_F(SymbolServerTest, PlainFilesComeWhole) { expect_whole(fault("/plain")); }

TEST_F(SymbolServerTest, APartIsGivenWhereItIsAskedFor) {
  const Answer answer = fault("/plain", "-H 'Range: bytes=100-'");
  EXPECT_EQ(answer.status, "206");
  EXPECT_TRUE(answer.body == content_.substr(100));
}

TEST_F(SymbolServerTest, RequestsAreLogged) {
  fault("/plain", "-A me -H 'Range: bytes=7-'");
  get(server_.url("/plain/none"), "-I");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].path, "/plain/a.pdb/KEY/a.pdb");
  EXPECT_EQ(requests[0].status, 206);
  EXPECT_EQ(requests[0].range, "bytes=7-");
  EXPECT_EQ(requests[0].user_agent, "me");
  EXPECT_EQ(requests[0].authorization, "-");
  EXPECT_EQ(requests[0].way, "http");
  EXPECT_EQ(requests[1].method, "HEAD");
  EXPECT_EQ(requests[1].status, 404);
  server_.forget_requests();
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(SymbolServerTest, HttpsIsTrustedByItsAuthority) {
  expect_whole(get(file_of(server_.https_url("/plain")), trusted()));
  EXPECT_EQ(server_.requests().back().way, "https");
  EXPECT_EQ(get(file_of(server_.https_url("/plain"))).exit_code, kNotTrusted);
}

TEST_F(SymbolServerTest, OtherCertificatesAreNotTrusted) {
  for (const Certificate certificate :
       {Certificate::expired, Certificate::untrusted, Certificate::of_another_host})
    EXPECT_EQ(get(file_of(server_.https_url("/plain", certificate)), trusted()).exit_code,
              kNotTrusted);
  EXPECT_EQ(get(file_of(server_.https_url("/plain", Certificate::expired)), "-k").exit_code, 0);
}

TEST_F(SymbolServerTest, SlowSendsSomeKilobytesASecond) {
  const Answer answer = fault("/slow", "-m 3");
  EXPECT_EQ(answer.exit_code, kTimedOut);
  EXPECT_GT(answer.body.size(), 0u);
  EXPECT_LT(answer.body.size(), content_.size());
}

TEST_F(SymbolServerTest, SlowStartBeginsLate) {
  EXPECT_EQ(fault("/slow-start", "-m 1").exit_code, kTimedOut);
  expect_whole(fault("/slow-start"));
}

TEST_F(SymbolServerTest, CutEndsAtTheHalfOfWhatItTells) {
  for (const std::string& server : {server_.url("/cut"), server_.direct_url("/cut")}) {
    const Answer answer = get(file_of(server));
    EXPECT_EQ(answer.exit_code, kPartialFile);
    EXPECT_TRUE(answer.body == half());
    EXPECT_TRUE(get(file_of(server), "-H 'Range: bytes=100-'").body == half());
  }
}

TEST_F(SymbolServerTest, CutOnceGivesTheRest) {
  const Answer first = fault("/cut-once");
  EXPECT_EQ(first.exit_code, kPartialFile);
  EXPECT_TRUE(first.body == half());
  const std::string from = "-H 'Range: bytes=" + std::to_string(first.body.size()) + "-'";
  const Answer second = fault("/cut-once", from);
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_EQ(second.status, "206");
  EXPECT_TRUE(first.body + second.body == content_);
  expect_whole(fault("/cut-once"));
  expect_whole(fault("/cut-once", from + " -H 'If-Range: \"another\"'"));
}

TEST_F(SymbolServerTest, CutEachComesNearerByEachAnswer) {
  std::string body;
  int answers = 0;
  for (; body.size() < content_.size() && answers < 40; ++answers) {
    const std::string from = "-H 'Range: bytes=" + std::to_string(body.size()) + "-'";
    const Answer answer = fault("/cut-each", body.empty() ? "" : from);
    // The last byte is its own half.
    EXPECT_EQ(answer.exit_code, body.size() + 1 < content_.size() ? kPartialFile : 0);
    body += answer.body;
  }
  EXPECT_TRUE(body == content_);
  EXPECT_GT(answers, 5);
}

TEST_F(SymbolServerTest, AfterACutTheRangeMayBeIgnoredOrWrong) {
  const std::string from = "-H 'Range: bytes=100-'";
  EXPECT_EQ(fault("/cut-once-then-whole").exit_code, kPartialFile);
  expect_whole(fault("/cut-once-then-whole", from));
  EXPECT_EQ(fault("/cut-once-then-elsewhere").exit_code, kPartialFile);
  const Answer answer = fault("/cut-once-then-elsewhere", from);
  EXPECT_EQ(answer.status, "206");
  EXPECT_TRUE(answer.body == content_);
  expect_whole(fault("/cut-once-then-elsewhere"));
}

TEST_F(SymbolServerTest, ChangedOnceSendsHalfOfAnotherFileFirst) {
  const Answer first = fault("/changed-once");
  EXPECT_EQ(first.exit_code, kPartialFile);
  EXPECT_EQ(first.body.size(), content_.size() / 2);
  EXPECT_NE(first.body, half());
  expect_whole(fault("/changed-once", "-H 'Range: bytes=100-' -H 'If-Range: \"old\"'"));
}

TEST_F(SymbolServerTest, CutChunkedEndsWithoutItsLastChunk) {
  for (const std::string& server :
       {server_.url("/cut-chunked"), server_.direct_url("/cut-chunked")}) {
    const Answer answer = get(file_of(server));
    EXPECT_EQ(answer.exit_code, kPartialFile);
    EXPECT_TRUE(answer.body == half());
    EXPECT_EQ(answer.head.find("Content-Length"), std::string::npos);
  }
}

TEST_F(SymbolServerTest, WrongFileIsAnotherOfItsKind) {
  const Answer answer = fault("/wrong-file");
  EXPECT_EQ(answer.status, "200");
  EXPECT_EQ(answer.body, "of b");
}

TEST_F(SymbolServerTest, LengthsAreToldWrong) {
  const Answer longer = fault("/told-longer");
  EXPECT_EQ(longer.exit_code, kPartialFile);
  EXPECT_TRUE(longer.body == content_);
  const Answer shorter = fault("/told-shorter");
  EXPECT_EQ(shorter.exit_code, 0);
  EXPECT_TRUE(shorter.body == content_.substr(0, content_.size() * 3 / 4));
  EXPECT_EQ(fault("/trailing").body.size(), content_.size() + 4000);
}

TEST_F(SymbolServerTest, EndlessDoesNotEnd) {
  const Answer answer = fault("/endless", "-m 2 --limit-rate 5M");
  EXPECT_EQ(answer.exit_code, kTimedOut);
  EXPECT_GT(answer.body.size(), content_.size() + (1u << 20));
  EXPECT_TRUE(answer.body.starts_with(content_));
  const Answer told = fault("/endless-told", "-m 2 --limit-rate 5M");
  EXPECT_EQ(told.exit_code, kTimedOut);
  EXPECT_GT(told.body.size(), content_.size());
}

TEST_F(SymbolServerTest, DripSendsAByteASecond) {
  const Answer answer = fault("/drip", "-m 4");
  EXPECT_EQ(answer.exit_code, kTimedOut);
  EXPECT_GE(answer.body.size(), 1u);
  EXPECT_LE(answer.body.size(), 5u);
}

TEST_F(SymbolServerTest, SilentTakesTheConnectionAndNeverAnswers) {
  for (const std::string& server : {server_.url("/silent"), server_.direct_url("/silent")}) {
    const Answer answer = get(file_of(server), "-m 2");
    EXPECT_EQ(answer.exit_code, kTimedOut);
    EXPECT_EQ(answer.head, "");
  }
}

TEST_F(SymbolServerTest, RedirectsLeadToThePlainFile) {
  EXPECT_EQ(fault("/redirect").status, "302");
  expect_whole(fault("/redirect", "-L"));
  expect_whole(fault("/redirect-https", "-L " + trusted()));
  EXPECT_EQ(server_.requests().back().way, "https");
  expect_whole(fault("/redirect-host", "-L"));
  expect_whole(get(file_of(server_.https_url("/redirect-http")), "-L " + trusted()));
  EXPECT_EQ(server_.requests().back().way, "http");
  EXPECT_EQ(fault("/redirect-loop", "-L --max-redirs 10").exit_code, kTooManyRedirects);
}

TEST_F(SymbolServerTest, ErrorsAreAnswered) {
  EXPECT_EQ(fault("/404").status, "404");
  EXPECT_EQ(fault("/403").status, "403");
  EXPECT_EQ(fault("/500").status, "500");
  EXPECT_EQ(get(server_.url("/plain/none.pdb/KEY/none.pdb")).status, "404");
  EXPECT_EQ(get(server_.url("/cut/none.pdb/KEY/none.pdb")).status, "404");
}

TEST_F(SymbolServerTest, SomeErrorsPass) {
  EXPECT_EQ(fault("/500-once").status, "500");
  expect_whole(fault("/500-once"));
  const Answer busy = fault("/429-once");
  EXPECT_EQ(busy.status, "429");
  EXPECT_NE(busy.head.find("Retry-After: 1"), std::string::npos);
  expect_whole(fault("/429-once"));
}

TEST_F(SymbolServerTest, HtmlIsAPageInPlaceOfAnyFile) {
  const Answer answer = fault("/html");
  EXPECT_EQ(answer.status, "200");
  EXPECT_TRUE(answer.body.starts_with("<html>"));
  EXPECT_NE(answer.head.find("text/html"), std::string::npos);
}

TEST_F(SymbolServerTest, AuthWantsItsUser) {
  EXPECT_EQ(fault("/auth").status, "401");
  EXPECT_EQ(fault("/auth", "-u user:wrong").status, "401");
  expect_whole(fault("/auth", "-u user:secret"));
  expect_whole(get(file_of(server_.url_with_user("/auth", "user:secret"))));
  EXPECT_EQ(server_.requests().back().authorization, "Basic dXNlcjpzZWNyZXQ=");
}

TEST_F(SymbolServerTest, NobodyListensAtTheDeadPort) {
  EXPECT_EQ(get(file_of(server_.dead_url())).exit_code, kCouldNotConnect);
}

TEST_F(SymbolServerTest, ItStopsAndComesBackAtTheSamePorts) {
  server_.stop();
  EXPECT_EQ(fault("/plain").exit_code, kCouldNotConnect);
  ASSERT_TRUE(server_.start_again());
  expect_whole(fault("/plain"));
}

}  // namespace
}  // namespace ntstack::tests
