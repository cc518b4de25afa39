// Expands a file of a cabinet by our own code: a program, so that cabinet.dll can be tried under
// Wine as libmspack here. Usage: expand CABINET NAME MOST OUT
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "store/cabinet.h"

using namespace ntstack;

int main(int count, char** words) {
  if (count != 5) return 2;
  std::ifstream stream(words[1], std::ios::binary);
  const std::string cabinet{std::istreambuf_iterator<char>(stream), {}};
  std::ofstream out(words[4], std::ios::binary);
  const auto take = [&](base::Bytes bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    return true;
  };
  const auto expanded = store::expand_cabinet(base::Bytes::of(cabinet), words[2],
                                              std::strtoull(words[3], nullptr, 10), take);
  std::printf("%s\n", expanded ? "expanded" : expanded.error().text().c_str());
  return expanded ? 0 : 1;
}
