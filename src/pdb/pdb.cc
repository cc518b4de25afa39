#include "pdb/pdb.h"

#include "pdb/state.h"

namespace ntstack::pdb {

base::Result<Pdb> Pdb::open(base::Bytes file) {
  constexpr std::uint32_t kInfoStream = 1, kDbiStream = 3;
  auto msf = Msf::open(file);
  if (!msf) return std::unexpected(std::move(msf.error()));
  const auto info_stream = msf->stream(kInfoStream);
  if (!info_stream) return std::unexpected(info_stream.error());
  auto info = read_info_stream(info_stream->bytes());
  if (!info) return std::unexpected(std::move(info.error()));
  if (info->fast_link)
    return base::fail(
        "a PDB of /DEBUG:FASTLINK: its symbols are in the object files; link with "
        "/DEBUG:FULL, or convert it with mspdbcmf");

  auto state = std::make_unique<State>(std::move(*msf), std::move(*info));
  // A compiler's PDB of types alone has no DBI, or an empty one.
  const Stream dbi_stream = state->stream(kDbiStream);
  if (dbi_stream.size() != 0) {
    auto dbi = read_dbi(dbi_stream.bytes());
    if (!dbi) return std::unexpected(std::move(dbi.error()));
    state->dbi = *dbi;
  }
  return Pdb(std::move(state));
}

Pdb::Pdb(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pdb::Pdb(Pdb&&) noexcept = default;
Pdb& Pdb::operator=(Pdb&&) noexcept = default;
Pdb::~Pdb() = default;

base::Guid Pdb::guid() const { return state_->info.guid; }
std::uint32_t Pdb::age() const { return state_->dbi ? state_->dbi->age : state_->info.age; }
std::uint32_t Pdb::machine() const { return state_->dbi ? state_->dbi->machine : 0; }

void Pdb::forget_modules() const { state_->forget_modules(); }

// The records are of the source; what is given back is of the image.
std::optional<FpoRecord> Pdb::fpo_at(std::uint32_t rva) const {
  const auto source = state_->addresses().source_of(rva);
  const base::Bytes record = source ? state_->fpo().find(*source) : base::Bytes();
  if (record.empty()) return std::nullopt;
  FpoRecord found = decode_fpo(record);
  found.rva = State::start_for(found.rva, *source, rva);
  return found;
}

std::optional<FrameDataRecord> Pdb::frame_data_at(std::uint32_t rva) const {
  const auto source = state_->addresses().source_of(rva);
  const base::Bytes record = source ? state_->frame_data().find(*source) : base::Bytes();
  if (record.empty()) return std::nullopt;
  FrameDataRecord found = decode_frame_data(record, state_->names());
  found.rva = State::start_for(found.rva, *source, rva);
  return found;
}

std::optional<Structure> Pdb::structure(std::string_view name) const {
  const auto type = state_->types().definition(name);
  return type ? state_->types().structure(*type) : std::nullopt;
}

std::optional<Structure> Pdb::structure(std::uint32_t type) const {
  return state_->types().structure(type);
}

std::vector<std::string_view> Pdb::structure_names() const {
  return state_->types().structure_names();
}

std::optional<std::uint64_t> Pdb::size_of(std::uint32_t type) const {
  return state_->types().size(type);
}

std::string Pdb::type_name(std::uint32_t type) const { return state_->types().name(type); }

}  // namespace ntstack::pdb
