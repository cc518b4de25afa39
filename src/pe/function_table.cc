#include "pe/function_table.h"

#include <array>

namespace ntstack::pe {
namespace {

// Beyond the largest images; bounds the look for missing pages.
constexpr std::size_t max_functions = std::size_t{1} << 22;
constexpr std::uint32_t page = 0x1000;

}  // namespace

ExceptionDirectory::ExceptionDirectory(const Image& image, base::Architecture architecture,
                                       std::size_t entry_size)
    : image_(&image), entry_size_(entry_size) {
  const DataDirectory directory = image.directory(Directory::exception);
  if (image.architecture() != architecture || !directory.rva) return;
  rva_ = directory.rva;
  count_ = std::min<std::size_t>(directory.size / entry_size, max_functions);
  if (count_ == 0) return;
  const std::size_t size = count_ * entry_size;
  table_ = image.view(rva_, size);
  if (table_.size() == size) {
    runs_.push_back({0, count_});
  } else {
    find_runs();
  }
}

// A page at a time: what a page lacks at its front, it lacks as a whole.
void ExceptionDirectory::find_runs() {
  std::array<std::byte, page> copy;
  const std::uint64_t end = rva_ + std::uint64_t{count_} * entry_size_;
  const auto entry_at = [&](std::uint64_t rva) { return (rva - rva_) / entry_size_; };
  std::uint64_t begin_there = rva_;  // a stretch of bytes that are there
  std::uint64_t end_there = rva_;
  const auto take = [&] {
    const Run run{entry_at(begin_there + entry_size_ - 1), entry_at(end_there)};
    if (run.first < run.end) runs_.push_back(run);
  };
  for (std::uint64_t at = rva_; at < end && at <= UINT32_MAX; at = (at | (page - 1)) + 1) {
    const std::uint64_t stop = std::min((at | (page - 1)) + 1, end);
    const auto wanted = static_cast<std::size_t>(stop - at);
    const auto page_rva = static_cast<std::uint32_t>(at);
    std::size_t there = image_->view(page_rva, wanted).size();
    if (there < wanted) there = image_->read(page_rva, std::span(copy).first(wanted));
    if (at != end_there) {
      take();
      begin_there = at;
    }
    end_there = at + there;
  }
  take();
  missing_ = runs_.size() != 1 || runs_[0].first != 0 || runs_[0].end != count_;
}

}  // namespace ntstack::pe
