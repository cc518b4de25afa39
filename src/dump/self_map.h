// Signs of a Windows kernel's page tables in physical memory, for containers that name neither the
// processor nor the tables: the kernel maps its tables into themselves, so the top table has one
// entry that points to its own page.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "dump/dump.h"

namespace ntstack::dump {

struct SelfMap {
  base::Architecture architecture = base::Architecture::unknown;
  bool pae = false;
  // The top table. PAE: the directory of the upper gigabyte, whose first four entries are as the
  // top table's, so that it serves as that.
  std::uint64_t directory_table_base = 0;
};

// The one that the processors' start block names, then every such table in the first 64 GB that
// there are of the physical memory, by address, until `take` is true of one; that one, or nothing.
// The kernel's own tables are made at boot and mostly lie low; where they do not, any process's do.
std::optional<SelfMap> find_self_map(const base::ByteSource& physical,
                                     const std::function<bool(const SelfMap&)>& take);

// The first.
std::optional<SelfMap> find_self_map(const base::ByteSource& physical);

// Looks in the dump's physical memory, and says in a warning what was found there and how. False
// where nothing was found.
bool take_self_map(Dump& dump);

}  // namespace ntstack::dump
