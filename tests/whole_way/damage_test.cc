// Damaged dumps through the whole program: every one gives stacks or a clear error, whatever was
// changed in it. The parsers' own tests cut and bend single structures; here the kernel's
// structures, the stacks and the tables are spoilt together.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/mapped_file.h"
#include "test_files.h"
#include "whole_way.h"

namespace ntstack::tests {
namespace {

constexpr std::uint64_t kExtremes[] = {
    0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};

struct Subject {
  std::string name;
  std::vector<std::byte> bytes;
  std::string symbols;
  int changes;  // how many damaged copies are tried
};

std::vector<Subject> subjects() {
  struct Source {
    std::filesystem::path path;
    std::string symbols;
    int changes;
  };
  const std::string seed1 = (source_dir() / "samples/seed1/symbols").string();
  const std::filesystem::path arm64 = binary_dir() / "tests/world_arm64/samples";
  const std::string arm64_symbols = (arm64 / "seed1/symbols").string();
  const std::filesystem::path x86 = binary_dir() / "tests/world_x86/samples";
  const std::filesystem::path x86_10 = x86 / "19041-keep", x86_7 = x86 / "7601-keep";
  const Source sources[] = {
      {source_dir() / "samples/seed1/w3wp.dmp", seed1, 6000},
      {source_dir() / "samples/seed1/w3wp.dmp", "", 3000},
      {arm64 / "seed1/w3wp.dmp", arm64_symbols, 4000},
      {arm64 / "seed1/w3wp.dmp", "", 2000},
      {arm64 / "processors/processors.dmp", arm64_symbols, 4000},
      {x86_10 / "seed1/w3wp.dmp", (x86_10 / "symbols").string(), 1000},
      {x86_10 / "processors/processors.dmp", "", 1500},
      {x86_10 / "double_fault/double_fault.dmp", (x86_10 / "images").string(), 1500},
      {x86_7 / "processors/processors.dmp", (x86_7 / "symbols").string(), 1000},
      {data_dir() / "kernel/triage_x64_17763.dmp", "", 6000},
      {data_dir() / "kernel/triage_x64_19041.dmp", "", 500},
      {data_dir() / "lldb/sigsegv.dmp", (data_dir() / "lldb").string(), 1500},
      {data_dir() / "symbolic/windows_mini.dmp", (data_dir() / "symbolic").string(), 1500},
      {data_dir() / "electron/windows.dmp", "", 1500}};
  std::vector<Subject> found;
  for (const Source& source : sources) {
    const auto file = base::MappedFile::open(source.path);
    if (!file) continue;
    const auto bytes = file->bytes().span();
    found.push_back({source.path.filename().string(),
                     {bytes.begin(), bytes.end()},
                     source.symbols,
                     source.changes});
  }
  return found;
}

// Changes a few places of the bytes and puts them back when it goes.
class Damage {
 public:
  Damage(std::vector<std::byte>& bytes, std::mt19937_64& random) : bytes_(bytes) {
    const std::size_t places = 1 + random() % 8;
    for (std::size_t i = 0; i < places; ++i) change_one(random);
  }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;
  ~Damage() {
    for (std::size_t i = changed_.size(); i-- > 0;) {
      std::memcpy(&bytes_[changed_[i].first], &changed_[i].second, 8);
    }
  }

 private:
  void change_one(std::mt19937_64& random) {
    const std::size_t size = bytes_.size() - 8;
    // Headers and tables are at the front; what is at the back has no preference.
    const std::size_t range = random() % 2 ? size : std::min<std::size_t>(size, 0x4000);
    const std::size_t at = random() % range / 4 * 4;
    std::uint64_t before = 0;
    std::memcpy(&before, &bytes_[at], 8);
    changed_.emplace_back(at, before);
    std::uint64_t after = before;
    switch (random() % 4) {
      case 0:
        after = random();
        break;
      case 1:
        after = kExtremes[random() % std::size(kExtremes)];
        break;
      case 2:
        after = before ^ (std::uint64_t{1} << random() % 64);
        break;
      default:
        after = before + random() % 32 - 16;
        break;
    }
    std::memcpy(&bytes_[at], &after, random() % 2 ? 8 : 4);
  }
  std::vector<std::byte>& bytes_;
  std::vector<std::pair<std::size_t, std::uint64_t>> changed_;
};

// The sanitizers make each one ten times as dear; they see a tenth of them.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kShare = 10;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr int kShare = 10;
#else
constexpr int kShare = 1;
#endif
#else
constexpr int kShare = 1;
#endif

TEST(WholeWay, UndamagedDumpsGiveStacks) {
  for (const Subject& subject : subjects()) {
    EXPECT_EQ(whole_way_complaint(base::Bytes(std::span(subject.bytes)), subject.symbols), "")
        << subject.name;
  }
}

TEST(WholeWay, ThirtyThousandDamagedDumpsGiveStacksOrAClearError) {
  int tried = 0;
  for (Subject& subject : subjects()) {
    std::mt19937_64 random(20261121);
    for (int i = 0; i < subject.changes / kShare; ++i, ++tried) {
      const Damage damage(subject.bytes, random);
      ASSERT_EQ(whole_way_complaint(base::Bytes(std::span(subject.bytes)), subject.symbols), "")
          << subject.name << ", change " << i;
    }
  }
  std::printf("whole way: %d damaged dumps checked\n", tried);
}

TEST(WholeWay, DumpsCutAnywhereGiveStacksOrAClearError) {
  for (const Subject& subject : subjects()) {
    const std::size_t step = std::max<std::size_t>(1, subject.bytes.size() / (150 / kShare));
    for (std::size_t size = 0; size < subject.bytes.size(); size += step) {
      ASSERT_EQ(whole_way_complaint(base::Bytes(subject.bytes.data(), size), subject.symbols), "")
          << subject.name << " cut to " << size;
    }
  }
}

}  // namespace
}  // namespace ntstack::tests
