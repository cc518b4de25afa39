// The functions inlined into a procedure: which code is whose, decoded from the inline sites'
// binary annotations. Annotations: Microsoft's published cvinfo.h (BA_OP_*), LLVM's CodeView
// sources.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "pdb/lines.h"
#include "pdb/module.h"

namespace ntstack::pdb {

// Code of one inlined function at an address.
struct InlinedCode {
  std::uint32_t id = 0;  // the function's item id
  std::uint32_t file = 0;
  std::uint32_t line = 0;
};

// Code of a site: offsets count from the procedure's start.
struct InlinedRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t file = 0;
  std::uint32_t line = 0;
};

// What a site's annotations say. Deltas of lines count from `start.line`. A range that has no
// length of its own ends where the next begins, the last with `procedure_size`.
std::vector<InlinedRange> decode_annotations(base::Bytes annotations, const Inlinee& start,
                                             std::uint32_t procedure_size);

class InlineTree {
 public:
  InlineTree() = default;
  // `procedure`: the offset of its record.
  InlineTree(const ModuleSymbols& module, const ModuleLines& lines, std::uint32_t procedure);

  // The functions inlined at an offset of the procedure, outermost first.
  std::vector<InlinedCode> at(std::uint32_t offset) const;

 private:
  struct Range {
    std::uint32_t parent;  // number of the site around this one's, 0: the procedure itself
    std::uint32_t site;    // from 1 on
    InlinedRange code;
  };
  std::vector<Range> ranges_;       // by parent, then by address
  std::vector<std::uint32_t> ids_;  // of site i + 1
};

}  // namespace ntstack::pdb
