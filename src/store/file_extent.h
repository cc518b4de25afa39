// How long a symbol or image file is by its own header: so that a download that was cut off is told
// from a whole one, and one that never ends is stopped.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace ntstack::store {

enum class FileKind : std::uint8_t { unknown, pdb, image, cabinet };

// By the first bytes.
FileKind kind_of(base::Bytes head);

struct FileExtent {
  std::uint64_t least = 0;  // bytes that must be there
  std::uint64_t most = 0;   // bytes that can be
};

// So many bytes from the beginning tell the extent.
constexpr std::size_t extent_head = 4096;

// By the superblock of a PDB, the section table of an image, the header of a cabinet. Of anything
// else, or where `head` has too little of these: no bytes at least, and as many as a PDB can have.
FileExtent extent_of(base::Bytes head);

// "it is cut off: 5 of 10 bytes are there"; empty where the file is whole.
std::string why_not_whole(base::Bytes file);

}  // namespace ntstack::store
