// What of nt neither the story makes nor tests/world's stubs have: a kernel stack that is full, the variables. Ours, for no
// source tells: that the vector looks no further, the names, and where in the KPCR the panic stack is (0x950).
    .text
    .macro symbol name
    .globl \name
    .p2align 2
    .endm

// An exception whose frame would not fit: X16 and X17 go into the KPCR, the frame goes onto the panic stack.
    symbol KiStackOverflowVector
KiStackOverflowVector:
    str x16, [x18, #0x940]
    str x17, [x18, #0x948]
    ldr x17, [x18, #0x950]
    mov x16, sp
    sub sp, x17, #0x150
    stp x0, x1, [sp, #0xa0]
    stp x2, x3, [sp, #0xb0]
    stp x4, x5, [sp, #0xc0]
    stp x6, x7, [sp, #0xd0]
    stp x8, x9, [sp, #0xe0]
    stp x10, x11, [sp, #0xf0]
    stp x12, x13, [sp, #0x100]
    stp x14, x15, [sp, #0x110]
    str x16, [sp, #0x98]
    ldr x16, [x18, #0x940]
    ldr x17, [x18, #0x948]
    stp x16, x17, [sp, #0x120]
    stp x18, x30, [sp, #0x130]
    mrs x16, elr_el1
    stp x29, x16, [sp, #0x140]
    mrs x16, spsr_el1
    str w16, [sp, #0x90]
    mov w17, #1
    strb w17, [sp]
    symbol KiDoubleFaultAbort
    .seh_proc KiDoubleFaultAbort
KiDoubleFaultAbort:
    .seh_trap_frame
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    mov w0, #0x7f
    mov x1, #8
    mov x2, #0
    mov x3, #0
    mov x4, #0
    bl KiBugCheckDispatch
    nop
    .seh_endproc

    symbol KiIdleLoop
    .seh_proc KiIdleLoop
KiIdleLoop:
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
1:  bl HalProcessorIdle
    b 1b
    .seh_endproc

// Not in the story.
    symbol KiProcessInterrupt
KiProcessInterrupt:
    ret
    symbol KiRetireDpcList
KiRetireDpcList:
    ret
    .include "nt_variables.inc"
