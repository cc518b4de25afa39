// What neither KDBG nor types nor a table tells of the kernel's structures, asked of the structures
// themselves: several objects must agree, and no second offset may do as well; else it stays
// unknown.
#pragma once

#include <string>
#include <vector>

#include "target/offsets/offsets.h"
#include "target/offsets/probe_objects.h"

namespace ntstack::target {

// Fills in what `offsets` lacks, and puts right what the structures contradict (an offset of the
// nearest build's table, or of a block that is not this kernel's). Looks at nothing but a few
// objects where all is known and fits. Returns that it was so, a sentence each.
std::vector<std::string> probe_offsets(const ProbeStart& start, Offsets& offsets);

}  // namespace ntstack::target
