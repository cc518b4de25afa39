#include "pdb/locals.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "pdb/cursor.h"
#include "pdb/state.h"

namespace ntstack::pdb {
namespace {

enum LocalKind : std::uint16_t {
  S_FRAMEPROC = 0x1012,
  S_BPREL32 = 0x110b,
  S_REGREL32 = 0x1111,
  S_LOCAL = 0x113e,
  S_DEFRANGE_FRAMEPOINTER_REL = 0x1142,
  S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE = 0x1144,
  S_DEFRANGE_REGISTER_REL = 0x1145,
};

constexpr std::uint32_t kX86 = 0x014c, kX64 = 0x8664, kArm64 = 0xaa64;  // IMAGE_FILE_MACHINE_*
// CV_REG_ESP, CV_REG_EBP, CV_ALLREG_VFRAME, CV_ARM64_X19
constexpr std::uint16_t kEsp = 21, kEbp = 22, kVframe = 30006, kX19 = 69;
constexpr std::size_t kMostLocals = 4096, kMostPlaces = 64;

// The registers that S_FRAMEPROC's two bits stand for: none, the stack's, the frame's, another.
std::uint16_t base_register(unsigned encoded, std::uint32_t machine) {
  constexpr std::uint16_t kOfX86[] = {0, kVframe, kEbp, 20}, kOfX64[] = {0, 335, 334, 341},
                          kOfArm64[] = {0, 81, 79, kX19};
  if (machine == kX86) return kOfX86[encoded & 3];
  if (machine == kX64) return kOfX64[encoded & 3];
  return machine == kArm64 ? kOfArm64[encoded & 3] : std::uint16_t{0};
}

// A place in the making: FRAMEPOINTER_REL's base is known when S_FRAMEPROC has been read.
struct OpenPlace {
  LocalPlace place;
  bool is_frame_relative = false;
};
struct OpenLocal {
  LocalRecord record;
  std::vector<OpenPlace> places;
};
// S_REGREL32, S_BPREL32: compilers write them beside S_LOCAL, at the procedure's end.
struct PlainLocal {
  std::string_view name;
  std::uint32_t type = 0, inlinee = 0;
  LocalPlace place;
};

class Reading {
 public:
  Reading(const ModuleSymbols& module, std::uint32_t machine)
      : module_(module), machine_(machine) {}

  ProcedureLocals run(std::uint32_t procedure) {
    const auto record = module_.record(procedure);
    const auto root = record ? procedure_place_of(*record) : std::nullopt;
    if (!root) return {};
    for (std::uint32_t at = record->next; at < root->end;) {
      const auto each = module_.record(at);
      if (!each || is_procedure(each->kind) || !follow_scope(*each)) break;
      at = each->next;
      take(*each);
    }
    return close();
  }

 private:
  bool follow_scope(const SymbolRecord& record) {
    if (opens_scope(record.kind)) {
      scopes_.push_back(inlinee_);
      if (record.kind == S_INLINESITE || record.kind == S_INLINESITE2)
        inlinee_ = record.fields.get_or<std::uint32_t>(8, 0);
    } else if (closes_scope(record.kind)) {
      if (scopes_.empty()) return false;
      inlinee_ = scopes_.back();
      scopes_.pop_back();
    }
    return true;
  }

  void take(const SymbolRecord& record) {
    Cursor cursor(record.fields);
    switch (record.kind) {
      case S_FRAMEPROC:
        return take_frame(cursor);
      case S_LOCAL:
        return take_local(cursor);
      case S_BPREL32:
      case S_REGREL32:
        return take_plain(cursor, record.kind);
      case S_DEFRANGE_FRAMEPOINTER_REL:
        return add_place({{0, cursor.i32(), 0, false}, true}, cursor, false);
      case S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE:
        return add_place({{0, cursor.i32(), 0, false}, true}, cursor, true);
      case S_DEFRANGE_REGISTER_REL: {
        OpenPlace open;
        open.place.base = cursor.u16();
        const std::uint16_t bits = cursor.u16();  // is part of a structure; 3 unused; its offset
        open.place.is_part = (bits & 1) != 0;
        open.place.in_local = bits >> 4;
        open.place.offset = cursor.i32();
        return add_place(open, cursor, false);
      }
      default:
        return;
    }
  }

  void take_frame(Cursor& cursor) {
    const std::uint32_t bytes = cursor.u32();
    cursor.skip(8);  // padding, and where it is
    const std::uint32_t saved = cursor.u32();
    cursor.skip(6);  // the exception handler's place
    const std::uint32_t flags = cursor.u32();
    if (!cursor.ok()) return;
    found_.frame_bytes = bytes;
    found_.saved_bytes = saved;
    local_base_ = base_register(flags >> 14, machine_);
    parameter_base_ = base_register(flags >> 16, machine_);
  }

  void take_local(Cursor& cursor) {
    OpenLocal open;
    open.record.type = cursor.u32();
    open.record.is_parameter = (cursor.u16() & 1) != 0;
    open.record.name = cursor.text();
    open.record.inlinee = inlinee_;
    is_open_ = cursor.ok() && locals_.size() < kMostLocals;
    if (is_open_) locals_.push_back(std::move(open));
  }

  void take_plain(Cursor& cursor, std::uint16_t kind) {
    PlainLocal plain;
    plain.place.offset = cursor.i32();
    plain.type = cursor.u32();
    plain.place.base = kind == S_BPREL32 ? kEbp : cursor.u16();
    plain.name = cursor.text();
    plain.inlinee = inlinee_;
    if (cursor.ok() && plain_.size() < kMostLocals) plain_.push_back(plain);
  }

  void add_place(OpenPlace open, const Cursor& cursor, bool is_of_all) {
    if (!cursor.ok() || !is_open_) return;
    auto& places = locals_.back().places;
    if (places.size() >= kMostPlaces) return;
    places.insert(is_of_all ? places.begin() : places.end(), open);
  }

  // Where S_FRAMEPROC names no register on ARM64, Microsoft's compiler has put the frame's address
  // into one that calls keep.
  bool is_frame_base(std::uint16_t base) const {
    if (base == 0) return false;
    if (base == local_base_ || base == parameter_base_) return true;
    if (machine_ == kArm64 && base >= kX19 && base < kX19 + 10) return local_base_ == 0;
    if (base == kVframe) return true;
    return base == kEsp || base == kEbp
               ? machine_ == kX86
               : base == base_register(1, machine_) || base == base_register(2, machine_);
  }

  using Key = std::tuple<std::uint32_t, std::string_view, std::uint32_t>;
  static Key key_of(std::uint32_t inlinee, std::string_view name, std::uint32_t type) {
    return {inlinee, name, type};
  }
  using PlaceKey = std::tuple<Key, std::uint16_t, std::int32_t>;

  ProcedureLocals close() {
    std::set<PlaceKey> seen;
    std::set<Key> parameters;
    for (OpenLocal& open : locals_) {
      LocalRecord& local = open.record;
      const Key key = key_of(local.inlinee, local.name, local.type);
      if (local.is_parameter) parameters.insert(key);
      for (OpenPlace& each : open.places) {
        if (each.is_frame_relative)
          each.place.base = local.is_parameter ? parameter_base_ : local_base_;
        else if (!is_frame_base(each.place.base))
          continue;
        if (seen.insert({key, each.place.base, each.place.offset}).second)
          local.places.push_back(each.place);
      }
      if (!local.places.empty()) found_.locals.push_back(std::move(local));
    }
    for (const PlainLocal& plain : plain_) {
      const Key key = key_of(plain.inlinee, plain.name, plain.type);
      if (!is_frame_base(plain.place.base)) continue;
      if (!seen.insert({key, plain.place.base, plain.place.offset}).second) continue;
      const bool is_parameter = parameters.contains(key) || lies_in_caller(plain.place);
      found_.locals.push_back({plain.name, plain.type, plain.inlinee, is_parameter, {plain.place}});
    }
    return std::move(found_);
  }

  // Above the return address, where callers put arguments or have room for them.
  bool lies_in_caller(const LocalPlace& place) const {
    if (place.base == kEbp && machine_ == kX86) return place.offset >= 8;
    if (place.base != base_register(1, machine_) || machine_ != kX64 || !found_.frame_bytes)
      return false;
    return place.offset > std::int64_t{*found_.frame_bytes} + *found_.saved_bytes;
  }

  const ModuleSymbols& module_;
  std::uint32_t machine_;
  std::uint32_t inlinee_ = 0;
  std::vector<std::uint32_t> scopes_;  // the inlined functions around
  bool is_open_ = false;               // ranges belong to the last of locals_
  std::uint16_t local_base_ = 0, parameter_base_ = 0;
  std::vector<OpenLocal> locals_;
  std::vector<PlainLocal> plain_;
  ProcedureLocals found_;
};

// Handlers of exceptions are procedures of their own, whose records tell of the locals of the
// function around them, in its frame.
bool is_handler(std::string_view name) {
  for (const std::string_view part : {"filt$", "fin$", "catch$", "dtor$"})
    if (name.find(part) != std::string_view::npos) return true;
  return false;
}

}  // namespace

std::string_view frame_register(std::uint16_t number, std::uint32_t machine) {
  struct Name {
    std::uint32_t machine;
    std::uint16_t number;
    std::string_view name;
  };
  constexpr Name kNames[] = {{kX86, 20, "ebx"},  {kX86, kEsp, "esp"}, {kX86, kEbp, "ebp"},
                             {kX64, 334, "rbp"}, {kX64, 335, "rsp"},  {kX64, 341, "r13"},
                             {kArm64, 79, "fp"}, {kArm64, 81, "sp"}};
  constexpr std::string_view kKept[] = {"x19", "x20", "x21", "x22", "x23",
                                        "x24", "x25", "x26", "x27", "x28"};
  if (number == kVframe) return "vframe";
  if (machine == kArm64 && number >= kX19 && number < kX19 + 10) return kKept[number - kX19];
  const auto* found = std::ranges::find_if(
      kNames, [&](const Name& each) { return each.number == number && each.machine == machine; });
  return found == std::end(kNames) ? std::string_view() : found->name;
}

ProcedureLocals read_locals(const ModuleSymbols& module, std::uint32_t procedure,
                            std::uint32_t machine) {
  return Reading(module, machine).run(procedure);
}

FrameLocals Pdb::locals_at(std::uint32_t rva) const {
  const auto place = state_->locate(rva);
  auto owner = place ? state_->owner_of(*place) : std::nullopt;
  const ModuleSymbol* symbol = owner ? owner->decoded->symbols.spanning(*place) : nullptr;
  auto record = symbol ? owner->decoded->symbols.record(symbol->record) : std::nullopt;
  if (const auto code = record ? separated_code_of(*record) : std::nullopt) {
    owner = state_->owner_of(code->parent);
    symbol = owner ? owner->decoded->symbols.spanning(code->parent) : nullptr;
    record = symbol ? owner->decoded->symbols.record(symbol->record) : std::nullopt;
  }
  if (!record || !is_procedure(record->kind)) return {};
  FrameLocals found;
  found.is_known = true;
  if (is_handler(owner->decoded->symbols.name(*symbol))) return found;
  const ProcedureLocals read = read_locals(owner->decoded->symbols, symbol->record, machine());
  for (const LocalRecord& each : read.locals) {
    Local local{each.name,         {},         each.type, type_name(each.type), size_of(each.type),
                each.is_parameter, each.places};
    if (each.inlinee != 0)
      local.function = state_->inlined_name(owner->decoded->decoded_lines(), each.inlinee);
    found.locals.push_back(std::move(local));
  }
  return found;
}

}  // namespace ntstack::pdb
