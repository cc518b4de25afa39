#include "app/symbolize.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "base/thread.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "store/find_files.h"
#include "symbols/image_dwarf.h"
#include "symbols/image_symbolizer.h"
#include "symbols/short_names.h"

namespace ntstack::app {
namespace {

using base::fail;
using base::Result;
using base::with_context;

// The files that name the addresses. Images and PDBs are views of the mapped files.
struct Files {
  std::optional<base::MappedFile> image_file, pdb_file;
  std::optional<pe::Image> image;
  std::optional<pdb::Pdb> pdb;
  symbols::ImageDwarf dwarf;  // of an image without a PDB
  std::string warning;        // what is missing, a sentence; empty where nothing is
};

bool looks_like_pdb(base::Bytes file) {
  return file.text(0, 20).starts_with("Microsoft C/C++ MSF ");
}

Result<void> open_pdb(Files& files, base::MappedFile&& file) {
  files.pdb_file = std::move(file);
  auto pdb = pdb::Pdb::open(files.pdb_file->bytes());
  if (!pdb) {
    return with_context(std::move(pdb.error()), "reading {}",
                        base::path_text(files.pdb_file->path()));
  }
  files.pdb = std::move(*pdb);
  return {};
}

// The PDB that was named is used if it is the image's, and else refused: wrong names are worse than
// none.
Result<void> open_named_pdb(Files& files, const std::string& name) {
  auto file = base::MappedFile::open(base::path_from_utf8(name));
  if (!file) return std::unexpected(std::move(file.error()));
  if (const auto opened = open_pdb(files, std::move(*file)); !opened) return opened;
  const auto codeview = files.image->codeview();
  if (!codeview) {
    return with_context(codeview.error(), "{} can't be matched to the image", name);
  }
  if (files.pdb->guid() == codeview->guid && files.pdb->age() == codeview->age) return {};
  return fail("{} is not the PDB of the image: its key is {}, and {} is wanted", name,
              store_key(store::PdbKey{{}, files.pdb->guid(), files.pdb->age()}),
              store_key(store::PdbKey{{}, codeview->guid, codeview->age}));
}

// What the image itself has, or the file beside it.
void open_dwarf(Files& files) {
  files.dwarf = symbols::dwarf_of(*files.image, files.image_file->path());
  if (files.dwarf.dwarf) files.warning.clear();
  if (!files.dwarf.remedy.empty())
    files.warning = fmt::format("no {}: {}", files.dwarf.what, files.dwarf.remedy);
}

// Beside the image, then on the symbol path. Without a PDB the image's own symbols do.
void find_pdb(Files& files, const DumpOptions& options, std::FILE* err) {
  const auto codeview = files.image->codeview();
  if (!codeview) return;
  const store::PdbKey key{codeview->pdb_path, codeview->guid, codeview->age};
  const auto folder = files.image_file->path().parent_path();
  auto path = store::SymbolPath::of_folder(folder.empty() ? "." : base::path_text(folder));
  path.append(places_of(options).symbol_path);
  auto lookup = store::find_pdb(path, key);
  Downloads downloads(options, err);
  if (!lookup.file && !downloads.get({{key, {}}}).empty()) lookup = store::find_pdb(path, key);
  if (lookup.file && open_pdb(files, std::move(*lookup.file))) return;
  files.pdb.reset();
  const std::string name(base::file_name_of(key.name));
  files.warning = fmt::format("no PDB: put {}/{}/{} on the symbol path (-y), or give --pdb", name,
                              store_key(key), name);
  for (const std::string& other : lookup.mismatched) files.warning += "; found " + other;
}

Result<Files> open_files(const SymbolizeOptions& options, std::FILE* err) {
  auto file = base::MappedFile::open(base::path_from_utf8(options.image));
  if (!file) return std::unexpected(std::move(file.error()));
  Files files;
  if (looks_like_pdb(file->bytes())) {
    if (!options.pdb.empty()) return fail("{} is a PDB itself: leave --pdb out", options.image);
    if (auto opened = open_pdb(files, std::move(*file)); !opened) {
      return std::unexpected(std::move(opened.error()));
    }
    return files;
  }
  files.image_file = std::move(*file);
  auto image = pe::Image::from_file(files.image_file->bytes());
  if (!image) return with_context(std::move(image.error()), "reading {}", options.image);
  files.image = std::move(*image);
  if (options.pdb.empty()) {
    find_pdb(files, options.paths, err);
    if (!files.pdb) open_dwarf(files);
  } else if (auto opened = open_named_pdb(files, options.pdb); !opened) {
    return std::unexpected(std::move(opened.error()));
  }
  return files;
}

// Hexadecimal, with or without "0x", a '`' anywhere; nothing where it is no such number.
std::optional<std::uint64_t> parse_address(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::uint64_t value = 0;
  int digits = 0;
  for (const char c : text) {
    if (c == '`') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 || ++digits > 16) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return digits > 0 ? std::optional(value) : std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

struct Question {
  std::size_t index;  // of the address among those asked for
  std::string_view text;
  std::optional<std::uint32_t> rva;
};

// What is printed for a question, in the lines of the namer that answered it.
struct Answer {
  std::string_view lines;
};

// Names addresses in the order of the code, so that what is looked at lies together. Has a PDB of
// its own over the same file: several work side by side.
class Namer {
  // In the order of the code, what is behind is not looked at again.
  static constexpr std::size_t kForgetAfter = 1024;

 public:
  // `pdb` is the files' own, or another over the same bytes.
  Namer(const SymbolizeOptions& options, const Files& files, std::optional<pdb::Pdb> pdb)
      : options_(options),
        pdb_(std::move(pdb)),
        symbolizer_(files.image ? &*files.image : nullptr, pdb_ ? &*pdb_ : nullptr,
                    files.dwarf.dwarf ? &*files.dwarf.dwarf : nullptr),
        size_of_image_(size_of(files)),
        module_(symbols::short_name_of(options.image)) {}
  Namer(const Namer&) = delete;  // the symbolizer points to its own PDB
  Namer& operator=(const Namer&) = delete;

  static std::optional<std::uint32_t> size_of(const Files& files) {
    return files.image ? std::optional(files.image->size_of_image()) : std::nullopt;
  }

  // Valid until the next call.
  void answer(std::span<const Question> questions, std::span<Answer> answers) {
    lines_.clear();
    std::vector<std::pair<std::size_t, std::size_t>> places;
    places.reserve(questions.size());
    for (const Question& question : questions) {
      if (pdb_ && places.size() % kForgetAfter == kForgetAfter - 1) pdb_->forget_modules();
      const std::size_t begin = lines_.size();
      append(question.text, question.rva ? frames_of(*question.rva) : std::nullopt);
      places.emplace_back(begin, lines_.size() - begin);
    }
    for (std::size_t i = 0; i < places.size(); ++i)
      answers[questions[i].index].lines = {lines_.data() + places[i].first, places[i].second};
  }

 private:
  // Nothing where the RVA may not even be the module's: a PDB alone does not tell its size.
  std::optional<symbols::Frames> frames_of(std::uint32_t rva) {
    auto frames = symbolizer_.frames_at(rva, options_.inlines);
    if (frames.function.name.empty()) {
      if (!size_of_image_ && !frames.function.source) return std::nullopt;
      frames.function.offset = rva;
    }
    frames.function.module = module_;
    for (symbols::Symbol& inlined : frames.inlined) inlined.module = module_;
    return frames;
  }

  void append(std::string_view text, const std::optional<symbols::Frames>& frames) {
    if (options_.json_lines) {
      append_json(text, frames);
    } else {
      append_text(text, frames);
    }
  }

  void append(std::string_view text) { lines_.append(text); }

  void append_symbol(const symbols::Symbol& symbol) {
    append(symbol.text());
    if (symbol.source) {
      append(" [");
      append(base::printable(symbol.source->file));
      fmt::format_to(std::back_inserter(lines_), " @ {}]", symbol.source->line);
    }
    append("\n");
  }

  void append_text(std::string_view text, const std::optional<symbols::Frames>& frames) {
    append(base::printable(text));
    if (!frames) return append(" ??\n");
    append(" ");
    append_symbol(frames->function);
    for (const symbols::Symbol& inlined : frames->inlined) {
      append("  (inlined) ");
      append_symbol(inlined);
    }
  }

  static nlohmann::ordered_json json_of(const symbols::Symbol& symbol) {
    nlohmann::ordered_json json;
    json["module"] = base::printable(symbol.module);
    if (!symbol.name.empty()) json["name"] = base::printable(symbol.name);
    json["offset"] = symbol.offset;
    if (symbol.is_export) json["is_export"] = true;
    if (symbol.source) {
      json["file"] = base::printable(symbol.source->file);
      json["line"] = symbol.source->line;
    }
    return json;
  }

  void append_json(std::string_view text, const std::optional<symbols::Frames>& frames) {
    nlohmann::ordered_json json;
    json["address"] = base::printable(text);
    if (frames) json.update(json_of(frames->function));
    if (frames && options_.inlines) {
      auto& inlined = json["inlined"] = nlohmann::ordered_json::array();
      for (const symbols::Symbol& symbol : frames->inlined) {
        inlined.push_back(json_of(symbol));
        inlined.back().erase("offset");  // of a call there is none
      }
    }
    append(json.dump());
    append("\n");
  }

  const SymbolizeOptions& options_;
  std::optional<pdb::Pdb> pdb_;
  symbols::ImageSymbolizer symbolizer_;
  std::optional<std::uint32_t> size_of_image_;
  std::string module_;
  fmt::memory_buffer lines_;
};

// Names many addresses at once, on as many processors as it pays, and prints them in the order in
// which they were asked for.
class Printer {
  // So many addresses take longer than another PDB takes to be opened.
  static constexpr std::size_t kWorthAThread = 4096;

 public:
  Printer(const SymbolizeOptions& options, const Files& files, std::FILE* out)
      : options_(options), files_(files), size_of_image_(Namer::size_of(files)), out_(out) {}

  void print(std::span<const std::string> addresses) {
    std::vector<Question> questions;
    questions.reserve(addresses.size());
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const std::string_view text = trimmed(addresses[i]);
      questions.push_back({i, text, rva_of(text)});
    }
    std::ranges::sort(questions, {}, &Question::rva);
    std::vector<Answer> answers(addresses.size());
    answer(questions, answers);
    if (!base::lost_file().empty()) return;  // said at the end
    for (const Answer& answer : answers) put(answer.lines, out_);
    flush(out_);
  }

 private:
  std::optional<std::uint32_t> rva_of(std::string_view text) const {
    const auto address = parse_address(text);
    if (!address) return std::nullopt;
    const std::uint64_t rva = *address - options_.base.value_or(0);
    if (rva >= size_of_image_.value_or(UINT32_MAX)) return std::nullopt;
    return static_cast<std::uint32_t>(rva);
  }

  // Each namer takes a stretch of the code.
  void answer(std::span<const Question> questions, std::span<Answer> answers) {
    const std::size_t count = threads_for(questions.size());
    while (namers_.size() < count) namers_.push_back(make_namer());
    const std::size_t share = (questions.size() + count - 1) / count;
    const auto do_share = [&](std::size_t i) {
      const std::size_t begin = std::min(questions.size(), i * share);
      namers_[i]->answer(questions.subspan(begin, std::min(share, questions.size() - begin)),
                         answers);
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < count; ++i) {
      auto thread = base::try_thread([&do_share, i] { do_share(i); });
      if (thread)
        threads.push_back(std::move(*thread));
      else
        do_share(i);
    }
    do_share(0);
  }

  // DWARF is LLVM's, and for one thread.
  std::size_t threads_for(std::size_t questions) const {
    if (files_.dwarf.dwarf) return 1;
    const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
    return std::clamp<std::size_t>(questions / kWorthAThread, 1, processors);
  }

  std::unique_ptr<Namer> make_namer() const {
    std::optional<pdb::Pdb> pdb;
    if (files_.pdb) {
      if (auto opened = pdb::Pdb::open(files_.pdb_file->bytes())) pdb = std::move(*opened);
    }
    return std::make_unique<Namer>(options_, files_, std::move(pdb));
  }

  const SymbolizeOptions& options_;
  const Files& files_;
  std::optional<std::uint32_t> size_of_image_;
  std::vector<std::unique_ptr<Namer>> namers_;
  std::FILE* out_;
};

// Answers what is there before it waits for more, so that another program can ask line by line.
void print_lines(std::istream& in, Printer& printer) {
  constexpr std::size_t kMostAtOnce = 1 << 15;
  // Without a buffer of its own the standard input does not tell whether there is more.
  if (&in == &std::cin) std::ios::sync_with_stdio(false);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() < kMostAtOnce && in.rdbuf()->in_avail() > 0) continue;
    printer.print(lines);
    lines.clear();
  }
}

}  // namespace

int run_symbolize(const SymbolizeOptions& options, std::istream& in, std::FILE* out,
                  std::FILE* err) {
  const auto files = open_files(options, err);
  if (!files) {
    say(err, "ntstack: {}\n", base::printable(files.error().text()));
    return kFailed;
  }
  if (!files->warning.empty()) {
    say(err, "ntstack: {}\n", base::printable(files->warning));
  }
  Printer printer(options, *files, out);
  if (options.addresses.empty()) {
    print_lines(in, printer);
  } else {
    printer.print(options.addresses);
  }
  if (has_lost_file(err)) return kFailed;
  return kOk;  // whether all was written, the end of the program looks
}

}  // namespace ntstack::app
