"""The calls of seed 3's listing: where each is (the listing's own return addresses), and in which function."""
import pathlib
import re

# By the listing's name, the return address. Where names of Ntfs lie across each other in the seed (its PDB told names through
# a map of moved code), the function begins later than there, and the offset is smaller.
SITES = {
    "nt!IofCallDriver+0x45": 0x8081DF65,
    "fltmgr!FltpDispatch+0x6f": 0xF7A2EC45,
    "BabyHog+0x1196": 0xB958E196,
    "BabyHog!HogFarm+0xaf": 0xB958ECDF,
    "BabyHog!HogFarm+0x2b0": 0xB958EEE0,
    "BabyHog!HogFarm+0x842": 0xB958F472,
    "BabyHog!HogFarm+0x88c": 0xB958F4BC,
    "BabyHog!HogFarm+0xaec": 0xB958F71C,
    "BossHog+0x7862": 0xB80C1862,
    "BossHog+0x78a6": 0xB80C18A6,
    "BossHog+0x15367": 0xB80CF367,
    "BossHog!DEVICEDISPATCH::DispatchPassThrough+0x48": 0xB80CF3B7,
    "BossHog!DEVICEDISPATCH::LowerDevicePassThrough+0x48": 0xB80D012B,
    "BossHog01+0x26e7": 0xB76F66E7,
    "BossHog01+0x2e76": 0xB76F6E76,
    "BossHog01+0x5639": 0xB76F9639,
    "BossHog01+0x7994": 0xB76FB994,
    "BossHog01+0x7b42": 0xB76FBB42,
    "BossHog01+0x7baf": 0xB76FBBAF,
    "BossHog01+0x7cf7": 0xB76FBCF7,
    "BossHog01+0xb0e6": 0xB76FF0E6,
    "BossHog01+0xb4ae": 0xB76FF4AE,
    "BossHog01+0x15ae6": 0xB7709AE6,
    "BossHog01!DEVICEDISPATCH::DispatchPassThrough+0x48": 0xB7709B36,
    "BossHog01!DEVICEDISPATCH::DispatchPassThrough+0x5e7": 0xB770A0D5,
    "BossHog01!DEVICEDISPATCH::LowerDevicePassThrough+0x48": 0xB770A8AC,
    "nt!IoPageRead+0x109": 0x8081E4ED,
    "nt!MiDispatchFault+0xece": 0x8085114A,
    "nt!MmAccessFault+0x89e": 0x8085EA66,
    "nt!_KiTrap0E+0xdc": 0x8088C798,
    "nt!CcMapData+0x8c": 0x808B64A6,
    "Ntfs!NtfsMapStream+0x4b": 0xBAE5AF2D,
    "Ntfs!NtfsReadMftRecord+0x86": 0xBAE5849B,
    "Ntfs!NtfsReadFileRecord+0x7a": 0xBAE5ADF0,
    "Ntfs!NtfsLookupInFileRecord+0x37": 0xBAE5AFAC,
    "Ntfs!NtfsLookupAllocation+0xdd": 0xBAE19903,
    "Ntfs!NtfsPrepareBuffers+0x25d": 0xBAE1A6C4,
    "Ntfs!NtfsNonCachedIo+0x1ee": 0xBAE1A87C,
    "Ntfs!NtfsCommonRead+0xaf5": 0xBAE1B1A6,
    "Ntfs!NtfsFsdRead+0x113": 0xBAE1B0C9,
    "Ntfs!ReadIndexBuffer+0x8f": 0xBAE5D9D5,
    "Ntfs!NtfsUpdateFileNameInIndex+0x62": 0xBAE5F5E4,
    "Ntfs!NtfsUpdateDuplicateInfo+0x2b0": 0xBAE5F786,
    "Ntfs!NtfsCommonCleanup+0x1e82": 0xBAE5F8C6,
    "Ntfs!NtfsFsdCleanup+0xcf": 0xBAE5C8D9,
    "Ntfs!NtfsCompleteRequest+0xc8": 0xBAE1A22C,
    "Ntfs!NtfsFsdCreate+0x48c": 0xBAE5C00A,
    "fltmgr!FltpCreate+0xe4": 0xF7A3C458,
    "nt!IopCloseFile+0x2ae": 0x808F9732,
    "nt!ObpDecrementHandleCount+0xcc": 0x80934BAC,
    "nt!ObpCloseHandleTableEntry+0x131": 0x809344AD,
    "nt!ObpCloseHandle+0x82": 0x80934546,
    "nt!NtClose+0x1b": 0x80934663,
    "nt!KiFastCallEntry+0xfc": 0x8088978C,
    "nt!ZwClose+0x11": 0x8082E811,
    "nt!IopfCompleteRequest+0xcd": 0x8081E103,
    "nt!IopParseDevice+0xa35": 0x808F8F71,
    "nt!ObpLookupObjectName+0x5b0": 0x80937942,
    "nt!ObOpenObjectByName+0xea": 0x80933A76,
    "nt!IopCreateFile+0x447": 0x808EAE25,
    "nt!IoCreateFileSpecifyDeviceObjectHint+0x52": 0x808EC136,
    "nt!IopXxxControlFile+0x255": 0x808F5E2F,
    "nt!NtDeviceIoControlFile+0x2a": 0x808EED08,
    "MamaHog+0x422a": 0xB8D8D22A,
    "MamaHog+0x5c2d": 0xB8D8EC2D,
    "MamaHog+0x5de5": 0xB8D8EDE5,
    "MamaHog+0x6a85": 0xB8D8FA85,
    "MamaHog+0x87fe": 0xB8D917FE,
    "daddyHog+0x3f8b": 0xB7685F8B,
    "daddyHog+0x47a3": 0xB76867A3,
}

# Where functions begin whose names the seed has elsewhere, or that have none in it.
STARTS = {
    "Ntfs!NtfsNonCachedIo+0x1ee": 0xBAE1A6E0,
    "Ntfs!NtfsCommonRead+0xaf5": 0xBAE1B0E0,
    "Ntfs!NtfsUpdateDuplicateInfo+0x2b0": 0xBAE5F600,
    "Ntfs!NtfsCommonCleanup+0x1e82": 0xBAE5F7A0,
    "MamaHog+0x422a": 0xB8D8C0D0,  # by the seed's uf
}
SPAN = 0x34  # of what has no name: from its beginning to its call, or less where another one is nearer

BASES = {
    "nt": 0x80800000, "fltmgr": 0xF7A2D000, "Ntfs": 0xBAE18000, "BabyHog": 0xB958D000, "BossHog": 0xB80BA000,
    "BossHog01": 0xB76F4000, "MamaHog": 0xB8D89000, "daddyHog": 0xB7682000,
}
WITH_PDB = ("nt", "fltmgr", "Ntfs")


class Site:
    """A function of the story: it calls from one place."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.module, _, self.symbol = name.split("+")[0].partition("!")
        offset = int(name.split("+0x")[1], 16)
        # The first call behind an export may well be in a function without a name.
        self.is_named = bool(self.symbol) and name not in (
            "BabyHog!HogFarm+0x2b0", "BabyHog!HogFarm+0x842", "BabyHog!HogFarm+0x88c", "BabyHog!HogFarm+0xaec",
            "BossHog01!DEVICEDISPATCH::DispatchPassThrough+0x5e7")
        self.start = STARTS.get(name, address - (offset if self.is_named else SPAN))
        self.callees = []  # in the order in which it calls
        self.bytes = None  # of its frame, as the listing has it
        self.arguments = 2  # words that it takes from the stack

    @property
    def label(self):
        return f"site_{self.address:x}"


def rows():
    """(bytes, ChildEBP, site), youngest first, as src/analysis has the listing."""
    header = pathlib.Path(__file__).resolve().parents[2] / "src/analysis/seed3_listing.h"
    found = re.findall(r'\{(0x[0-9a-f]+), (0x[0-9a-f]+), "([^"]+)"\}', header.read_text())
    return [(int(size, 16), int(ebp, 16), site) for size, ebp, site in found]


def story():
    """The sites by name, with what they call, oldest first."""
    listing = rows()
    sites = {name: Site(name, address) for name, address in SITES.items()}
    callee = None
    for size, _, name in listing:
        sites[name].bytes = max(size, sites[name].bytes or 0)
        sites[name].callees.insert(0, callee)
        callee = sites[name]
    return sites
