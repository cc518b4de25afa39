// Decorated names from all that is at hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ntstack::tests {

using Names = std::vector<std::string>;

// Each sorted, each name once; empty where the files or tools are absent.
Names names_of_pdbs();      // publics of the real PDBs beside the project, by llvm-pdbutil
Names names_of_dlls();      // exports of Wine's C++ run-time DLLs, x64 and x86, by llvm-readobj
Names names_of_compiler();  // of sources/, compiled by clang for x64 and x86, by llvm-nm
Names names_by_hand();      // names.txt

}  // namespace ntstack::tests
