#include "dump/kernel_stacks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "dump/dump.h"

namespace ntstack::dump {
namespace {

constexpr std::uint64_t kStack = 0xffffe10d62388000;
constexpr std::uint64_t kTime = 0x01da000000000123;  // not a whole second

class KernelStacksFile : public testing::Test {
 protected:
  KernelStacksFile() {
    for (std::size_t i = 0; i < stack_.size(); ++i) stack_[i] = static_cast<std::byte>(i);
    dump_.kind = Kind::kernel_stacks;
    dump_.architecture = base::Architecture::x64;
    dump_.major_version = 10;
    dump_.build = 26100;
    dump_.processor_count = 300;
    dump_.system_time = kTime;
    dump_.up_time = 5'000'000'001;
    dump_.process_id = 0x1a2c;
    dump_.process_create_time = kTime - 77;
    ModuleRecord nt;
    nt.path = "\\SystemRoot\\system32\\ntoskrnl.exe";
    nt.base = 0xfffff80000000000;
    nt.size = 0x1046000;
    nt.timestamp = 0x5e000000;
    nt.checksum = 0xabc;
    nt.pdb_guid = base::Guid{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
    nt.pdb_age = 1;
    nt.pdb_name = "ntkrnlmp.pdb";
    dump_.modules = {nt};
    KernelStacks stacks{1, "w3wp.exe", {}};
    for (std::uint32_t i = 0; i < 3; ++i) {
      ThreadRecord thread;
      thread.id = 100 + i;
      thread.name = i == 1 ? "w\xc3\xb6rker" : "";
      KernelStackRecord record;
      record.create_time = 7 + i;
      record.state = 5;
      if (i == 2) {
        record.status = 0x102;
      } else {
        thread.context = base::Bytes(context_);
        thread.stack_address = kStack + 0x1000 * i;
        thread.stack_size = 0x40 * (i + 1);
        record.stack_low = kStack - 0x5000;
        record.stack_high = kStack + 0x1000 * i + thread.stack_size;
        record.frames = {0xfffff80000001000 + i, 0xfffff80000002000};
        record.hash = 9 + i;
        record.object = 0xffffaa0000000080 + 0x1000 * i;
        record.wait_reason = 17;
        segments_.push_back(
            {thread.stack_address,
             base::Bytes(stack_.data(), static_cast<std::size_t>(thread.stack_size))});
      }
      dump_.threads.push_back(thread);
      stacks.threads.push_back(record);
    }
    dump_.kernel_stacks = stacks;
    dump_.memory = std::make_unique<base::SegmentSource>(segments_);
  }
  std::vector<std::byte> written() {
    auto bytes = kernel_stacks_file(dump_);
    EXPECT_TRUE(bytes) << bytes.error().text();
    return bytes ? std::move(*bytes) : std::vector<std::byte>();
  }
  // Where the stream of ours begins, and its entry in the directory.
  static std::pair<std::size_t, std::size_t> stream_in(const std::vector<std::byte>& file) {
    const base::Bytes bytes(file);
    for (std::size_t entry = 0x20;; entry += 12)
      if (bytes.get<std::uint32_t>(entry) == kernel_stacks_stream)
        return {*bytes.get<std::uint32_t>(entry + 8), entry};
  }

  std::vector<std::byte> context_ = std::vector<std::byte>(0x4d0, std::byte{1});
  std::vector<std::byte> stack_ = std::vector<std::byte>(0x100);
  std::vector<base::SegmentSource::Segment> segments_;
  Dump dump_;
};

TEST_F(KernelStacksFile, IsReadAsItWasWritten) {
  const auto file = written();
  const auto read = parse(base::Bytes(file));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->warnings.empty());
  EXPECT_EQ(read->kind, Kind::kernel_stacks);
  EXPECT_EQ(name_of(read->kind), "kernel_stacks");
  EXPECT_EQ(read->architecture, base::Architecture::x64);
  EXPECT_EQ(read->build, 26100u);
  EXPECT_EQ(read->processor_count, 255u);
  EXPECT_EQ(read->system_time, kTime);
  EXPECT_EQ(read->up_time, dump_.up_time);
  EXPECT_EQ(read->process_id, dump_.process_id);
  EXPECT_EQ(read->process_create_time, dump_.process_create_time);
  ASSERT_EQ(read->modules.size(), 1u);
  EXPECT_EQ(read->modules[0].path, dump_.modules[0].path);
  EXPECT_EQ(read->modules[0].pdb_guid, dump_.modules[0].pdb_guid);
  EXPECT_EQ(read->modules[0].pdb_name, "ntkrnlmp.pdb");
  EXPECT_EQ(read->modules[0].checksum, 0xabcu);
  ASSERT_TRUE(read->kernel_stacks);
  EXPECT_EQ(read->kernel_stacks->process_name, "w3wp.exe");
  ASSERT_EQ(read->threads.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const ThreadRecord &thread = read->threads[i], &right = dump_.threads[i];
    EXPECT_EQ(thread.id, right.id);
    EXPECT_EQ(thread.name, right.name);
    EXPECT_TRUE(std::ranges::equal(thread.context.span(), right.context.span()));
    const KernelStackRecord &record = read->kernel_stacks->threads[i],
                            &right_record = dump_.kernel_stacks->threads[i];
    EXPECT_EQ(record.status, right_record.status);
    EXPECT_EQ(record.object, right_record.object);
    EXPECT_EQ(record.create_time, right_record.create_time);
    EXPECT_EQ(record.stack_low, right_record.stack_low);
    EXPECT_EQ(record.stack_high, right_record.stack_high);
    EXPECT_EQ(record.frames, right_record.frames);
    EXPECT_EQ(record.hash, right_record.hash);
    EXPECT_EQ(record.state, right_record.state);
    EXPECT_EQ(record.wait_reason, right_record.wait_reason);
  }
  EXPECT_EQ(read->memory->get<std::uint8_t>(kStack + 0x3f), 0x3f);
  EXPECT_FALSE(read->memory->get<std::uint8_t>(kStack + 0x40));
  EXPECT_EQ(read->memory->get<std::uint8_t>(kStack + 0x107f), 0x7f);
}

TEST_F(KernelStacksFile, OfADamagedStreamOrALaterFormatItIsAMinidumpWithAWarning) {
  const auto file = written();
  const auto [at, entry] = stream_in(file);
  for (const std::size_t wrong : {at, at + 40}) {  // the text; the format's version
    auto other = file;
    other[wrong] = std::byte{0x7f};
    const auto read = parse(base::Bytes(other));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->kind, Kind::minidump);
    EXPECT_FALSE(read->kernel_stacks);
    EXPECT_FALSE(read->warnings.empty());
  }
}

TEST_F(KernelStacksFile, WhatCountsAndOffsetsClaimIsBounded) {
  const auto file = written();
  const auto [at, entry] = stream_in(file);
  constexpr std::size_t kThreads = 48, kHeader = 144, kFramesOffset = 72, kFrameCount = 76;
  const auto with = [&](std::size_t offset, std::uint32_t value) {
    auto other = file;
    std::memcpy(&other[offset], &value, sizeof value);
    auto read = parse(base::Bytes(other));
    EXPECT_TRUE(read);
    std::size_t frames = 0;
    for (const KernelStackRecord& record : read->kernel_stacks->threads)
      frames += record.frames.size();
    EXPECT_LE(frames, file.size() / 8);
    EXPECT_EQ(read->kernel_stacks->threads.size(), read->threads.size());
    return std::move(*read);
  };
  EXPECT_EQ(with(at + kThreads, UINT32_MAX).warnings.size(), 1u);
  with(at + kHeader + kFrameCount, UINT32_MAX);
  EXPECT_TRUE(
      with(at + kHeader + kFramesOffset, UINT32_MAX).kernel_stacks->threads[0].frames.empty());
  with(at + 36, UINT32_MAX);  // the size of an entry
}

TEST_F(KernelStacksFile, CutAnywhereItGivesADumpOrAnError) {
  const auto file = written();
  for (std::size_t size = 0; size < file.size(); size += 3) {
    const auto read = parse(base::Bytes(file.data(), size));
    if (read && read->kernel_stacks) {
      EXPECT_EQ(read->kernel_stacks->threads.size(), read->threads.size());
    }
  }
}

}  // namespace
}  // namespace ntstack::dump
