// An image with its PDB, and the frame records as a step asks for them.
#pragma once

#include <filesystem>
#include <memory>

#include "base/mapped_file.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "unwind/x86.h"

namespace ntstack::tests {

class X86Subject : public unwind::x86::CodeMap {
 public:
  X86Subject(const std::filesystem::path& image_path, const std::filesystem::path& pdb_path) {
    auto image_bytes = base::MappedFile::open(image_path);
    auto pdb_bytes = base::MappedFile::open(pdb_path);
    if (!image_bytes || !pdb_bytes) return;
    image_file_ = std::make_unique<base::MappedFile>(std::move(*image_bytes));
    pdb_file_ = std::make_unique<base::MappedFile>(std::move(*pdb_bytes));
    auto opened_image = pe::Image::from_file(image_file_->bytes());
    auto opened_pdb = pdb::Pdb::open(pdb_file_->bytes());
    if (!opened_image || !opened_pdb) return;
    image = std::make_unique<pe::Image>(std::move(*opened_image));
    pdb = std::make_unique<pdb::Pdb>(std::move(*opened_pdb));
    module = {image->preferred_base(), image->size_of_image(), image.get(), {}};
  }

  const unwind::Module* find(std::uint64_t address) const override {
    return address - module.base < module.size ? &module : nullptr;
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const unwind::Module&,
                                                    std::uint32_t rva) const override {
    return with_records ? pdb->frame_data_at(rva) : std::nullopt;
  }
  std::optional<pdb::FpoRecord> fpo_at(const unwind::Module&, std::uint32_t rva) const override {
    return with_records ? pdb->fpo_at(rva) : std::nullopt;
  }

  std::unique_ptr<pe::Image> image;
  std::unique_ptr<pdb::Pdb> pdb;
  unwind::Module module;
  bool with_records = true;

 private:
  std::unique_ptr<base::MappedFile> image_file_, pdb_file_;
};

}  // namespace ntstack::tests
