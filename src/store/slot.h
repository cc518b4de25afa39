// One file's place in a store that is written to. A file is put together under another name, by one
// process at a time, checked, and then renamed: a store never has half a file or a wrong one.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/out_file.h"

namespace ntstack::store {

// All paths lie in the store. Those of unfinished files are in its folder ".ntstack", which no key
// of a symbol file leads to.
struct Slot {
  std::filesystem::path destination;  // name/KEY/name, or na/name/KEY/name
  std::filesystem::path part;         // what was downloaded so far
  std::filesystem::path part_note;    // of what it is a part
  std::filesystem::path fresh;        // a whole file that is not checked yet
  std::filesystem::path lock;
};

// `name` is a safe_file_name, `key` a store_key.
Slot slot_of(const std::filesystem::path& store, std::string_view name, std::string_view key);

// Where a store keeps what is its own and no symbol file.
std::filesystem::path own_folder(const std::filesystem::path& store);

// The folder that a store sorts a name into that has a file index2.txt in its root: the name's
// first two characters. Empty where these would lead out of it, or are parts of longer characters.
std::string_view tier_of(std::string_view name);

// "nt.pd_": what a store calls a compressed file.
std::string compressed_name(std::string_view name);

// FNV-1a: names of any length become names of one length.
std::uint64_t hash_of(std::string_view text);

// Waits until no other process is at the slot; an error where `cancelled` was set meanwhile.
base::Result<base::LockFile> lock_slot(const Slot& slot, const std::atomic<bool>& cancelled);

// Whether files can be put into the store; makes its folders.
base::Result<void> check_writable(const std::filesystem::path& store);

// Why a file is not to be used, as a phrase; empty where it is.
using Check = std::function<std::string(base::Bytes file)>;

// Writes `file` to the slot's destination; whoever calls holds the lock. `name`: of the file in a
// cabinet, which is expanded. What is cut off or does not pass the check never gets there.
base::Result<void> put(const Slot& slot, base::Bytes file, std::string_view name,
                       const Check& check);

}  // namespace ntstack::store
