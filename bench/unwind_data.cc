// Decodes and prints all unwind data of an x64 image, for the race with llvm-readobj --unwind: a
// line a function, then one for each code.
//     unwind_data IMAGE
#include <fmt/format.h>

#include <cstdio>
#include <iterator>

#include "base/mapped_file.h"
#include "pe/function_table.h"
#include "pe/image.h"
#include "pe/unwind_x64.h"

using namespace ntstack;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto file = base::MappedFile::open(argv[1]);
  if (!file) return 1;
  const auto image = pe::Image::from_file(file->bytes());
  if (!image) return 1;
  const pe::x64::FunctionTable table(*image);
  fmt::memory_buffer out;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto function = table.at(i);
    if (!function) continue;
    const auto info = pe::x64::decode(*image, *function);
    if (!info) continue;
    fmt::format_to(std::back_inserter(out),
                   "function {:#x} {:#x} {:#x} version {} flags {} prologue {} frame {}+{:#x}\n",
                   function->begin, function->end, function->unwind, info->version, info->flags,
                   info->prolog_size, info->frame_register, info->frame_offset);
    for (const pe::x64::UnwindCode& code : info->codes)
      fmt::format_to(std::back_inserter(out), "  code {:#04x}: {} {} {:#x}\n", code.prolog_offset,
                     static_cast<int>(code.op), code.info, code.amount);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}
