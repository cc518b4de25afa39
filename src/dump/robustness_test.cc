// Whatever is done to a dump's bytes, parse() gives a dump that stays inside them, or an error with
// a text: files cut at every boundary, every field at its extremes, and seeded random damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <ranges>

#include "base/mapped_file.h"
#include "dump/dump.h"
#include "dump/dump_exercise.h"
#include "dump/dump_samples.h"
#include "test_files.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define NTSTACK_POISON 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define NTSTACK_POISON 1
#endif
#ifdef NTSTACK_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace ntstack::dump {
namespace {

using building::complaint_about;
using building::Data;
using building::Sample;

// A part of the file that holds fields: counts, offsets, sizes.
struct Region {
  std::size_t begin;
  std::size_t size;
};

// Makes the bytes behind a cut unreadable while it lives, where the sanitizer can.
class Cut {
 public:
  Cut(const Data& file, std::size_t size) : file_(file), size_(size) {
#ifdef NTSTACK_POISON
    __asan_poison_memory_region(file_.data() + size_, file_.size() - size_);
#endif
  }
  Cut(const Cut&) = delete;
  Cut& operator=(const Cut&) = delete;
  ~Cut() {
#ifdef NTSTACK_POISON
    __asan_unpoison_memory_region(file_.data() + size_, file_.size() - size_);
#endif
  }
  base::Bytes bytes() const { return base::Bytes(file_.data(), size_); }

 private:
  const Data& file_;
  std::size_t size_;
};

// `wanted` entries of a table, from the first to the last.
void add_entries(std::vector<Region>& regions, std::size_t table, std::size_t count,
                 std::size_t size, std::size_t wanted) {
  if (count == 0) return;
  const std::size_t step = std::max<std::size_t>(1, (count - 1) / (wanted - 1));
  for (std::size_t i = 0; i < count; i += step) regions.push_back({table + i * size, size});
}

std::vector<Region> triage_regions(base::Bytes file, std::size_t entries) {
  const bool wide = file.text(0, 8) == "PAGEDU64";
  const auto u32 = [&](std::size_t at) { return file.get_or<std::uint32_t>(at, 0); };
  const std::size_t triage = wide ? 0x2000 : 0x1000;
  std::vector<Region> regions;
  if (wide) {
    regions = {{0, 0x90}, {0x370, 0x10}, {0xf00, 0x30}, {0xf98, 0x20}, {0x1030, 0x28}};
  } else {
    regions = {{0, 0x68}, {0x320, 0x10}, {0x7d0, 0x20}, {0x8a0, 8}, {0xf88, 0x40}};
  }
  regions.push_back({triage, wide ? 0x80u : 0x68u});
  add_entries(regions, u32(triage + 0x30), u32(triage + 0x34), wide ? 0x90 : 0x4c, entries);
  add_entries(regions, u32(triage + (wide ? 0x78 : 0x60)), u32(triage + (wide ? 0x7c : 0x64)),
              wide ? 0x10 : 0xc, entries);
  regions.push_back({u32(triage + 0x18), 0x48});                  // unloaded drivers
  regions.push_back({u32(triage + 0x38), 8});                     // a name's length
  regions.push_back({u32(triage + 4), 0x40});                     // secondary data
  regions.push_back({u32(triage + (wide ? 0x70 : 0x58)), 0x20});  // KDBG
  return regions;
}

std::vector<Region> minidump_regions(base::Bytes file) {
  const auto u32 = [&](std::size_t at) { return file.get_or<std::uint32_t>(at, 0); };
  const std::size_t directory = u32(0xc), count = u32(8);
  std::vector<Region> regions{{0, 0x20}, {directory, count * 12}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t rva = u32(directory + i * 12 + 8), size = u32(directory + i * 12 + 4);
    regions.push_back({rva, std::min<std::size_t>(size, 0xb0)});
    if (size > 0x100) regions.push_back({rva + size - 0x40, 0x40});
  }
  return regions;
}

// Kernel dumps of physical memory: the header's fields, the runs in it, what follows it.
std::vector<Region> physical_regions(base::Bytes file) {
  const bool wide = file.text(0, 8) == "PAGEDU64";
  if (wide)
    return {{0, 0x38}, {0x80, 0x40}, {0xf98, 8}, {0x1030, 0x28}, {0x2000, 0x40}, {0x2040, 0x40}};
  return {{0, 0x30}, {0x5c, 0x30}, {0xf88, 0x10}, {0x8a0, 8}, {0x1000, 0x30}, {0x1030, 0x10}};
}

// ELF, LiME, VMware: everything is dense from the beginning on.
std::vector<Region> first_bytes_as_regions(base::Bytes file) {
  std::vector<Region> regions;
  for (std::size_t at = 0; at < 0x400 && at + 0x20 <= file.size(); at += 0x20) {
    regions.push_back({at, 0x20});
  }
  return regions;
}

bool is_triage(base::Bytes file) {
  const bool wide = file.text(0, 8) == "PAGEDU64";
  return file.get_or<std::uint32_t>(wide ? 0xf98 : 0xf88, 0) == 4;
}

std::vector<Region> regions_by_kind(base::Bytes file, std::size_t entries) {
  if (file.text(0, 4) == "MDMP") return minidump_regions(file);
  if (file.text(0, 4) != "PAGE") return first_bytes_as_regions(file);
  return is_triage(file) ? triage_regions(file, entries) : physical_regions(file);
}

struct Target {
  std::string name;
  Data bytes;
  std::vector<Region> regions;
  base::Bytes view() const { return building::view(bytes); }
};

std::vector<Region> regions_of(base::Bytes file, std::size_t entries) {
  auto regions = regions_by_kind(file, entries);
  std::erase_if(regions,
                [&](const Region& region) { return !file.contains(region.begin, region.size); });
  return regions;
}

// A few entries of each table are as good as all for damage.
Target target_of(std::string name, Data bytes) {
  Target target{std::move(name), std::move(bytes), {}};
  target.regions = regions_of(target.view(), 3);
  return target;
}

std::vector<Target> targets() {
  std::vector<Target> all;
  for (Sample& sample : building::samples()) {
    all.push_back(target_of(std::move(sample.name), std::move(sample.bytes)));
  }
  for (const char* name :
       {"kernel/triage_x64_19041.dmp", "kernel/triage_x64_17763.dmp", "lldb/sigsegv.dmp",
        "electron/windows.dmp", "symbolic/windows_mini.dmp"}) {
    if (const auto file = base::MappedFile::open(tests::data_dir() / name)) {
      const auto bytes = file->bytes().span();
      all.push_back(target_of(name, Data(bytes.begin(), bytes.end())));
    }
  }
  return all;
}

// The ends of all regions, and every place in the file that a field of theirs names.
std::vector<std::size_t> boundaries_of(const Target& target) {
  std::vector<std::size_t> found{0, target.bytes.size()};
  const auto view = target.view();
  const std::size_t size = target.bytes.size();
  for (const Region& region : regions_of(view, 200)) {
    for (std::size_t at = region.begin; at + 4 <= region.begin + region.size; at += 4) {
      found.push_back(at);
      const std::size_t place = view.get_or<std::uint32_t>(at, 0);
      const std::size_t length = view.get_or<std::uint32_t>(at + 4, 0);
      if (place < size) found.push_back(place);
      if (place < size && length < size - place) found.push_back(place + length);
    }
    found.push_back(region.begin + region.size);
  }
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

TEST(Robustness, UndamagedDumpsAreInOrder) {
  for (const Target& target : targets()) {
    EXPECT_EQ(complaint_about(target.view()), "") << target.name;
    EXPECT_GT(target.regions.size(), 5u) << target.name;
  }
}

TEST(Robustness, DumpsCutAtEveryBoundaryAndAByteBesideIt) {
  for (const Target& target : targets()) {
    for (const std::size_t boundary : boundaries_of(target)) {
      for (const std::size_t size : {boundary - 1, boundary, boundary + 1}) {
        if (size > target.bytes.size()) continue;
        const Cut cut(target.bytes, size);
        ASSERT_EQ(complaint_about(cut.bytes()), "") << target.name << " cut to " << size;
      }
    }
  }
}

TEST(Robustness, SmallDumpsCutAtEveryByte) {
  for (const Sample& sample : building::samples()) {
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      const Cut cut(sample.bytes, size);
      ASSERT_EQ(complaint_about(cut.bytes()), "") << sample.name << " cut to " << size;
    }
  }
}

template <class T>
void set_to_extremes(Target& target, std::size_t at) {
  if (!target.view().contains(at, sizeof(T))) return;
  const T before = target.view().get_or<T>(at, 0);
  const T all = static_cast<T>(-1);
  const T top = static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
  const T size = static_cast<T>(target.bytes.size());
  for (const T value : {T{0}, T{1}, static_cast<T>(top - 1), top, all, size,
                        static_cast<T>(size - 1), static_cast<T>(size + 1)}) {
    std::memcpy(&target.bytes[at], &value, sizeof(T));
    ASSERT_EQ(complaint_about(target.view()), "")
        << target.name << ": " << value << " at " << at << " in " << sizeof(T) << " bytes";
  }
  std::memcpy(&target.bytes[at], &before, sizeof(T));
}

TEST(Robustness, EveryFieldAtItsExtremes) {
  for (Target& target : targets()) {
    for (const Region& region : target.regions) {
      for (std::size_t at = region.begin; at < region.begin + region.size; at += 4) {
        ASSERT_NO_FATAL_FAILURE(set_to_extremes<std::uint32_t>(target, at));
        ASSERT_NO_FATAL_FAILURE(set_to_extremes<std::uint64_t>(target, at));
      }
    }
  }
}

// Where the damage goes: mostly into fields, else anywhere.
std::size_t random_place(const Target& target, std::mt19937& random) {
  if (random() % 10 < 8) {
    const Region& region = target.regions[random() % target.regions.size()];
    return region.begin + random() % std::max<std::size_t>(region.size, 1);
  }
  return random() % target.bytes.size();
}

TEST(Robustness, TwentyThousandRandomChanges) {
  std::mt19937 random(20260);
  std::vector<Target> all = targets();
  const std::size_t built = building::samples().size();
  struct Change {
    std::size_t at;
    std::byte before;
  };
  for (int round = 0; round < 20000; ++round) {
    // One in four to any dump, so to the large ones too; the others to the small built ones.
    Target& target = all[random() % (round % 4 == 0 ? all.size() : built)];
    std::vector<Change> changes;
    for (std::uint32_t i = 0; i <= random() % 8; ++i) {
      const std::size_t at = random_place(target, random);
      const auto value = static_cast<std::byte>(random() % 3 == 0 ? 0xff : random());
      changes.push_back({at, target.bytes[at]});
      target.bytes[at] = value;
    }
    ASSERT_EQ(complaint_about(target.view()), "") << target.name << " in round " << round;
    for (const Change& change : changes | std::views::reverse) {
      target.bytes[change.at] = change.before;
    }
  }
}

// NTSTACK_WRITE_SEEDS=1 writes them anew.
TEST(Robustness, TheFirstInputsOfFuzzingAreTheBuiltDumps) {
  const auto folder = tests::source_dir() / "fuzz" / "corpus" / "dump";
  for (const Sample& sample : building::samples()) {
    const auto path = folder / (sample.name + ".dmp");
    if (std::getenv("NTSTACK_WRITE_SEEDS")) {
      std::filesystem::create_directories(folder);
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(sample.bytes.data()),
                 static_cast<std::streamsize>(sample.bytes.size()));
    }
    const auto file = base::MappedFile::open(path);
    ASSERT_TRUE(file) << file.error().text();
    EXPECT_TRUE(std::ranges::equal(file->bytes().span(), sample.bytes)) << sample.name;
  }
}

}  // namespace
}  // namespace ntstack::dump
