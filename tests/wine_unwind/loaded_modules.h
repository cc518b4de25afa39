// The modules of this process as the unwinder sees them: images over the process's own memory.
#pragma once

#include <windows.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "pe/image.h"
#include "pe/unwind_x64.h"
#include "unwind/x64.h"

namespace ntstack::tests {

inline std::uint64_t address_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

// A range of this process's memory.
class OwnMemory : public base::ByteSource {
 public:
  OwnMemory(std::uint64_t address, std::uint64_t size) : address_(address), size_(size) {}

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const base::Bytes bytes = view(address, out.size());
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return bytes.size();
  }
  base::Bytes view(std::uint64_t address, std::size_t size) const override {
    if (address < address_) return {};
    const base::Bytes all(reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(address_)),
                          static_cast<std::size_t>(size_));
    return all.clamp(address - address_, size);
  }

 private:
  std::uint64_t address_;
  std::uint64_t size_;
};

struct LoadedModule {
  std::string name;
  std::unique_ptr<OwnMemory> memory;
  std::unique_ptr<pe::Image> image;
  unwind::Module module;
};

// Null where the DLL can't be loaded or is no x64 image.
inline const pe::x64::FunctionTable& table_of(const LoadedModule& loaded) {
  return std::get<pe::x64::FunctionTable>(loaded.module.functions);
}

inline std::unique_ptr<LoadedModule> load(const std::string& name) {
  const HMODULE handle = ::LoadLibraryExA(name.c_str(), nullptr, DONT_RESOLVE_DLL_REFERENCES);
  if (!handle) return nullptr;
  auto loaded = std::make_unique<LoadedModule>();
  loaded->name = name;
  const std::uint64_t base = address_of(handle);
  const auto headers = OwnMemory(base, 0x1000);
  const auto first = pe::Image::from_memory(headers, base);
  if (!first || first->architecture() != base::Architecture::x64) return nullptr;
  loaded->memory = std::make_unique<OwnMemory>(base, first->size_of_image());
  auto image = pe::Image::from_memory(*loaded->memory, base);
  if (!image) return nullptr;
  loaded->image = std::make_unique<pe::Image>(std::move(*image));
  loaded->module.base = base;
  loaded->module.size = loaded->image->size_of_image();
  loaded->module.image = loaded->image.get();
  loaded->module.functions.emplace<pe::x64::FunctionTable>(*loaded->image);
  return loaded;
}

// All modules, sorted by address.
class LoadedModules : public unwind::CodeMap {
 public:
  void add(std::unique_ptr<LoadedModule> module) {
    const auto place = std::ranges::upper_bound(modules_, module->module.base, {},
                                                [](const auto& m) { return m->module.base; });
    modules_.insert(place, std::move(module));
  }
  const unwind::Module* find(std::uint64_t address) const override {
    const auto next = std::ranges::upper_bound(modules_, address, {},
                                               [](const auto& m) { return m->module.base; });
    if (next == modules_.begin()) return nullptr;
    const unwind::Module& module = (*std::prev(next))->module;
    return address - module.base < module.size ? &module : nullptr;
  }
  std::span<const std::unique_ptr<LoadedModule>> all() const { return modules_; }

 private:
  std::vector<std::unique_ptr<LoadedModule>> modules_;
};

}  // namespace ntstack::tests
