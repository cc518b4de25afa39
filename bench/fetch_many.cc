// Gets the PDBs of a list from a symbol server, as `ntstack symbols fetch` does for a dump with so
// many modules: for fetch_race.py.
//
//   fetch_many SYMBOL_PATH < LIST      (a line each: the name, the GUID's 32 digits, the age)
#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "store/fetch.h"

using namespace ntstack;

namespace {

base::Guid guid_of(const std::string& digits) {
  base::Guid guid;
  guid.data1 = static_cast<std::uint32_t>(std::stoul(digits.substr(0, 8), nullptr, 16));
  guid.data2 = static_cast<std::uint16_t>(std::stoul(digits.substr(8, 4), nullptr, 16));
  guid.data3 = static_cast<std::uint16_t>(std::stoul(digits.substr(12, 4), nullptr, 16));
  for (std::size_t i = 0; i < 8; ++i)
    guid.data4[i] =
        static_cast<std::uint8_t>(std::stoul(digits.substr(16 + 2 * i, 2), nullptr, 16));
  return guid;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<store::Wanted> wanted;
  std::string name, digits;
  std::uint32_t age = 0;
  while (std::cin >> name >> digits >> age) {
    if (digits.size() != 32) return 2;
    wanted.push_back({store::PdbKey{name, guid_of(digits), age}, {}});
  }
  const std::atomic<bool> never = false;
  store::Fetcher fetcher({}, never);
  std::size_t there = 0;
  for (const store::Fetched& one : fetcher.fetch(store::SymbolPath::parse(argv[1]), wanted))
    if (one.status <= store::Fetched::Status::was_there) ++there;
  fmt::print("{} of {}\n", there, wanted.size());
  return there == wanted.size() ? 0 : 1;
}
