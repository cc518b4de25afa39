// Which module each piece of each section came from: DBI's section contributions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace ntstack::pdb {

struct Contribution {
  std::uint16_t section = 0;  // from 1 on
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  std::uint16_t module = 0;  // index in DBI's list
};

class Contributions {
 public:
  Contributions() = default;
  explicit Contributions(base::Bytes substream);

  std::uint32_t size() const { return count_; }
  Contribution at(std::uint32_t index) const;
  std::optional<Contribution> find(std::uint16_t section, std::uint32_t offset) const;

 private:
  base::Bytes entries_;
  std::uint32_t entry_size_ = 0;
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> order_;  // by address, where the file's own order is not
};

}  // namespace ntstack::pdb
