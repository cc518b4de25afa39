// Pages of mapped files that can't be read any more, which the system tells of by a signal or an
// exception.
#pragma once

#include <cstddef>
#include <string>

namespace ntstack::base {

// As long as it lives, a page of the view that can't be read is lost_file()'s business.
class WatchedPages {
 public:
  WatchedPages() = default;  // of none
  // Errors are told with `name`, up to 1 KB of it.
  WatchedPages(const void* view, std::size_t size, const std::string& name);
  WatchedPages(WatchedPages&& other) noexcept;
  WatchedPages& operator=(WatchedPages&& other) noexcept;
  ~WatchedPages();
  void stop();  // before the view goes

  struct View;

 private:
  View* view_ = nullptr;
};

}  // namespace ntstack::base
