#include "base/mapped_pages.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/mapped_file.h"

#ifdef _WIN32
#include <windows.h>
//
#include "base/unfinished.h"
#else
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ntstack::base {

using Name = std::array<char, 1024>;

// Never freed, for a page may be missing at any time, in any thread: they are taken anew.
struct WatchedPages::View {
  std::atomic<std::uintptr_t> begin = 0;  // 0: of none
  std::uintptr_t end = 0;
  Name name{};
  std::atomic<bool> is_taken = false;
  View* next = nullptr;
};

namespace {

std::atomic<WatchedPages::View*> views = nullptr;
// The lost file's name, which is written once between two times that it is forgotten.
enum class Lost : std::uint8_t { none, is_written, is_there };
std::atomic<Lost> lost = Lost::none;
Name lost_name{};

WatchedPages::View* view_at(std::uintptr_t address) {
  for (WatchedPages::View* view = views; view; view = view->next) {
    const std::uintptr_t begin = view->begin;
    if (begin != 0 && address >= begin && address < view->end) return view;
  }
  return nullptr;
}

#ifdef _WIN32

LONG CALLBACK on_exception(EXCEPTION_POINTERS* what) {
  const EXCEPTION_RECORD& record = *what->ExceptionRecord;
  if (record.ExceptionCode != static_cast<DWORD>(EXCEPTION_IN_PAGE_ERROR) ||
      record.NumberParameters < 2)
    return EXCEPTION_CONTINUE_SEARCH;
  const WatchedPages::View* view = view_at(record.ExceptionInformation[1]);
  if (!view) return EXCEPTION_CONTINUE_SEARCH;
  const HANDLE err = GetStdHandle(STD_ERROR_HANDLE);
  for (const char* text : {"ntstack: ", view->name.data(), ": a part of it can't be read\r\n"}) {
    DWORD written = 0;
    WriteFile(err, text, static_cast<DWORD>(std::char_traits<char>::length(text)), &written,
              nullptr);
  }
  remove_unfinished();
  TerminateProcess(GetCurrentProcess(), 1);
  return EXCEPTION_CONTINUE_SEARCH;
}

void watch_for_lost_pages() {
  static const bool is_set = AddVectoredExceptionHandler(1, on_exception) != nullptr;
  static_cast<void>(is_set);
}

#else

struct sigaction before{};

void remember(const WatchedPages::View& view) {
  Lost none = Lost::none;
  if (!lost.compare_exchange_strong(none, Lost::is_written)) return;
  lost_name = view.name;
  lost = Lost::is_there;
}

// Zeros come in the place of the page and of all behind it.
void on_bus_error(int signal, siginfo_t* what, void*) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(what->si_addr);
  const WatchedPages::View* view = view_at(address);
  if (view) {
    const std::uintptr_t from = address & ~(page - 1);
    const std::uintptr_t to = (view->end + page - 1) & ~(page - 1);
    if (::mmap(reinterpret_cast<void*>(from), to - from, PROT_READ,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED)
      return remember(*view);
  }
  ::sigaction(signal, &before, nullptr);  // then it comes again
}

void watch_for_lost_pages() {
  static const bool is_set = [] {
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &before) == 0;
  }();
  static_cast<void>(is_set);
}

#endif

}  // namespace

WatchedPages::WatchedPages(const void* view, std::size_t size, const std::string& name) {
  watch_for_lost_pages();
  for (view_ = views; view_; view_ = view_->next)
    if (!view_->is_taken.exchange(true)) break;
  if (!view_) {
    view_ = new View;
    view_->is_taken = true;
    view_->next = views;
    while (!views.compare_exchange_weak(view_->next, view_)) {
    }
  }
  const std::size_t length = std::min(name.size(), view_->name.size() - 1);
  std::copy_n(name.begin(), length, view_->name.begin());
  view_->name[length] = '\0';
  const auto begin = reinterpret_cast<std::uintptr_t>(view);
  view_->end = begin + size;
  view_->begin = begin;
}

WatchedPages::WatchedPages(WatchedPages&& other) noexcept
    : view_(std::exchange(other.view_, nullptr)) {}

WatchedPages& WatchedPages::operator=(WatchedPages&& other) noexcept {
  std::swap(view_, other.view_);
  return *this;
}

WatchedPages::~WatchedPages() { stop(); }

void WatchedPages::stop() {
  if (!view_) return;
  view_->begin = 0;
  std::exchange(view_, nullptr)->is_taken = false;
}

std::string lost_file() { return lost == Lost::is_there ? lost_name.data() : ""; }

void forget_lost_file() { lost = Lost::none; }

}  // namespace ntstack::base
