// Symbol and image files with the keys that LLVM's tools read in them, and the stores that are
// served of them.
#pragma once

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "store/fetch.h"
#include "tool.h"

namespace ntstack::tests {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

struct ServedFile {
  std::string name, key;  // "mup.pdb", "496805729C3025714C4C44205044422E1"
  std::string bytes;
  store::Wanted wanted;

  std::filesystem::path place() const { return std::filesystem::path(name) / key / name; }
  void serve(const std::filesystem::path& store) const { write_file(store / place(), bytes); }
};

// The word after "label " in a tool's output.
inline std::string word_after(const std::string& text, const std::string& label) {
  const auto at = text.find(label);
  if (at == std::string::npos) return {};
  const auto begin = at + label.size();
  return text.substr(begin, text.find_first_of(" \r\n", begin) - begin);
}

template <class Number>
Number number_of(std::string_view text, int base) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

inline ServedFile pdb_file(std::string name, std::string bytes, const base::Guid& guid,
                           std::uint32_t age) {
  std::string key;
  char digits[33];
  const auto add = [&](unsigned long long value, const char* format) {
    std::snprintf(digits, sizeof digits, format, value);
    key += digits;
  };
  add(guid.data1, "%08llX");
  add(guid.data2, "%04llX");
  add(guid.data3, "%04llX");
  for (const std::uint8_t byte : guid.data4) add(byte, "%02llX");
  add(age, "%llx");
  return {name, key, std::move(bytes), {store::PdbKey{name, guid, age}, {}}};
}

// By llvm-pdbutil: "GUID: {49680572-9C30-2571-4C4C-44205044422E}", "Age: 1".
inline ServedFile pdb_file(const std::filesystem::path& path) {
  const std::string text = run("llvm-pdbutil-19 dump -summary " + quoted(path)).out;
  const std::string guid_text = word_after(text, "GUID: {");
  std::string digits;
  for (const char c : guid_text)
    if (c != '-' && c != '}') digits += c;
  base::Guid guid;
  if (digits.size() == 32) {
    const std::string_view all = digits;
    guid.data1 = number_of<std::uint32_t>(all.substr(0, 8), 16);
    guid.data2 = number_of<std::uint16_t>(all.substr(8, 4), 16);
    guid.data3 = number_of<std::uint16_t>(all.substr(12, 4), 16);
    for (std::size_t i = 0; i < 8; ++i)
      guid.data4[i] = number_of<std::uint8_t>(all.substr(16 + 2 * i, 2), 16);
  }
  return pdb_file(path.filename().string(), read_file(path), guid,
                  number_of<std::uint32_t>(word_after(text, "Age: "), 10));
}

inline ServedFile image_file(std::string name, std::string bytes, std::uint32_t timestamp,
                             std::uint32_t size) {
  char key[32];
  std::snprintf(key, sizeof key, "%08X%x", timestamp, size);
  return {name, key, std::move(bytes), {store::ImageKey{name, timestamp, size, {}, 0}, {}}};
}

// By llvm-readobj: "TimeDateStamp: 2056-01-20 22:10:22 (0xA1DD40CE)", "SizeOfImage: 20480".
inline ServedFile image_file(const std::filesystem::path& path) {
  const std::string text = run("llvm-readobj-19 --file-headers " + quoted(path)).out;
  const std::string stamp = text.substr(std::min(text.find("TimeDateStamp:"), text.size()));
  return image_file(path.filename().string(), read_file(path),
                    number_of<std::uint32_t>(word_after(stamp, "(0x"), 16),
                    number_of<std::uint32_t>(word_after(text, "SizeOfImage: "), 10));
}

// The same PDB or image with another name and key: its GUID or timestamp is another.
inline ServedFile with_number(const ServedFile& file, std::uint32_t number) {
  std::string bytes = file.bytes;
  const std::string name = "m" + std::to_string(number) + file.name;
  if (const auto* pdb = std::get_if<store::PdbKey>(&file.wanted.key)) {
    base::Guid guid = pdb->guid;
    const std::string_view old(reinterpret_cast<const char*>(&pdb->guid), sizeof guid);
    const auto at = bytes.find(old);
    std::memcpy(guid.data4.data() + 4, &number, sizeof number);
    if (at != std::string::npos) std::memcpy(bytes.data() + at, &guid, sizeof guid);
    return pdb_file(name, std::move(bytes), guid, pdb->age);
  }
  const auto& image = std::get<store::ImageKey>(file.wanted.key);
  std::uint32_t header = 0;
  std::memcpy(&header, bytes.data() + 0x3c, sizeof header);
  std::memcpy(bytes.data() + header + 8, &number, sizeof number);
  return image_file(name, std::move(bytes), number, image.size_of_image);
}

// Every file of a cache is one that was served under this very path, to the byte: what is wrong of
// the others, by path. What is unfinished, and what is remembered, lies in ".ntstack".
inline std::map<std::string, std::string> wrong_files(const std::filesystem::path& cache,
                                                      const std::vector<ServedFile>& served) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> right, wrong;
  for (const ServedFile& file : served) right[file.place().string()] = file.bytes;
  if (!fs::exists(cache)) return wrong;
  for (const auto& entry : fs::recursive_directory_iterator(cache)) {
    const std::string path = entry.path().lexically_relative(cache).string();
    if (!entry.is_regular_file() || path.starts_with(".ntstack")) continue;
    const auto found = right.find(path);
    if (found == right.end())
      wrong[path] = "it was not served";
    else if (found->second != read_file(entry.path()))
      wrong[path] = "it is not what was served";
  }
  return wrong;
}

}  // namespace ntstack::tests
