// What tests ask of a dump's physical memory: exactly these pages, and holes everywhere else.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "dump/dump.h"
#include "dump/physical_builder.h"

namespace ntstack::dump::building {

inline void expect_page(const base::ByteSource& memory, std::uint64_t number, const Data& page) {
  const std::uint64_t address = number * 0x1000;
  const base::Bytes whole = memory.view(address, 0x1000);
  ASSERT_EQ(whole.size(), 0x1000u) << number;
  EXPECT_TRUE(std::ranges::equal(whole.span(), page)) << number;
  EXPECT_TRUE(std::ranges::equal(memory.view(address + 0xff9, 5).span(),
                                 std::span(page).subspan(0xff9, 5)));
  EXPECT_EQ(memory.copy(address, 0x1000), page) << number;
}

// The pages, each run of them in one view, and the holes between them by hole_end().
inline void expect_pages(const base::ByteSource* memory, const Pages& pages) {
  ASSERT_NE(memory, nullptr);
  for (const auto& [number, page] : pages) {
    ASSERT_NO_FATAL_FAILURE(expect_page(*memory, number, page));
  }
  std::uint64_t behind = 0;  // the last run
  for (const Run& run : runs_of(pages)) {
    if (run.first != behind) {
      EXPECT_EQ(memory->hole_end(behind * 0x1000), run.first * 0x1000);
      EXPECT_TRUE(memory->view(run.first * 0x1000 - 1, 2).empty());
      std::byte byte;
      EXPECT_EQ(memory->read(run.first * 0x1000 - 1, std::span(&byte, 1)), 0u);
    }
    behind = run.first + run.count;
    EXPECT_EQ(memory->view(run.first * 0x1000, 1 << 24).size(), run.count * 0x1000) << run.first;
    EXPECT_EQ(memory->copy(run.first * 0x1000 + 8, run.count * 0x1000 + 99).size(),
              run.count * 0x1000 - 8);
  }
  EXPECT_EQ(memory->hole_end(behind * 0x1000), UINT64_MAX);
  EXPECT_TRUE(memory->view(UINT64_MAX, 8).empty());
  EXPECT_EQ(memory->hole_end(UINT64_MAX), UINT64_MAX);
}

inline bool warns(const Dump& dump, std::string_view part) {
  return std::ranges::any_of(dump.warnings, [&](const std::string& warning) {
    return warning.find(part) != std::string::npos;
  });
}

// Every cut of a kernel dump at a page and beside it gives exactly the pages before the cut.
inline void expect_cuts_to_serve_what_is_there(const PhysicalBuilder& builder) {
  const Data file = builder.build();
  const std::size_t first = file.size() - builder.pages.size() * 0x1000;
  for (std::size_t kept = 0; kept < builder.pages.size(); ++kept) {
    const auto dump = parse(view(file).clamp(0, first + kept * 0x1000));
    ASSERT_TRUE(dump) << dump.error().text();
    Pages rest = builder.pages;
    rest.erase(std::next(rest.begin(), static_cast<std::ptrdiff_t>(kept)), rest.end());
    ASSERT_NO_FATAL_FAILURE(expect_pages(dump->physical.get(), rest));
    EXPECT_EQ(dump->physical_bytes, kept * 0x1000);
    EXPECT_TRUE(warns(*dump, fmt::format("{} of {} pages that it lists are not in it",
                                         builder.pages.size() - kept, builder.pages.size())));
    const auto ragged = parse(view(file).clamp(0, first + kept * 0x1000 + 0x123));
    ASSERT_TRUE(ragged);
    const auto cut = std::next(builder.pages.begin(), static_cast<std::ptrdiff_t>(kept))->first;
    EXPECT_EQ(ragged->physical->copy(cut * 0x1000, 0x1000).size(), 0x123u);
    EXPECT_EQ(ragged->physical->hole_end(cut * 0x1000 + 0x123), UINT64_MAX);
  }
}

}  // namespace ntstack::dump::building
