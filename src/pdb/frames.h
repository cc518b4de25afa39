// How x86 functions lay out their frames: FPO_DATA and FRAMEDATA records by address.
// Layouts: winnt.h (FPO_DATA); LLVM's PDB sources (FrameData).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "pdb/name_table.h"
#include "pdb/pdb.h"

namespace ntstack::pdb {

// Records of one size, each beginning with the RVA and the size of its code, by address.
class FrameRecords {
 public:
  FrameRecords() = default;
  FrameRecords(base::Bytes records, std::uint32_t record_size);

  std::uint32_t size() const { return count_; }
  base::Bytes at(std::uint32_t index) const;
  // The innermost record that spans a source RVA; of several with the same start the smallest.
  base::Bytes find(std::uint32_t rva) const;

 private:
  std::uint32_t start(std::uint32_t index) const { return at(index).get_or<std::uint32_t>(0, 0); }

  base::Bytes records_;
  std::uint32_t record_size_ = 1;
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> order_;  // by address, where the file's own order is not
};

FrameRecords fpo_records(base::Bytes stream);
FrameRecords frame_data_records(base::Bytes stream);
FpoRecord decode_fpo(base::Bytes record);
FrameDataRecord decode_frame_data(base::Bytes record, const NameTable& names);

}  // namespace ntstack::pdb
