#include "report/symbol_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/aligned.h"
#include "store/server_address.h"
#include "store/slot.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using stacks::FileNeeds;
using stacks::Matters;

std::string path_of(const store::Wanted& file) {
  const std::string name = store::name_of(file);
  return fmt::format("{}/{}/{}", name, store::key_of(file), name);
}

std::string address_of(const store::Wanted& file, const std::string& server) {
  const std::string name = store::name_of(file);
  return store::url_of(server, "", name, store::key_of(file), name);
}

// Where each server may have it: by each of its names, as it is and compressed.
std::vector<std::string> addresses_of(const store::Wanted& file,
                                      const std::vector<std::string>& servers) {
  std::vector<std::string> addresses;
  const std::string key = store::key_of(file);
  for (const std::string& server : servers)
    for (const std::string& name : store::names_of(file))
      for (const std::string& form : {name, store::compressed_name(name)})
        addresses.push_back(store::url_of(server, "", name, key, form));
  return addresses;
}

std::string file_text(const std::optional<store::Wanted>& lacking) {
  return lacking ? fmt::format("missing {}", store::key_of(*lacking)) : "at hand";
}

std::string pdb_text(const FileNeeds& one) {
  if (one.lacking.pdb_is_unknown) return "its image tells which";
  return file_text(one.lacking.pdb);
}

std::string matters_text(const FileNeeds& one) {
  const Matters most = std::max(one.image, one.pdb);
  if (most == Matters::no) return "";
  const std::string which = one.image == most && one.pdb == most ? "both"
                            : one.image == most                  ? "the image"
                                                                 : "the PDB";
  return most == Matters::walk ? which + ": frames behind it are guesses"
                               : which + ": functions have no names";
}

std::size_t count_of(const std::vector<FileNeeds>& needs, Matters matters) {
  return static_cast<std::size_t>(std::ranges::count_if(
      needs, [&](const FileNeeds& one) { return std::max(one.image, one.pdb) == matters; }));
}

Json file_json(const std::optional<store::Wanted>& lacking, Matters matters) {
  Json json;
  json["at_hand"] = !lacking.has_value();
  json["name"] = lacking ? Json(store::name_of(*lacking)) : Json(nullptr);
  json["key"] = lacking ? Json(store::key_of(*lacking)) : Json(nullptr);
  json["matters"] = stacks::name_of(matters);
  return json;
}

// A word of a POSIX shell: nothing in it is special.
std::string posix_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

// PowerShell takes typographic quotes for quotes, too.
std::string powershell_word(std::string_view text) {
  std::string word = "'";
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    for (const std::string_view quote : {"'", "\u2018", "\u2019", "\u201a", "\u201b"})
      if (text.substr(i).starts_with(quote)) {
        word += quote;
        length = quote.size();
      }
    word += text.substr(i, length);
    i += length;
  }
  return word + "'";
}

constexpr std::string_view kPosixHead = R"(#!/bin/sh
# Gets the symbol files that the stacks of {} want, into the folder "symbols" here. Take that back
# and run:  ntstack symbols import symbols
# A dump that does not tell a PDB's key needs it twice: the images tell which PDBs are theirs.
get() {{
  name=$1 key=$2
  shift 2
  [ -e "symbols/$name/$key/$name" ] && return
  mkdir -p "symbols/$name/$key"
  for url; do
    if curl -fsSL --retry 3 -o "symbols/$name/$key/$name.part" "$url"; then
      mv "symbols/$name/$key/$name.part" "symbols/$name/$key/$name"
      echo "$name"
      return
    fi
  done
  rm -f "symbols/$name/$key/$name.part"
  echo "not to be had: $name/$key" >&2
}}
)";

constexpr std::string_view kPowerShellHead =
    R"(# Gets the symbol files that the stacks of {} want, into the folder "symbols" here. Take that back
# and run:  ntstack symbols import symbols
# A dump that does not tell a PDB's key needs it twice: the images tell which PDBs are theirs.
$ProgressPreference = 'SilentlyContinue'
function Get-SymbolFile($name, $key, $urls) {{
  $folder = [IO.Path]::Combine((Get-Location).Path, 'symbols', $name, $key)
  $file = [IO.Path]::Combine($folder, $name)
  if (Test-Path -LiteralPath $file) {{ return }}
  [void][IO.Directory]::CreateDirectory($folder)
  foreach ($url in $urls) {{
    try {{
      Invoke-WebRequest -UseBasicParsing -Uri $url -OutFile "$file.part" -ErrorAction Stop
      [IO.File]::Move("$file.part", $file)
      $name
      return
    }} catch {{ }}
  }}
  Write-Warning "not to be had: $name/$key"
}}
)";

}  // namespace

std::string symbol_check_text(const std::vector<FileNeeds>& needs) {
  if (needs.empty()) return "No module is on any stack.\n";
  std::vector<Row> rows = {{"module", "stacks", "frames", "guessed", "image", "PDB", "matters"}};
  for (const FileNeeds& one : needs)
    rows.push_back({base::printable(one.module.name), fmt::format("{}", one.stacks),
                    fmt::format("{}", one.frames), fmt::format("{}", one.guessed_frames),
                    file_text(one.lacking.image), pdb_text(one), matters_text(one)});
  std::string out = aligned(rows, {false, true, true, true, false, false, false});
  const std::size_t walk = count_of(needs, Matters::walk), names = count_of(needs, Matters::names);
  out += fmt::format("\n{} module{} on these stacks", needs.size(), needs.size() == 1 ? "" : "s");
  if (walk + names == 0) return out + ", and nothing of them is missing that matters.\n";
  if (walk != 0) out += fmt::format("; for want of files of {} frames are guesses", walk);
  if (names != 0) out += fmt::format("; of {} functions have no names", names);
  return out + ".\nGet them with: ntstack symbols fetch\n";
}

nlohmann::ordered_json symbol_file_list(const std::vector<FileNeeds>& needs) {
  Json list = Json::array();
  for (const FileNeeds& one : needs) {
    Json module;
    module["module"] = base::printable(one.module.name);
    module["base"] = base::hex_text(one.module.base);
    module["stacks"] = one.stacks;
    module["frames"] = one.frames;
    module["guessed_frames"] = one.guessed_frames;
    module["image"] = file_json(one.lacking.image, one.image);
    module["pdb"] = file_json(one.lacking.pdb, one.pdb);
    module["pdb"]["is_known"] = !one.lacking.pdb_is_unknown;
    if (one.lacking.pdb_is_unknown) module["pdb"]["at_hand"] = false;
    list.push_back(std::move(module));
  }
  return list;
}

std::string symbol_list_text(const std::vector<store::Wanted>& files,
                             const std::vector<std::string>& servers) {
  std::string out;
  for (const store::Wanted& file : files) {
    out += path_of(file);
    for (const std::string& server : servers) out += "  " + address_of(file, store::shown(server));
    out += "\n";
  }
  return out;
}

std::string symbol_script(const std::vector<store::Wanted>& files,
                          const std::vector<std::string>& servers, const std::string& of,
                          Shell shell) {
  const bool is_posix = shell == Shell::posix;
  const auto word = is_posix ? posix_word : powershell_word;
  std::string out = fmt::format(fmt::runtime(is_posix ? kPosixHead : kPowerShellHead), of);
  for (const store::Wanted& file : files) {
    const std::string name = store::name_of(file), key = store::key_of(file);
    out += is_posix ? fmt::format("get {} {}", word(name), word(key))
                    : fmt::format("Get-SymbolFile {} {} @(", word(name), word(key));
    const char* separator = is_posix ? " " : "";
    for (const std::string& address : addresses_of(file, servers)) {
      out += separator + word(address);
      separator = is_posix ? " " : ", ";
    }
    out += is_posix ? "\n" : ")\n";
  }
  return out;
}

}  // namespace ntstack::report
