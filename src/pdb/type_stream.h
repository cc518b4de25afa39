// A stream of type records: TPI (types) or IPI (items: functions' ids, strings). Records are found
// by their index, and full definitions of classes, unions and enums by their name. Layout: LLVM's
// "The PDB TPI and IPI Streams".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pdb/msf.h"

namespace ntstack::pdb {

struct TypeRecord {
  std::uint16_t kind = 0;
  base::Bytes fields;  // after the kind
};

class TypeStream {
 public:
  TypeStream() = default;
  TypeStream(const Msf& msf, std::uint32_t index);

  std::uint32_t begin() const { return begin_; }
  std::uint32_t end() const { return end_; }
  std::uint64_t records_size() const { return records_size_; }

  // Nothing for simple types (below begin()) and past the end.
  std::optional<TypeRecord> record(std::uint32_t index);

  // Calls visit(index) for the types that may be filed under a name's hash, until it returns true.
  // Hashes of full definitions are of their name, or of the unique name where they are local ones.
  template <class Visit>
  bool look_up(std::string_view name, Visit visit) {
    for (std::uint32_t i = first_filed_under(name); i != 0; i = next_filed(i)) {
      if (visit(i - 1 + begin_)) return true;
    }
    return false;
  }
  bool has_hashes() const { return hashes_.size() != 0; }

 private:
  // Where the record of `index` begins, as the stream's own table or a walk tells.
  std::optional<std::uint64_t> offset_of(std::uint32_t index);
  struct Checkpoint {
    std::uint32_t index;
    std::uint32_t offset;
  };
  Checkpoint checkpoint_before(std::uint32_t index);
  void make_checkpoints();
  void make_chains();
  std::uint32_t first_filed_under(std::string_view name);
  std::uint32_t next_filed(std::uint32_t place) const { return chain_next_[place - 1]; }

  Stream stream_;
  std::uint64_t records_at_ = 0;
  std::uint64_t records_size_ = 0;
  std::uint32_t begin_ = 0, end_ = 0;

  Stream hash_stream_;
  base::Bytes hashes_;         // of each type, hash_size_ bytes
  base::Bytes index_offsets_;  // Checkpoints
  std::uint32_t hash_size_ = 0;
  std::uint32_t bucket_count_ = 0;

  std::vector<Checkpoint> checkpoints_;
  std::vector<std::uint32_t> chain_heads_;  // by bucket; places count from 1
  std::vector<std::uint32_t> chain_next_;   // by type
};

}  // namespace ntstack::pdb
