// The records of a zip file, by PKWARE's APPNOTE.TXT 6.3.x: signatures, flags and where the fields
// lie that are read here. All values are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ntstack::base::zip {

// Local file header; the name and the extra field follow, and then the contents.
inline constexpr std::uint32_t kLocal = 0x04034b50;
inline constexpr std::size_t kLocalSize = 30;
inline constexpr std::size_t kLocalNameLength = 26, kLocalExtraLength = 28;

// Behind contents whose sizes were not known before: CRC, compressed size, size.
inline constexpr std::uint32_t kDescriptor = 0x08074b50;

// Central directory header; name, extra field and comment follow.
inline constexpr std::uint32_t kCentral = 0x02014b50;
inline constexpr std::size_t kCentralSize = 46;
inline constexpr std::size_t kCentralFlags = 8, kCentralMethod = 10, kCentralCrc = 16,
                             kCentralCompressed = 20, kCentralLength = 24, kCentralNameLength = 28,
                             kCentralExtraLength = 30, kCentralCommentLength = 32,
                             kCentralDisk = 34, kCentralLocal = 42;

// End of central directory; a comment follows.
inline constexpr std::uint32_t kEnd = 0x06054b50;
inline constexpr std::size_t kEndSize = 22;
inline constexpr std::size_t kEndDisk = 4, kEndDirectoryDisk = 6, kEndCount = 10,
                             kEndDirectorySize = 12, kEndDirectory = 16, kEndCommentLength = 20;

// ZIP64: its end record, and the locator between that and the end record.
inline constexpr std::uint32_t kEnd64 = 0x06064b50;
inline constexpr std::size_t kEnd64Size = 56;
inline constexpr std::size_t kEnd64Disk = 16, kEnd64DirectoryDisk = 20, kEnd64Count = 32,
                             kEnd64DirectorySize = 40, kEnd64Directory = 48;
inline constexpr std::uint32_t kLocator = 0x07064b50;
inline constexpr std::size_t kLocatorSize = 20;
inline constexpr std::size_t kLocatorEnd64 = 8;

// The extra field with the 64-bit values of what is all ones in the header, in the order size,
// compressed size, local header's place.
inline constexpr std::uint16_t kExtra64 = 1;

inline constexpr std::uint16_t kEncrypted = 0x0001, kHasDescriptor = 0x0008, kIsUtf8 = 0x0800;
inline constexpr std::uint16_t kStored = 0, kDeflated = 8;
inline constexpr std::uint32_t kIn64 = 0xffffffff;  // "see the ZIP64 field"
inline constexpr std::uint16_t kCountIn64 = 0xffff;

}  // namespace ntstack::base::zip
