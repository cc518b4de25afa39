// capture.json: what is written comes back, and what strangers write does no harm. The format is
// ours, so the round trip is too; end_to_end checks the schema by a validator of others.
#include "dump/bundle.h"

#include <gtest/gtest.h>

namespace ntstack::dump {
namespace {

Bundle example() {
  Bundle bundle;
  bundle.program = "ntstack 0.1.0";
  bundle.machine = {"WEB1", "10.0.19045.3803", base::Architecture::x64, 24, 1ull << 36, 0x1d6f0a1};
  bundle.process = {0x1bc8, 4, 1, "w3wp.exe", 0x1d6f0a1c0};
  bundle.started = 0x1d6f0a1c0ffee00;
  bundle.is_cut_short = true;
  BundleFile file;
  file.name = "w3wp.Kernel.dmp";
  file.kind = BundleFileKind::triage;
  file.asked = 35;
  file.captured = 33;
  file.stood_still_us = 475;
  bundle.files = {file};
  BundleThread thread;
  thread.id = 0x924;
  thread.object = 0xffffdb05bf3c7080;
  thread.name = "worker \xe2\x82\xac";
  thread.state = "Waiting";
  thread.wait_reason = "WrResource";
  thread.priority = -1;
  thread.file = "w3wp.Kernel.dmp";
  thread.status = 0xc000009a;
  thread.outcome = "did_not_fit";
  bundle.threads = {thread};
  bundle.notes = {"a note"};
  return bundle;
}

TEST(Bundle, WhatIsWrittenComesBack) {
  const auto read = parse_bundle(base::Bytes::of(bundle_json(example())));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(bundle_json(*read), bundle_json(example()));
  EXPECT_EQ(read->threads.at(0).object, 0xffffdb05bf3c7080u);
  EXPECT_EQ(read->threads.at(0).priority, -1);
  EXPECT_EQ(read->threads.at(0).status, 0xc000009au);
  EXPECT_EQ(read->files.at(0).stood_still_us, 475u);
  EXPECT_EQ(read->machine.architecture, base::Architecture::x64);
  EXPECT_TRUE(read->is_cut_short);
}

TEST(Bundle, NamesThatLeadOutOfTheFolderAreLeftOut) {
  for (const char* name : {"../x.dmp", "a/b.dmp", "C:x.dmp", "\\\\server\\x.dmp", "..", ".", ""}) {
    Bundle bundle = example();
    bundle.files[0].name = name;
    const auto read = parse_bundle(base::Bytes::of(bundle_json(bundle)));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->files.empty()) << name;
  }
  EXPECT_TRUE(is_plain_file_name("w3wp.exe_230605_162449.Kernel.dmp"));
}

TEST(Bundle, MembersOfAnotherTypeCountAsAbsent) {
  const auto read = parse_bundle(base::Bytes::of(
      R"({"capture":{"version":1,"files":7,"notes":[1,"n"],"machine":[],"process":{"id":-5},
          "threads":[3,{"id":"x","object":"0xzz","status":"0x1c0000001","priority":99999999999}]}})"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->files.empty());
  EXPECT_EQ(read->notes, std::vector<std::string>{"n"});
  EXPECT_EQ(read->process.id, 0u);
  ASSERT_EQ(read->threads.size(), 1u);
  EXPECT_EQ(read->threads[0].object, 0u);
  EXPECT_FALSE(read->threads[0].status);
  EXPECT_EQ(read->threads[0].priority, 0);
}

TEST(Bundle, WhatIsNoneIsRefused) {
  for (const char* text : {"", "{", "[]", "{}", R"({"capture":{}})", R"({"capture":{"version":2}})",
                           R"({"capture":{"version":1)"})
    EXPECT_FALSE(parse_bundle(base::Bytes::of(text))) << text;
  EXPECT_FALSE(parse_bundle(base::Bytes::of(std::string(100'000, '['))));
}

}  // namespace
}  // namespace ntstack::dump
