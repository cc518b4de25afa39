#include "base/guid.h"

#include <fmt/format.h>

namespace ntstack::base {

std::string Guid::compact() const {
  std::string out = fmt::format("{:08X}{:04X}{:04X}", data1, data2, data3);
  for (const std::uint8_t byte : data4) out += fmt::format("{:02X}", byte);
  return out;
}

std::string Guid::text() const {
  return fmt::format("{{{:08X}-{:04X}-{:04X}-{:02X}{:02X}-{:02X}{:02X}{:02X}{:02X}{:02X}{:02X}}}",
                     data1, data2, data3, data4[0], data4[1], data4[2], data4[3], data4[4],
                     data4[5], data4[6], data4[7]);
}

}  // namespace ntstack::base
