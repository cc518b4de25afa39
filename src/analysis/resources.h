// ERESOURCEs: who owns them and who waits. Layouts are the public PDB types' (Windows 7 and later;
// before, ERESOURCE had two owner entries in itself) where nt's own types are not at hand.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/kernel_view.h"
#include "analysis/object_reader.h"
#include "analysis/stack_index.h"

namespace ntstack::analysis {

struct ResourceOwner {
  std::uint64_t thread = 0;  // a thread's address, or what a driver gave for one
  std::uint64_t count = 0;   // how often it has acquired the resource; 0: not known
};

struct Resource {
  std::uint64_t address = 0;
  std::int16_t active_count = 0;
  bool is_exclusive = false;
  std::uint64_t contention_count = 0, shared_waiters = 0, exclusive_waiters = 0;
  std::vector<ResourceOwner> owners;
  std::vector<std::uint64_t> waiting_shared, waiting_exclusive;  // threads
  std::string doubt;          // what of it can't be; a sentence, empty: it looks like a resource
  bool is_confirmed = false;  // a neighbour in the list of resources points back to it

  bool is_held() const { return active_count != 0; }
};

class ResourceReader {
 public:
  explicit ResourceReader(const KernelView& view);
  // Nothing where the dump does not have it.
  std::optional<Resource> at(std::uint64_t address) const;
  bool is_by_types() const { return resource_.is_by_types(); }

 private:
  void read_owners(Resource& resource) const;
  void add_owner(Resource& resource, std::uint64_t entry) const;
  void read_owner_table(Resource& resource) const;
  std::vector<std::uint64_t> waiters_of(std::uint64_t object) const;
  void look_for_doubt(Resource& resource) const;

  KernelView view_;
  ObjectReader resource_, owner_;
  bool has_two_owners_ = false;                                    // Server 2003 and Vista
  std::uint64_t owner_size_ = 0;                                   // of an OWNER_ENTRY
  unsigned count_shift_ = 0;                                       // of its count
  std::unordered_multimap<std::uint64_t, std::uint64_t> waiters_;  // thread by what it waits for
  StackIndex stacks_;
  mutable std::size_t records_ = 0;  // of waiters, that were followed: bounded over all resources
};

// The list's head, nt!ExpSystemResourcesList: by KDBG, else by its symbol. An error says what is
// missing.
base::Result<std::uint64_t> resource_list_of(const KernelView& view);

}  // namespace ntstack::analysis
