//! One frame by framehop, for the race with bench/unwind_steps.cc, whose places, registers and stack these are.
//!     unwind_steps IMAGE list      each place's RVA, and the caller's instruction and stack pointer
//!     unwind_steps IMAGE cached    nanoseconds a frame, rules cached
//!     unwind_steps IMAGE uncached  with a new cache for each pass
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{FrameAddress, Module, ModuleSectionInfo, Unwinder};
use object::{Object, ObjectSection};

const BASE: u64 = 0xffff_f800_0000_0000;
const STACK: u64 = 0xffff_a000_0000_0000;
const WORDS: u64 = 0x20000;

struct Sections<'a>(object::File<'a>);

impl ModuleSectionInfo<Vec<u8>> for Sections<'_> {
    fn base_svma(&self) -> u64 {
        self.0.relative_address_base()
    }
    fn section_svma_range(&mut self, name: &[u8]) -> Option<std::ops::Range<u64>> {
        let section = self.0.section_by_name_bytes(name)?;
        Some(section.address()..section.address() + section.size())
    }
    fn section_data(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.section_by_name_bytes(name)?.data().ok()?.to_vec())
    }
}

fn read(address: u64) -> Result<u64, ()> {
    let slot = address.wrapping_sub(STACK) / 8;
    if slot < WORDS && address % 8 == 0 { Ok(BASE + 0x1000 + slot * 16) } else { Err(()) }
}

fn places(file: &object::File) -> Vec<u32> {
    let table = file.section_by_name(".pdata").unwrap().data().unwrap();
    let word = |row: &[u8], at: usize| u32::from_le_bytes(row[at..at + 4].try_into().unwrap());
    table
        .chunks_exact(12)
        .map(|row| (word(row, 0), word(row, 4)))
        .filter(|(begin, end)| *begin != 0 && end.saturating_sub(*begin) >= 64)
        .map(|(begin, end)| (begin + end) / 2)
        .take(256)
        .collect()
}

fn step(unwinder: &UnwinderX86_64<Vec<u8>>, cache: &mut CacheX86_64, rva: u32) -> Option<(u64, u64)> {
    let mut registers = UnwindRegsX86_64::new(BASE + u64::from(rva), STACK + 0x40000, STACK + 0x80000);
    let frame = FrameAddress::from_return_address(BASE + u64::from(rva))?;
    let caller = unwinder.unwind_frame(frame, &mut registers, cache, &mut read).ok()??;
    Some((caller, registers.sp()))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&arguments[1]).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let places = places(&file);
    let mut unwinder = UnwinderX86_64::new();
    unwinder.add_module(Module::new("image".into(), BASE..BASE + 0x1000_0000, BASE, Sections(file)));
    let mut cache = CacheX86_64::new();
    if arguments[2] == "list" {
        for rva in places {
            match step(&unwinder, &mut cache, rva) {
                Some((ip, sp)) => println!("{rva:#x} {ip:#x} {sp:#x}"),
                None => println!("{rva:#x} none"),
            }
        }
        return;
    }
    let mut times = Vec::new();
    let mut sum = 0u64;
    for _ in 0..41 {
        let begin = std::time::Instant::now();
        for _ in 0..100 {
            if arguments[2] == "uncached" {
                cache = CacheX86_64::new();
            }
            for rva in &places {
                sum = sum.wrapping_add(step(&unwinder, &mut cache, *rva).map_or(0, |caller| caller.0));
            }
        }
        times.push(begin.elapsed().as_nanos() as f64 / 100.0 / places.len() as f64);
    }
    times.sort_by(|a, b| a.total_cmp(b));
    println!("{:.2} {sum:x}", times[20]);
}
