#include "dump/page_runs.h"

#include <algorithm>

#include "dump/header.h"

namespace ntstack::dump {

namespace {

// No processor has more than 52 bits of physical address.
constexpr std::uint64_t end_of_pages = std::uint64_t{1} << (52 - 12);

}  // namespace

void PageRuns::add(std::uint64_t first_page, std::uint64_t count) {
  const std::uint64_t room = pages_.size() / page_size;  // whole pages
  if (listed_ <= room && first_page < end_of_pages) {
    const std::uint64_t wanted = std::min(count, end_of_pages - first_page);
    // A last page that was cut is given as far as it goes.
    const std::uint64_t most = std::min(wanted, room - listed_ + 1);
    pieces_.add(first_page * page_size, pages_.clamp(listed_ * page_size, most * page_size));
    present_ += std::min(wanted, room - listed_);
  }
  listed_ = count > UINT64_MAX - listed_ ? UINT64_MAX : listed_ + count;
}

void PageRuns::give_to(Dump& dump) && {
  if (present_ < listed_) {
    dump.warnings.push_back(text_of_missing_pages(listed_ - present_, listed_));
  }
  dump.physical_bytes = pieces_.bytes();
  dump.physical = std::move(pieces_).source();
}

std::string text_of_missing_pages(std::uint64_t missing, std::uint64_t all) {
  return fmt::format(
      "the file was cut off: {} pages that it lists are not in it; those that are there are used",
      count_of(missing, all));
}

}  // namespace ntstack::dump
