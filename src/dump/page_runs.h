// Runs of physical pages that lie in a file one after the other, as full dumps and RDMP have them.
#pragma once

#include <cstdint>
#include <memory>

#include "base/byte_source.h"
#include "base/bytes.h"
#include "dump/dump.h"
#include "dump/records.h"

namespace ntstack::dump {

class PageRuns {
 public:
  // `pages` is what the runs take: the file from its first page on.
  explicit PageRuns(base::Bytes pages) : pages_(pages), pieces_(pages.size()) {}

  // So many runs will come. The caller has seen that the file has them.
  void reserve(std::size_t runs) { pieces_.reserve(runs); }
  // The next run. It is served as far as the file has it.
  void add(std::uint64_t first_page, std::uint64_t count);

  std::uint64_t listed() const { return listed_; }  // pages; stays at 2^64 - 1 where it would wrap
  std::uint64_t present() const { return present_; }  // of them whole in the file

  // Sets the dump's physical memory, with a warning where the file was cut.
  void give_to(Dump& dump) &&;

 private:
  base::Bytes pages_;
  MemoryPieces pieces_;
  std::uint64_t listed_ = 0;
  std::uint64_t present_ = 0;
};

// "the file was cut off: 5 of 9 pages are not in it; those that are there are used".
std::string text_of_missing_pages(std::uint64_t missing, std::uint64_t all);

}  // namespace ntstack::dump
