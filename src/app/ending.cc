#include "app/ending.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "app/ending_system.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "base/unfinished.h"

namespace ntstack::app {
namespace {

// Without memory of its own.
void say_simply(const char* text) { std::fputs(text, stderr); }

[[noreturn]] void on_terminate() {
  say_simply("ntstack: an error of the program itself");
  if (const auto what = std::current_exception()) {
    try {
      std::rethrow_exception(what);
    } catch (const std::bad_alloc&) {
      say_simply("\n");
      end_without_memory();
    } catch (const std::exception& error) {
      say_simply(": ");
      say_simply(error.what());
    } catch (...) {
    }
  }
  say_simply("; please report it\n");
  base::remove_unfinished();
  std::abort();
}

}  // namespace

void begin_process() {
  std::set_new_handler(end_without_memory);
  std::set_terminate(on_terminate);
  reserve_standard_streams();
  catch_ends();
}

void end_without_memory() {
  say_simply("ntstack: no memory is left\n");
  base::remove_unfinished();
  std::_Exit(kNoMemory);
}

int end_of_output(int code, std::FILE* out, std::FILE* err) {
  const bool is_written = flush(out) && std::ferror(out) == 0;
  return is_written || code != kOk ? code : output_failed(err);
}

}  // namespace ntstack::app
