// The PDBs that the tests look at: real ones beside the project, and ones that clang and lld make
// here of the programs in programs/.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "pdb/pdb.h"
#include "tool.h"

namespace ntstack::tests {

struct Subject {
  std::string name;
  std::filesystem::path pdb;
  std::filesystem::path image;  // empty: not at hand
  bool is_clang = false;        // else Microsoft's compiler and linker
};

// Makes what can be made with the tools at hand; removed at the end of the program.
class Subjects {
 public:
  Subjects();
  const std::vector<Subject>& all() const { return all_; }

 private:
  void add_real(const std::filesystem::path& from, const std::string& stem,
                const std::string& image);
  void make(const std::string& name, const std::string& target, const std::string& options,
            const std::string& link_options);

  TemporaryFolder folder_;
  std::filesystem::path clang_, linker_, readobj_;
  std::vector<Subject> all_;
};

// A test over all of them; skipped where llvm-pdbutil is not installed. The PDBs are made once.
const std::vector<Subject>& subjects();

struct OpenedPdb {
  explicit OpenedPdb(const Subject& subject);
  std::unique_ptr<base::MappedFile> file;
  std::unique_ptr<pdb::Pdb> pdb;  // null: an error, already reported to the test
};

}  // namespace ntstack::tests
