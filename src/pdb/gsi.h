// The hash of global symbols by name, as the globals stream is and as the publics stream holds one.
// Layout: LLVM's "The GSI hash table"; Microsoft's published gsi.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "pdb/msf.h"
#include "pdb/symbol_records.h"

namespace ntstack::pdb {

// The record at an offset of the stream of global symbols.
std::optional<SymbolRecord> global_at(const Stream& symbols, std::uint32_t at);

class GlobalHash {
 public:
  GlobalHash() = default;
  // `table`: from the hash's header on. `symbols`: the stream of the records that it points to.
  GlobalHash(Stream table, std::uint64_t at, Stream symbols);

  // Calls visit(SymbolRecord) for the records filed under the hash of `name` (others' among them)
  // until it returns true; says whether it did.
  template <class Visit>
  bool look_up(std::string_view name, Visit visit) const {
    const Chain chain = chain_of(name);
    for (std::uint32_t i = chain.begin; i < chain.end; ++i) {
      const auto record = entry(i);
      if (record && visit(*record)) return true;
    }
    return false;
  }

 private:
  struct Chain {
    std::uint32_t begin = 0, end = 0;
  };
  Chain chain_of(std::string_view name) const;
  std::optional<SymbolRecord> entry(std::uint32_t index) const;

  Stream table_;
  Stream symbols_;
  std::uint64_t entries_at_ = 0, bitmap_at_ = 0, buckets_at_ = 0;
  std::uint32_t entry_count_ = 0;
  std::uint32_t bucket_words_ = 0;  // bucket offsets that the file holds
};

}  // namespace ntstack::pdb
