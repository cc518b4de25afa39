//! Names RVAs, a hexadecimal one a line, by pdb-addr2line: function, file and line; inlined functions first. As llvm-symbolizer
//! prints them, with an empty line behind each.
//!     symbolize PDB < RVAS
use std::io::{BufRead, Write};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let pdb = pdb_addr2line::pdb::PDB::open(std::fs::File::open(path).unwrap()).unwrap();
    let data = pdb_addr2line::ContextPdbData::try_from_pdb(pdb).unwrap();
    let context = data.make_context().unwrap();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let rva = u32::from_str_radix(line.trim().trim_start_matches("0x"), 16).unwrap();
        if let Some(found) = context.find_frames(rva).unwrap() {
            for frame in found.frames {
                let name = frame.function.as_deref().unwrap_or("??");
                writeln!(out, "{name}\n{}:{}", frame.file.as_deref().unwrap_or("??"), frame.line.unwrap_or(0)).unwrap();
            }
        } else {
            writeln!(out, "??\n??:0").unwrap();
        }
        writeln!(out).unwrap();
    }
}
