// Fetching from a real nginx, and from one with faults: nothing wrong is ever used or left in a
// cache, what is there comes, what was downloaded is gone on with, and the sentences say what
// happened. Keys are those that LLVM's tools read.
#include "store/fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "store/find_files.h"
#include "symbol_server/served_store.h"
#include "symbol_server/server.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using store::Fetched;
using Status = store::Fetched::Status;
using Certificate = SymbolServer::Certificate;

// What all tests share: one server, and the stores that it serves.
struct World {
  TemporaryFolder folder;
  SymbolServer server;
  ServedFile pdb, other_pdb, image, other_image;
  std::vector<ServedFile> many;  // 600 PDBs and 400 images

  fs::path root() const { return folder.path() / "root"; }
  fs::path store(const std::string& name) const { return root() / name; }

  bool make() {
    const fs::path samples = source_dir() / "samples/seed1/symbols";
    pdb = pdb_file(samples / "mup.pdb");
    other_pdb = pdb_file(samples / "rdbss.pdb");
    image = image_file(samples / "mup.sys");
    other_image = image_file(samples / "rdbss.sys");
    for (const ServedFile* file : {&pdb, &other_pdb, &image, &other_image})
      file->serve(store("two"));
    for (std::uint32_t i = 1; i <= 600; ++i) many.push_back(with_number(pdb, i));
    for (std::uint32_t i = 1; i <= 400; ++i) many.push_back(with_number(image, i));
    for (const ServedFile& file : many) file.serve(store("many"));
    if (!server.start(root())) return false;
    return ::setenv("SSL_CERT_FILE", server.ca_file().c_str(), 1) == 0;
  }
};

class FetchTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!lacking().empty()) return;
    world_ = new World;
    ASSERT_TRUE(world_->make()) << world_->server.error();
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static std::string lacking() {
    for (const char* name : {"llvm-pdbutil-19", "llvm-readobj-19", "gcab"})
      if (find_tool(name).empty()) return name;
    return SymbolServer::missing();
  }

  void SetUp() override {
    if (!lacking().empty()) GTEST_SKIP() << "not installed: " << lacking();
    server().forget_requests();
    options_.limits.connect = std::chrono::seconds(5);
    options_.limits.stall = std::chrono::seconds(2);
    options_.retries.first_wait = std::chrono::milliseconds(10);
  }
  // Whatever happened, every file in every cache is one that was served.
  void TearDown() override {
    if (!world_) return;
    std::vector<ServedFile> served = world_->many;
    for (const ServedFile* file :
         {&world_->pdb, &world_->other_pdb, &world_->image, &world_->other_image})
      served.push_back(*file);
    for (const char* cache : {"cache", "near", "far"})
      for (const auto& [path, why] : wrong_files(folder_.path() / cache, served))
        ADD_FAILURE() << cache << "/" << path << ": " << why;
  }

  static SymbolServer& server() { return world_->server; }
  static const ServedFile& pdb() { return world_->pdb; }
  static const ServedFile& image() { return world_->image; }
  fs::path cache() const { return folder_.path() / "cache"; }
  std::string url(const std::string& fault, const std::string& store = "two") const {
    return server().url(fault + "/" + store);
  }
  std::string from(const std::string& servers) const {
    return "srv*" + cache().string() + "*" + servers;
  }

  std::vector<Fetched> fetch_all(const std::string& path, const std::vector<ServedFile>& files) {
    std::vector<store::Wanted> wanted;
    for (const ServedFile& file : files) wanted.push_back(file.wanted);
    store::Fetcher fetcher(options_, cancelled_);
    return fetcher.fetch(store::SymbolPath::parse(path, "unused"), wanted, listener_);
  }
  Fetched fetch(const std::string& path, const ServedFile& file) {
    return fetch_all(path, {file}).at(0);
  }
  Fetched fetch_from(const std::string& fault, const ServedFile& file) {
    return fetch(from(url(fault)), file);
  }

  // It is where a store has it, and found there.
  static void expect_in(const fs::path& store, const ServedFile& file) {
    EXPECT_TRUE(read_file(store / file.place()) == file.bytes) << store / file.place();
    const auto path = store::SymbolPath::parse("srv*" + store.string(), "unused");
    if (const auto* key = std::get_if<store::PdbKey>(&file.wanted.key)) {
      EXPECT_TRUE(store::find_pdb(path, *key).file.has_value());
    } else {
      EXPECT_TRUE(store::find_image(path, std::get<store::ImageKey>(file.wanted.key)).file);
    }
  }
  void expect_fetched(const Fetched& fetched, const ServedFile& file) const {
    EXPECT_EQ(fetched.status, Status::fetched) << testing::PrintToString(fetched.notes);
    EXPECT_EQ(fetched.bytes, file.bytes.size());
    expect_in(cache(), file);
  }
  // Nothing of it is there, and a note has these words.
  void expect_failed(const Fetched& fetched, const ServedFile& file, const std::string& words,
                     Status status = Status::failed) const {
    EXPECT_EQ(fetched.status, status);
    EXPECT_TRUE(fetched.path.empty()) << fetched.path;
    EXPECT_FALSE(fs::exists(cache() / file.place()));
    const auto has_words = [&](const std::string& note) {
      return note.find(words) != std::string::npos;
    };
    EXPECT_TRUE(std::ranges::any_of(fetched.notes, has_words))
        << words << " is not in " << testing::PrintToString(fetched.notes);
  }
  // Bytes of downloads that are not at their end.
  std::uintmax_t unfinished_bytes() const {
    std::uintmax_t bytes = 0;
    const fs::path unfinished = cache() / ".ntstack/unfinished";
    if (!fs::exists(unfinished)) return 0;
    for (const auto& entry : fs::directory_iterator(unfinished))
      if (entry.path().extension() != ".note") bytes += entry.file_size();
    return bytes;
  }
  static std::vector<LoggedRequest> requests_of(const ServedFile& file) {
    auto requests = server().requests();
    std::erase_if(requests, [&](const LoggedRequest& request) {
      return !request.path.ends_with("/" + file.place().string());
    });
    return requests;
  }

  static World* world_;
  TemporaryFolder folder_;
  store::FetchOptions options_;
  std::atomic<bool> cancelled_ = false;
  store::FetchListener* listener_ = nullptr;
};

World* FetchTest::world_ = nullptr;

// ---- what works ----

TEST_F(FetchTest, PdbsAndImagesComeIntoTheCache) {
  const auto fetched = fetch_all(from(url("/plain")), {pdb(), image()});
  expect_fetched(fetched[0], pdb());
  expect_fetched(fetched[1], image());
  EXPECT_EQ(requests_of(pdb()).size(), 1u);
  EXPECT_EQ(unfinished_bytes(), 0u);
  EXPECT_EQ(fetched[0].path, cache() / pdb().place());
}

TEST_F(FetchTest, WhatIsThereIsNotAskedForAgain) {
  fetch_from("/plain", pdb());
  server().forget_requests();
  EXPECT_EQ(fetch_from("/plain", pdb()).status, Status::was_there);
  EXPECT_TRUE(server().requests().empty());
}

TEST_F(FetchTest, AWrongFileInTheCacheIsReplaced) {
  write_file(cache() / pdb().place(), world_->other_pdb.bytes);
  expect_fetched(fetch_from("/plain", pdb()), pdb());
}

TEST_F(FetchTest, ItComesByHttps) {
  expect_fetched(fetch(from(server().https_url("/plain/two")), pdb()), pdb());
  EXPECT_EQ(requests_of(pdb()).at(0).way, "https");
}

TEST_F(FetchTest, ItComesByRedirects) {
  for (const char* fault : {"/redirect", "/redirect-host", "/redirect-https"}) {
    fs::remove_all(cache());
    expect_fetched(fetch_from(fault, pdb()), pdb());
  }
}

TEST_F(FetchTest, SlowServersAreWaitedForWhileTheySend) {
  expect_fetched(fetch_from("/slow", world_->other_image), world_->other_image);
  options_.limits.stall = std::chrono::seconds(5);
  expect_fetched(fetch_from("/slow-start", image()), image());
}

TEST_F(FetchTest, AUserAndAPasswordOpenAServerAndAreNeverShown) {
  expect_failed(fetch_from("/auth", pdb()), pdb(), "401");
  const auto wrong = fetch(from(server().url_with_user("/auth/two", "user:verysecret")), pdb());
  expect_failed(wrong, pdb(), "401");
  const auto right = fetch(from(server().url_with_user("/auth/two", "user:secret")), pdb());
  expect_fetched(right, pdb());
  for (const Fetched& fetched : {wrong, right}) {
    EXPECT_EQ(fetched.server.find("secret"), std::string::npos);
    for (const auto& note : fetched.notes) EXPECT_EQ(note.find("secret"), std::string::npos);
  }
}

TEST_F(FetchTest, NoSecretIsWrittenIntoAStore) {
  const auto has_secret = [&] {
    std::size_t files = 0, secrets = 0;
    for (const auto& entry : fs::recursive_directory_iterator(cache())) {
      if (!entry.is_regular_file()) continue;
      ++files;
      if (read_file(entry.path()).find("very-secret") != std::string::npos) ++secrets;
    }
    EXPECT_GT(files, 0u);
    return secrets != 0;
  };
  // One address that is remembered to have nothing, and one of which a part is kept.
  fetch(from(server().url_with_user("/404/two", "user:very-secret")), pdb());
  EXPECT_FALSE(has_secret());
  options_.retries.most = 1;
  fetch(from(server().url_with_user("/cut-each/two", "user:very-secret") + "?token=very-secret"),
        image());
  EXPECT_FALSE(has_secret());
}

TEST_F(FetchTest, AThousandFilesComeEachAskedForOnce) {
  const auto fetched = fetch_all(from(url("/plain", "many")), world_->many);
  for (std::size_t i = 0; i < fetched.size(); ++i) {
    ASSERT_EQ(fetched[i].status, Status::fetched) << testing::PrintToString(fetched[i].notes);
    ASSERT_TRUE(read_file(cache() / world_->many[i].place()) == world_->many[i].bytes);
  }
  std::map<std::string, int> times;
  for (const LoggedRequest& request : server().requests()) ++times[request.path];
  EXPECT_EQ(times.size(), 1000u);
  for (const auto& [path, count] : times) EXPECT_EQ(count, 1) << path;
}

// ---- stores ----

TEST_F(FetchTest, AStoreOfThreeTiersIsKnownByItsIndex) {
  const fs::path store = world_->store("three");
  write_file(store / "index2.txt", "");
  pdb().serve(store / pdb().name.substr(0, 2));
  image().serve(store / image().name.substr(0, 2));
  const auto fetched = fetch_all(from(url("/plain", "three")), {pdb(), image()});
  expect_fetched(fetched[0], pdb());
  expect_fetched(fetched[1], image());
  const auto requests = server().requests();
  EXPECT_EQ(std::ranges::count_if(
                requests,
                [](const LoggedRequest& request) { return request.path.ends_with("/index2.txt"); }),
            1);
}

TEST_F(FetchTest, ACacheOfThreeTiersIsFilledAsOne) {
  write_file(cache() / "index2.txt", "");
  const Fetched fetched = fetch_from("/plain", pdb());
  EXPECT_EQ(fetched.status, Status::fetched);
  const fs::path place = cache() / pdb().name.substr(0, 2) / pdb().place();
  EXPECT_EQ(fetched.path, place);
  EXPECT_TRUE(read_file(place) == pdb().bytes);
  EXPECT_EQ(fetch_from("/plain", pdb()).status, Status::was_there);
  fs::remove_all(cache());  // its layout is another than the one that is looked at after each test
}

void pack(const ServedFile& file, const fs::path& store, const std::string& options) {
  const fs::path folder = store / file.name / file.key;
  write_file(folder / file.name, file.bytes);
  std::string packed = file.name;
  packed.back() = '_';
  const auto made = run("cd " + quoted(folder) + " && gcab -c " + options + " " + packed + " " +
                        file.name + " 2>&1 && rm " + file.name);
  EXPECT_EQ(made.exit_code, 0) << made.out;
}

TEST_F(FetchTest, CompressedFilesAreExpanded) {
  pack(pdb(), world_->store("packed"), "-z");
  pack(image(), world_->store("packed"), "");
  const auto fetched = fetch_all(from(url("/plain", "packed")), {pdb(), image()});
  expect_fetched(fetched[0], pdb());
  expect_fetched(fetched[1], image());
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, ACompressedFileIsGoneOnWithAfterACut) {
  pack(pdb(), world_->store("packed"), "-z");
  expect_fetched(fetch(from(url("/cut-once", "packed")), pdb()), pdb());
}

TEST_F(FetchTest, ACompressedWrongFileIsNotTaken) {
  ServedFile wrong = world_->other_pdb;
  wrong.name = pdb().name;
  wrong.key = pdb().key;
  pack(wrong, world_->store("packed_wrong"), "-z");
  expect_failed(fetch(from(url("/plain", "packed_wrong")), pdb()), pdb(), "its key is");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, ADamagedCabinetIsNotTaken) {
  const fs::path store = world_->store("packed_damaged");
  pack(pdb(), store, "-z");
  const fs::path packed = store / pdb().name / pdb().key / "mup.pd_";
  std::string bytes = read_file(packed);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(packed, bytes);
  expect_failed(fetch(from(url("/plain", "packed_damaged")), pdb()), pdb(), "of no use");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, APointerIsFollowed) {
  const fs::path store = world_->store("pointers"), elsewhere = folder_.path() / "elsewhere.pdb";
  const fs::path pointer = store / pdb().name / pdb().key / "file.ptr";
  write_file(elsewhere, pdb().bytes);
  write_file(pointer, "PATH:" + elsewhere.string());
  expect_fetched(fetch(from(url("/plain", "pointers")), pdb()), pdb());
  fs::remove_all(cache());
  write_file(pointer, "PATH:" + (folder_.path() / "nowhere.pdb").string());
  expect_failed(fetch(from(url("/plain", "pointers")), pdb()), pdb(), "can't be opened");
  write_file(elsewhere, world_->other_pdb.bytes);
  write_file(pointer, "PATH:" + elsewhere.string());
  expect_failed(fetch(from(url("/plain", "pointers")), pdb()), pdb(), "of no use");
  write_file(pointer, "MSG: it was never built");
  expect_failed(fetch(from(url("/plain", "pointers")), pdb()), pdb(), "it was never built");
}

TEST_F(FetchTest, EachStoreOfAChainKeepsACopy) {
  const fs::path near = folder_.path() / "near", far = folder_.path() / "far";
  const auto fetched =
      fetch("srv*" + near.string() + "*" + far.string() + "*" + url("/plain"), pdb());
  EXPECT_EQ(fetched.status, Status::fetched);
  expect_in(near, pdb());
  expect_in(far, pdb());
  EXPECT_EQ(requests_of(pdb()).size(), 1u);
}

TEST_F(FetchTest, AStoreThatCantBeWrittenIsPassedBy) {
  write_file(folder_.path() / "near", "a file where a folder should be");
  const fs::path near = folder_.path() / "near", far = folder_.path() / "far";
  const auto fetched =
      fetch("srv*" + near.string() + "*" + far.string() + "*" + url("/plain"), pdb());
  EXPECT_EQ(fetched.status, Status::fetched) << testing::PrintToString(fetched.notes);
  EXPECT_EQ(fetched.path, far / pdb().place());
  fs::remove(near);
}

TEST_F(FetchTest, WithoutAStoreThatCanBeWrittenTheReasonIsSaid) {
  write_file(cache(), "a file where a folder should be");
  const auto fetched = fetch_from("/plain", pdb());
  EXPECT_EQ(fetched.status, Status::failed);
  ASSERT_FALSE(fetched.notes.empty());
  EXPECT_NE(fetched.notes[0].find("cache"), std::string::npos) << fetched.notes[0];
  fs::remove(cache());
}

TEST_F(FetchTest, OneServerHasWhatTheOtherHasNot) {
  const std::string path = from(url("/404")) + ";" + from(url("/plain"));
  const auto fetched = fetch_all(path, {pdb(), image()});
  expect_fetched(fetched[0], pdb());
  expect_fetched(fetched[1], image());
  EXPECT_NE(fetched[0].server.find("/plain"), std::string::npos);
}

// ---- faults ----

TEST_F(FetchTest, ACutDownloadIsGoneOnWithWhereItWasCut) {
  expect_fetched(fetch_from("/cut-once", pdb()), pdb());
  const auto requests = requests_of(pdb());
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].status, 206);
  EXPECT_EQ(requests[1].range, "bytes=" + std::to_string(pdb().bytes.size() / 2) + "-");
}

TEST_F(FetchTest, ADownloadThatIsCutAgainAndAgainComesWhileItGrows) {
  expect_fetched(fetch_from("/cut-each", image()), image());
  EXPECT_GT(requests_of(image()).size(), 4u);
}

TEST_F(FetchTest, AfterACutAServerMayBeginAnew) {
  expect_fetched(fetch_from("/cut-once-then-whole", pdb()), pdb());
}

TEST_F(FetchTest, APartOfAnotherVersionIsDropped) {
  expect_fetched(fetch_from("/changed-once", pdb()), pdb());
}

TEST_F(FetchTest, AServerThatSendsAnotherPartDoesNoHarm) {
  expect_fetched(fetch_from("/cut-once-then-elsewhere", pdb()), pdb());
}

TEST_F(FetchTest, WhatIsAlwaysCutOffIsNotTaken) {
  for (const char* fault : {"/cut", "/cut-chunked", "/told-longer"}) {
    expect_failed(fetch_from(fault, pdb()), pdb(), "it stopped in the middle");
    expect_failed(fetch_from(fault, image()), image(), "it stopped in the middle");
  }
}

TEST_F(FetchTest, WhatIsShorterThanTheFileSaysIsNotTaken) {
  expect_failed(fetch_from("/told-shorter", pdb()), pdb(), "it is cut off");
  expect_failed(fetch_from("/told-shorter", image()), image(), "it is cut off");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, WhatIsLongerThanAPdbSaysIsNotTaken) {
  expect_failed(fetch_from("/trailing", pdb()), pdb(), "longer than the file says");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, AnotherFileOfTheSameKindIsNotTaken) {
  expect_failed(fetch_from("/wrong-file", pdb()), pdb(), "its key is");
  expect_failed(fetch_from("/wrong-file", image()), image(), "its key is");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, APageOfAPortalIsNotTaken) {
  expect_failed(fetch_from("/html", pdb()), pdb(), "no symbol file");
  expect_failed(fetch_from("/html", image()), image(), "no symbol file");
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, WhatNeverEndsIsStopped) {
  for (const char* fault : {"/endless", "/endless-told"}) {
    expect_failed(fetch_from(fault, pdb()), pdb(), "longer than the file says");
    expect_failed(fetch_from(fault, image()), image(), "longer than the file says");
    EXPECT_EQ(unfinished_bytes(), 0u) << fault;
  }
}

TEST_F(FetchTest, DrippingAndSilentServersAreGivenUp) {
  options_.retries.most = 1;
  expect_failed(fetch_from("/drip", pdb()), pdb(), "too slow");
  expect_failed(fetch_from("/silent", pdb()), pdb(), "too slow");
}

TEST_F(FetchTest, WhatTheServerDoesNotHaveIsAbsent) {
  expect_failed(fetch_from("/404", pdb()), pdb(), "it does not have it", Status::absent);
}

TEST_F(FetchTest, RefusalsAreSaidAndAskedOnce) {
  expect_failed(fetch_from("/403", pdb()), pdb(), "403");
  EXPECT_EQ(requests_of(pdb()).size(), 1u);
}

TEST_F(FetchTest, ErrorsOfTheServerAreTriedAgainSomeTimes) {
  expect_failed(fetch_from("/500", pdb()), pdb(), "500");
  EXPECT_EQ(requests_of(pdb()).size(), static_cast<std::size_t>(options_.retries.most));
}

TEST_F(FetchTest, ErrorsThatPassAreWaitedFor) {
  expect_fetched(fetch_from("/500-once", pdb()), pdb());
  const auto begin = std::chrono::steady_clock::now();
  expect_fetched(fetch_from("/429-once", image()), image());
  // It asked for a second.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(700));
  EXPECT_EQ(requests_of(image()).size(), 2u);
}

TEST_F(FetchTest, RedirectsWithoutEndFail) {
  expect_failed(fetch_from("/redirect-loop", pdb()), pdb(), "redirect");
}

TEST_F(FetchTest, WhoeverCantBeReachedIsSaid) {
  expect_failed(fetch(from(server().dead_url()), pdb()), pdb(), "it can't be reached");
}

TEST_F(FetchTest, CertificatesThatDoNotHoldEndAllTrustAtOnce) {
  for (const Certificate certificate :
       {Certificate::expired, Certificate::untrusted, Certificate::of_another_host}) {
    const std::string bad = from(server().https_url("/plain/two", certificate));
    for (const Fetched& fetched : fetch_all(bad, {pdb(), image()}))
      EXPECT_EQ(fetched.status, Status::failed);
    expect_failed(fetch(bad, pdb()), pdb(), "it is not trusted");
    expect_fetched(fetch(bad + ";" + from(url("/plain")), pdb()), pdb());
    fs::remove_all(cache());
  }
}

TEST_F(FetchTest, ARedirectFromHttpsToHttpIsNotFollowed) {
  const Fetched fetched = fetch(from(server().https_url("/redirect-http/two")), pdb());
  EXPECT_EQ(fetched.status, Status::failed);
  for (const LoggedRequest& request : server().requests()) EXPECT_EQ(request.way, "https");
}

// Behind each fault the plain server has it: the rest still comes.
class FaultTest : public FetchTest, public testing::WithParamInterface<const char*> {};

TEST_P(FaultTest, TheRestStillComesFromAnotherServer) {
  options_.retries.most = 2;
  options_.limits.stall = std::chrono::seconds(1);
  const std::string path = from(url(GetParam())) + ";" + from(url("/plain"));
  const std::vector<ServedFile> files = {pdb(), image(), world_->other_pdb, world_->other_image};
  const auto fetched = fetch_all(path, files);
  for (std::size_t i = 0; i < files.size(); ++i) expect_fetched(fetched[i], files[i]);
  EXPECT_EQ(unfinished_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultTest,
                         testing::Values("/cut", "/cut-chunked", "/wrong-file", "/told-longer",
                                         "/told-shorter", "/not-http", "/endless-told", "/drip",
                                         "/silent", "/redirect-loop", "/404", "/403", "/500",
                                         "/html", "/auth"));

TEST_F(FetchTest, AServerThatGivesNothingButTroubleIsNotAskedForAll) {
  const std::vector<ServedFile> files(world_->many.begin(), world_->many.begin() + 100);
  const std::string path = from(url("/500", "many")) + ";" + from(url("/plain", "many"));
  const auto fetched = fetch_all(path, files);
  for (std::size_t i = 0; i < files.size(); ++i) expect_fetched(fetched[i], files[i]);
  const auto requests = server().requests();
  const auto in_vain = std::ranges::count(requests, 500, &LoggedRequest::status);
  EXPECT_LE(in_vain, (3 + options_.parallel) * static_cast<unsigned>(options_.retries.most));
}

TEST_F(FetchTest, AServerThatGoesAwayLeavesWhatItGaveAndIsTakenUpAgain) {
  class StopAfter : public store::FetchListener {
   public:
    void progress(const store::FetchProgress& progress) override {
      if (progress.done >= 50 && !std::exchange(was_stopped_, true)) server().stop();
    }
    void done(const store::Wanted&, const Fetched&) override {}
    bool was_stopped_ = false;
  } stop_after;
  listener_ = &stop_after;
  options_.retries.most = 2;
  const auto first = fetch_all(from(url("/plain", "many")), world_->many);
  ASSERT_TRUE(server().start_again());
  const auto failed = std::ranges::count(first, Status::failed, &Fetched::status);
  const auto came = std::ranges::count(first, Status::fetched, &Fetched::status);
  EXPECT_EQ(failed + came, 1000);
  EXPECT_GE(came, 50);
  listener_ = nullptr;
  const auto second = fetch_all(from(url("/plain", "many")), world_->many);
  EXPECT_EQ(std::ranges::count(second, Status::was_there, &Fetched::status), came);
  EXPECT_EQ(std::ranges::count(second, Status::fetched, &Fetched::status), failed);
}

// ---- what is remembered ----

TEST_F(FetchTest, WhatAServerDoesNotHaveIsAskedForOnceADay) {
  const ServedFile none = with_number(pdb(), 5000);
  const auto ask = [&] { return fetch_from("/plain", none).status; };
  EXPECT_EQ(ask(), Status::absent);
  EXPECT_FALSE(server().requests().empty());
  server().forget_requests();
  EXPECT_EQ(ask(), Status::absent);
  EXPECT_TRUE(server().requests().empty());

  options_.ask_again = true;
  EXPECT_EQ(ask(), Status::absent);
  EXPECT_FALSE(server().requests().empty());
  options_.ask_again = false;
  for (const auto& entry : fs::directory_iterator(cache() / ".ntstack/absent"))
    fs::last_write_time(entry.path(), fs::last_write_time(entry.path()) - std::chrono::hours(25));
  server().forget_requests();
  EXPECT_EQ(ask(), Status::absent);
  EXPECT_FALSE(server().requests().empty());
}

TEST_F(FetchTest, FailuresAreNotRememberedAsAbsence) {
  fetch_from("/500", pdb());
  fetch_from("/403", pdb());
  fetch_from("/html", pdb());
  expect_fetched(fetch_from("/plain", pdb()), pdb());
}

TEST_F(FetchTest, AnotherServerIsAskedThoughOneDoesNotHaveIt) {
  EXPECT_EQ(fetch_from("/404", pdb()).status, Status::absent);
  expect_fetched(fetch_from("/plain", pdb()), pdb());
}

// ---- ends ----

TEST_F(FetchTest, ACancelledFetchEndsSoonAndIsGoneOnWith) {
  class CancelAfter : public store::FetchListener {
   public:
    explicit CancelAfter(std::atomic<bool>& cancelled) : cancelled_(cancelled) {}
    void progress(const store::FetchProgress& progress) override {
      if (progress.bytes > 30'000) cancelled_ = true;
    }
    void done(const store::Wanted&, const Fetched&) override {}
    std::atomic<bool>& cancelled_;
  } cancel_after(cancelled_);
  listener_ = &cancel_after;
  const auto fetched = fetch_from("/slow", pdb());
  EXPECT_EQ(fetched.status, Status::cancelled);
  EXPECT_GE(unfinished_bytes(), 30'000u);
  cancelled_ = false;
  listener_ = nullptr;
  server().forget_requests();
  expect_fetched(fetch_from("/slow", pdb()), pdb());
  EXPECT_EQ(requests_of(pdb()).at(0).status, 206);
  EXPECT_EQ(unfinished_bytes(), 0u);
}

TEST_F(FetchTest, WhatIsCancelledBeforeItBeginsAsksNobody) {
  cancelled_ = true;
  for (const Fetched& fetched : fetch_all(from(url("/plain")), {pdb(), image()}))
    EXPECT_EQ(fetched.status, Status::cancelled);
  EXPECT_TRUE(server().requests().empty());
}

// ---- names out of a dump ----

TEST_F(FetchTest, HostileNamesLeaveNeitherTheCacheNorTheServersFolder) {
  write_file(world_->root() / "secret.pdb", pdb().bytes);
  std::vector<ServedFile> files;
  for (const std::string name :
       {"..\\..\\..\\secret.pdb", "../../secret.pdb", "..", ".", "", "/etc/passwd",
        "C:\\windows\\..\\secret.pdb", "a\r\nX-Injected: 1\r\n.pdb", "a\x1b[31m.pdb", "a?b#c.pdb",
        "%2e%2e%2fsecret.pdb", "a b\xc3\xa9.pdb", "con", "a:b.pdb"}) {
    ServedFile file = pdb();
    std::get<store::PdbKey>(file.wanted.key).name = name;
    files.push_back(file);
  }
  for (const Fetched& fetched : fetch_all(from(url("/plain")), files)) {
    EXPECT_NE(fetched.status, Status::fetched) << fetched.path;
    for (const std::string& note : fetched.notes)
      EXPECT_EQ(std::ranges::count_if(note, [](unsigned char c) { return c < 0x20; }), 0) << note;
  }
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().filename(), "cache");
  for (const LoggedRequest& request : server().requests()) {
    EXPECT_TRUE(request.path.starts_with("/plain/two/")) << request.path;
    EXPECT_EQ(request.path.find(".."), std::string::npos) << request.path;
  }
}

TEST_F(FetchTest, ANameWithSpacesAndOtherLettersComes) {
  ServedFile file = pdb();
  file.name =
      "my m\xc3\xb6"
      "dule #1+%20?.pdb";
  file.name.erase(file.name.find('?'), 1);
  std::get<store::PdbKey>(file.wanted.key).name = file.name;
  file.serve(world_->store("letters"));
  EXPECT_EQ(fetch(from(url("/plain", "letters")), file).status, Status::fetched);
  expect_in(cache(), file);
  fs::remove_all(cache());
}

}  // namespace
}  // namespace ntstack::tests
