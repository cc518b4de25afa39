// Spoilt names: what is nearly right finds more than noise does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "names.h"

namespace ntstack::tests {

// `count` names, each one of `names` with one to five changes: pieces left out, doubled, put in
// from other names or from the grammar's own words. The same for the same seed everywhere.
Names spoilt(const Names& names, std::size_t count, std::uint32_t seed);

}  // namespace ntstack::tests
