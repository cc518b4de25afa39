// The shapes that only assemblers, or other compilers than ours, write: every unwind code that the
// assembler has, in frames that can be run. Each takes X0 and X1.

    .text

    .macro symbol name
    .globl \name
    .def \name
    .scl 2
    .type 32
    .endef
    .p2align 2
    .endm
    .macro function name
    symbol \name
    .seh_proc \name
\name:
    .endm
    .macro end
    .seh_endproc
    .endm
// The smallest frame: FP and LR.
    .macro chained
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    .endm
    .macro unchained
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    .endm
// So that a register that is not given back shows.
    .macro spoil registers:vararg
    .irp register, \registers
    add \register, x0, #0x123
    .endr
    .endm

// A function without unwind data: the return address is in LR, always.
    symbol AsmLeaf
AsmLeaf:
    add x0, x0, x1
    cbz x1, 1f
    eor x0, x0, x1
    ret
1:  ret

// Probes 16 * X15 bytes of stack, a page at a time; changes X16 and X17 only.
    symbol __chkstk
__chkstk:
    sub x17, sp, x15, uxtx #4
    mov x16, sp
1:  sub x16, x16, #0x1000
    cmp x16, x17
    b.lo 2f
    ldr xzr, [x16]
    b 1b
2:  ret

// Never called: nothing raises an exception here.
    symbol __C_specific_handler
__C_specific_handler:
    mov w0, #1
    ret

// From here nobody comes back: whoever runs it stops at the WFI.
    function ShapeBugCheck
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    str x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    .seh_endprologue
    mov x19, x0
    bl AsmLeaf
    .globl ShapeBugCheckHalt
ShapeBugCheckHalt:
    wfi
    end

// Every nonvolatile register, as MSVC saves them: save_next after the first pair.
    function AsmSaveNext
    stp x19, x20, [sp, #-0x60]!
    .seh_save_r19r20_x 0x60
    stp x21, x22, [sp, #0x10]
    .seh_save_next
    stp x23, x24, [sp, #0x20]
    .seh_save_next
    stp x25, x26, [sp, #0x30]
    .seh_save_next
    stp x27, x28, [sp, #0x40]
    .seh_save_next
    stp x29, x30, [sp, #0x50]
    .seh_save_fplr 0x50
    add x29, sp, #0x50
    .seh_add_fp 0x50
    .seh_endprologue
    spoil x19, x20, x21, x22, x23, x24, x25, x26, x27, x28
    bl AsmLeaf
    .seh_startepilogue
    ldp x29, x30, [sp, #0x50]
    .seh_save_fplr 0x50
    ldp x27, x28, [sp, #0x40]
    .seh_save_next
    ldp x25, x26, [sp, #0x30]
    .seh_save_next
    ldp x23, x24, [sp, #0x20]
    .seh_save_next
    ldp x21, x22, [sp, #0x10]
    .seh_save_next
    ldp x19, x20, [sp], #0x60
    .seh_save_r19r20_x 0x60
    .seh_endepilogue
    ret
    end

// save_next goes on from x27 and x28 to d8 and d9, and from d8 and d9 to d10 and d11.
    function AsmSaveNextFloats
    stp x29, x30, [sp, #-0x60]!
    .seh_save_fplr_x 0x60
    stp x27, x28, [sp, #0x10]
    .seh_save_regp x27, 0x10
    stp d8, d9, [sp, #0x20]
    .seh_save_next
    stp d10, d11, [sp, #0x30]
    .seh_save_fregp d10, 0x30
    stp d12, d13, [sp, #0x40]
    .seh_save_next
    stp d14, d15, [sp, #0x50]
    .seh_save_next
    .seh_endprologue
    spoil x27, x28
    fmov d8, x0
    fmov d12, x0
    bl AsmLeaf
    .seh_startepilogue
    ldp d14, d15, [sp, #0x50]
    .seh_save_next
    ldp d12, d13, [sp, #0x40]
    .seh_save_next
    ldp d10, d11, [sp, #0x30]
    .seh_save_fregp d10, 0x30
    ldp d8, d9, [sp, #0x20]
    .seh_save_next
    ldp x27, x28, [sp, #0x10]
    .seh_save_regp x27, 0x10
    ldp x29, x30, [sp], #0x60
    .seh_save_fplr_x 0x60
    .seh_endepilogue
    ret
    end

// The forms that move SP as they store, one after the other.
    function AsmWriteBack
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    stp x21, x22, [sp, #-0x20]!
    .seh_save_regp_x x21, 0x20
    str x23, [sp, #-0x10]!
    .seh_save_reg_x x23, 0x10
    stp d8, d9, [sp, #-0x10]!
    .seh_save_fregp_x d8, 0x10
    str d10, [sp, #-0x20]!
    .seh_save_freg_x d10, 0x20
    str d11, [sp, #8]
    .seh_save_freg d11, 8
    str x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    .seh_endprologue
    spoil x19, x21, x22, x23
    fmov d8, x0
    bl AsmLeaf
    .seh_startepilogue
    ldr x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    ldr d11, [sp, #8]
    .seh_save_freg d11, 8
    ldr d10, [sp], #0x20
    .seh_save_freg_x d10, 0x20
    ldp d8, d9, [sp], #0x10
    .seh_save_fregp_x d8, 0x10
    ldr x23, [sp], #0x10
    .seh_save_reg_x x23, 0x10
    ldp x21, x22, [sp], #0x20
    .seh_save_regp_x x21, 0x20
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// LR beside a register of its own, FP not saved.
    function AsmLrPair
    sub sp, sp, #0x40
    .seh_stackalloc 0x40
    stp x19, x30, [sp, #0x10]
    .seh_save_lrpair x19, 0x10
    stp x20, x21, [sp, #0x20]
    .seh_save_regp x20, 0x20
    .seh_endprologue
    spoil x19, x20, x21
    bl AsmLeaf
    .seh_startepilogue
    ldp x20, x21, [sp, #0x20]
    .seh_save_regp x20, 0x20
    ldp x19, x30, [sp, #0x10]
    .seh_save_lrpair x19, 0x10
    add sp, sp, #0x40
    .seh_stackalloc 0x40
    .seh_endepilogue
    ret
    end

// save_any_reg in each of its forms; volatile registers too.
    function AsmSaveAny
    stp x29, x30, [sp, #-0x20]!
    .seh_save_any_reg_px x29, 0x20
    str x19, [sp, #0x10]
    .seh_save_any_reg x19, 0x10
    stp x20, x21, [sp, #-0x40]!
    .seh_save_any_reg_px x20, 0x40
    stp x3, x4, [sp, #0x10]
    .seh_save_any_reg_p x3, 0x10
    str x22, [sp, #-0x10]!
    .seh_save_any_reg_x x22, 0x10
    str d5, [sp, #-0x10]!
    .seh_save_any_reg_x d5, 0x10
    stp d6, d7, [sp, #-0x20]!
    .seh_save_any_reg_px d6, 0x20
    str d16, [sp, #0x10]
    .seh_save_any_reg d16, 0x10
    str q7, [sp, #-0x10]!
    .seh_save_any_reg_x q7, 0x10
    stp q8, q9, [sp, #-0x60]!
    .seh_save_any_reg_px q8, 0x60
    str q10, [sp, #0x20]
    .seh_save_any_reg q10, 0x20
    stp q11, q12, [sp, #0x40]
    .seh_save_any_reg_p q11, 0x40
    stp d13, d14, [sp, #0x30]
    .seh_save_any_reg_p d13, 0x30
    .seh_endprologue
    spoil x19, x20, x21, x22, x29
    bl AsmLeaf
    .seh_startepilogue
    ldp d13, d14, [sp, #0x30]
    .seh_save_any_reg_p d13, 0x30
    ldp q11, q12, [sp, #0x40]
    .seh_save_any_reg_p q11, 0x40
    ldr q10, [sp, #0x20]
    .seh_save_any_reg q10, 0x20
    ldp q8, q9, [sp], #0x60
    .seh_save_any_reg_px q8, 0x60
    ldr q7, [sp], #0x10
    .seh_save_any_reg_x q7, 0x10
    ldr d16, [sp, #0x10]
    .seh_save_any_reg d16, 0x10
    ldp d6, d7, [sp], #0x20
    .seh_save_any_reg_px d6, 0x20
    ldr d5, [sp], #0x10
    .seh_save_any_reg_x d5, 0x10
    ldr x22, [sp], #0x10
    .seh_save_any_reg_x x22, 0x10
    ldp x3, x4, [sp, #0x10]
    .seh_save_any_reg_p x3, 0x10
    ldp x20, x21, [sp], #0x40
    .seh_save_any_reg_px x20, 0x40
    ldr x19, [sp, #0x10]
    .seh_save_any_reg x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_any_reg_px x29, 0x20
    .seh_endepilogue
    ret
    end

// Allocations of each size: 16-byte units in 5, 11 and 24 bits.
    function AsmAllocations
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    sub sp, sp, #0x1f0
    .seh_stackalloc 0x1f0
    sub sp, sp, #4, lsl #12
    .seh_stackalloc 0x4000
    mov w15, #0x9000
    .seh_nop
    bl __chkstk
    .seh_nop
    sub sp, sp, x15, uxtx #4
    .seh_stackalloc 0x90000
    .seh_endprologue
    str x0, [sp]
    bl AsmLeaf
    .seh_startepilogue
    add sp, sp, #0x90, lsl #12
    .seh_stackalloc 0x90000
    add sp, sp, #4, lsl #12
    .seh_stackalloc 0x4000
    add sp, sp, #0x1f0
    .seh_stackalloc 0x1f0
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    ret
    end

// SP moves in the body; FP is the way back. What releases it is no part of the frame's codes.
    function AsmMovesSp
    stp x19, x20, [sp, #-0x40]!
    .seh_save_r19r20_x 0x40
    stp x29, x30, [sp, #0x20]
    .seh_save_fplr 0x20
    add x29, sp, #0x20
    .seh_add_fp 0x20
    .seh_endprologue
    mov x19, x0
    and x20, x0, #0xf0
    sub x20, sp, x20
    mov sp, x20
    bl AsmLeaf
    sub sp, sp, #0x20
    bl AsmLeaf
    cbz x19, 1f
    .seh_startepilogue
    sub sp, x29, #0x20
    .seh_add_fp 0x20
    ldp x29, x30, [sp, #0x20]
    .seh_save_fplr 0x20
    ldp x19, x20, [sp], #0x40
    .seh_save_r19r20_x 0x40
    .seh_endepilogue
    ret
1:  bl AsmLeaf
    .seh_startepilogue
    sub sp, x29, #0x20
    .seh_add_fp 0x20
    ldp x29, x30, [sp, #0x20]
    .seh_save_fplr 0x20
    ldp x19, x20, [sp], #0x40
    .seh_save_r19r20_x 0x40
    .seh_endepilogue
    ret
    end

// FP is set before the frame is complete: what is saved behind it counts from SP.
    function AsmSetFpEarly
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    mov x29, sp
    .seh_set_fp
    str x21, [sp, #0x10]
    .seh_save_reg x21, 0x10
    sub sp, sp, #0x30
    .seh_stackalloc 0x30
    .seh_endprologue
    spoil x21
    bl AsmLeaf
    .seh_startepilogue
    add sp, sp, #0x30
    .seh_stackalloc 0x30
    ldr x21, [sp, #0x10]
    .seh_save_reg x21, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// Signed return addresses: checked before the return, or by it.
    function AsmSigned
    pacibsp
    .seh_pac_sign_lr
    stp x19, x20, [sp, #-0x20]!
    .seh_save_r19r20_x 0x20
    stp x29, x30, [sp, #0x10]
    .seh_save_fplr 0x10
    add x29, sp, #0x10
    .seh_add_fp 0x10
    .seh_endprologue
    spoil x19, x20
    bl AsmLeaf
    bl AsmSignedInner
    .seh_startepilogue
    ldp x29, x30, [sp, #0x10]
    .seh_save_fplr 0x10
    ldp x19, x20, [sp], #0x20
    .seh_save_r19r20_x 0x20
    autibsp
    .seh_pac_sign_lr
    .seh_endepilogue
    ret
    end
    function AsmSignedInner
    pacibsp
    .seh_pac_sign_lr
    str x30, [sp, #-0x10]!
    .seh_save_reg_x lr, 0x10
    .seh_endprologue
    bl AsmLeaf
    .seh_startepilogue
    ldr x30, [sp], #0x10
    .seh_save_reg_x lr, 0x10
    .seh_endepilogue
    .inst 0xd65f0fff            // retab
    end
    function AsmSignedLeaf
    pacibsp
    .seh_pac_sign_lr
    .seh_endprologue
    cbz x0, 1f
    add x0, x0, x1
1:  nop
    .seh_startepilogue
    autibsp
    .seh_pac_sign_lr
    .seh_endepilogue
    ret
    end

// The prologue has work between its steps.
    function AsmMixedPrologue
    mov x9, x0
    .seh_nop
    stp x29, x30, [sp, #-0x30]!
    .seh_save_fplr_x 0x30
    add x10, x1, #1
    .seh_nop
    stp x0, x1, [sp, #0x10]
    .seh_nop
    str x19, [sp, #0x20]
    .seh_save_reg x19, 0x20
    mov x19, x10
    .seh_nop
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    bl AsmLeaf
    .seh_startepilogue
    ldr x19, [sp, #0x20]
    .seh_save_reg x19, 0x20
    ldp x29, x30, [sp], #0x30
    .seh_save_fplr_x 0x30
    .seh_endepilogue
    ret
    end

// Ways out in the middle: one like the other, one that is shorter; code behind them, a jump back.
    function AsmEpilogueInside
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    str x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    .seh_endprologue
    mov x19, x0
    cmp x0, #2
    b.hi 2f
    cbnz x0, 1f
    .seh_startepilogue
    ldr x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
1:  bl AsmLeaf
    .seh_startepilogue
    ldr x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
2:  mov x0, x1
    bl AsmLeaf
    sub x19, x19, #1
    cmp x19, #2
    b.hi 2b
    cbnz x1, 1b
    ldr x19, [sp, #0x10]
    .seh_startepilogue
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// More epilogues than the header's five bits count, each its own: the extended header.
    function AsmManyEpilogues
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    stp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    .seh_endprologue
    mov x19, x0
    bl AsmLeaf
    .set number, 0
    .rept 40
    cmp x19, #number
    b.ne 1f
    .seh_startepilogue
    .if number % 2
    nop
    .seh_nop
    .endif
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
1:
    .set number, number + 1
    .endr
    .seh_startepilogue
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// More bytes of codes than the header's five bits count in words: the extended header again.
    function AsmLongPrologue
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    .rept 50
    str x3, [sp, #-0x10]!
    .seh_save_any_reg_x x3, 0x10
    .endr
    .seh_endprologue
    bl AsmLeaf
    .seh_startepilogue
    add sp, sp, #0x320
    .seh_stackalloc 0x320
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    ret
    end

// Leaves by jumps of every form, the frame released before.
    function AsmJumps
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    .seh_endprologue
    mov x9, x0
    bl AsmLeaf
    adr x10, AsmLeaf
    cmp x9, #1
    b.eq 1f
    unchained
    b AsmLeaf
1:  unchained
    br x10
    end

// Described, but with nothing to undo. It calls nothing, for its LR is where it came.
    function AsmNoPrologue
    .seh_endprologue
    cbz x0, 1f
    add x0, x0, #1
1:  ret
    end

// A region with a prologue of its own within its function's frame, and one without any that ends
// the function: entries of .pdata side by side. By hand, from the documentation's text on fragments:
// behind end_c the parent's prologue is described again.
    symbol AsmFragments
AsmFragments:
    stp x29, x30, [sp, #-0x40]!
    mov x29, sp
    mov x9, x0
    cbz x9, .Lfragment_rest
.Lfragment_inner:
    stp x19, x20, [sp, #0x10]
    stp x21, x22, [sp, #0x20]
    spoil x19, x20, x21, x22
    bl AsmLeaf
    ldp x21, x22, [sp, #0x20]
    ldp x19, x20, [sp, #0x10]
.Lfragment_rest:
    mov x0, x1
    bl AsmLeaf
.Lfragment_epilogue:
    ldp x29, x30, [sp], #0x40
    ret
.Lfragments_end:
    .section .xdata, "dr"
    .p2align 2
.Lfragment_head_unwind:         // no epilogue
    .long (.Lfragment_inner - AsmFragments) / 4 | 1 << 27
    .byte 0xe1, 0x87, 0xe4, 0xe3        // set_fp; save_fplr_x 0x40; end
.Lfragment_inner_unwind:        // no epilogue: what gives the registers back is body
    .long (.Lfragment_rest - .Lfragment_inner) / 4 | 2 << 27
    .byte 0xc8, 0x84, 0xc8, 0x02        // save_regp x21, 0x20; save_regp x19, 0x10
    .byte 0xe5, 0xe1, 0x87, 0xe4        // end_c; set_fp; save_fplr_x 0x40; end
.Lfragment_rest_unwind:         // one epilogue, at the end: its codes begin at 2
    .long (.Lfragments_end - .Lfragment_rest) / 4 | 1 << 21 | 2 << 22 | 1 << 27
    .byte 0xe5, 0xe1, 0x87, 0xe4        // end_c; set_fp; save_fplr_x 0x40; end
    .section .pdata, "dr"
    .p2align 2
    .rva AsmFragments, .Lfragment_head_unwind
    .rva .Lfragment_inner, .Lfragment_inner_unwind
    .rva .Lfragment_rest, .Lfragment_rest_unwind
    .text

// Packed entries by hand: a canonical function with homed parameters and a signed LR; the second
// half of one, which is a packed fragment.
    symbol AsmPackedSigned
AsmPackedSigned:
    pacibsp
    stp x19, x20, [sp, #-0x50]!
    stp x0, x1, [sp, #0x10]
    stp x2, x3, [sp, #0x20]
    stp x4, x5, [sp, #0x30]
    stp x6, x7, [sp, #0x40]
    stp x29, x30, [sp, #-0x20]!
    mov x29, sp
    spoil x19, x20
    bl AsmLeaf
    ldp x29, x30, [sp], #0x20
    ldp x19, x20, [sp], #0x50
    autibsp
    ret
.Lpacked_signed_end:
    symbol AsmPackedSplit
AsmPackedSplit:
    stp x19, x20, [sp, #-0x10]!
    stp x29, x30, [sp, #-0x10]!
    mov x29, sp
    spoil x19, x20
    bl AsmLeaf
    b .Lpacked_fragment
.Lpacked_split_back:
    ldp x29, x30, [sp], #0x10
    ldp x19, x20, [sp], #0x10
    ret
.Lpacked_fragment:
    bl AsmLeaf
    mov x0, x1
    b .Lpacked_split_back
.Lpacked_split_end:
    .section .pdata, "dr"
    .p2align 2
    .rva AsmPackedSigned
    .long 1 | (.Lpacked_signed_end - AsmPackedSigned) / 4 << 2 | 2 << 16 | 1 << 20 | 2 << 21 | 7 << 23
    .rva AsmPackedSplit
    .long 1 | (.Lpacked_fragment - AsmPackedSplit) / 4 << 2 | 2 << 16 | 3 << 21 | 2 << 23
    .rva .Lpacked_fragment
    .long 2 | (.Lpacked_split_end - .Lpacked_fragment) / 4 << 2 | 2 << 16 | 3 << 21 | 2 << 23
    .text

// Longer than an entry can describe (1 MB): the assembler makes several of it.
    function AsmLongerThanAMegabyte
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    str x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    mov x19, x0
    bl AsmLeaf
    cbz x19, 1f
    b 2f
1:  .seh_startepilogue
    ldr x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    .globl AsmLongFilling
AsmLongFilling:
    .fill 0x44000, 4, 0xd503201f
    .globl AsmLongFillingEnd
AsmLongFillingEnd:
2:  mov x0, x19
    bl AsmLeaf
    .seh_startepilogue
    ldr x19, [sp, #0x10]
    .seh_save_reg x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// A language handler behind the unwind codes.
    function AsmHandler
    .seh_handler __C_specific_handler, @except, @unwind
    chained
    bl AsmLeaf
    unchained
    ret
    .seh_handlerdata
    .long 0
    .text
    end

// The call is the last instruction: its return address is the next function's first.
    function AsmCallLast
    chained
    cmp x0, #8
    b.eq 1f
    bl AsmLeaf
    unchained
    ret
1:  bl ShapeBugCheck
    end
    function AsmAfterCallLast
    stp x29, x30, [sp, #-0x40]!
    .seh_save_fplr_x 0x40
    stp x19, x20, [sp, #0x30]
    .seh_save_regp x19, 0x30
    .seh_endprologue
    spoil x19, x20
    bl AsmLeaf
    .seh_startepilogue
    ldp x19, x20, [sp, #0x30]
    .seh_save_regp x19, 0x30
    ldp x29, x30, [sp], #0x40
    .seh_save_fplr_x 0x40
    .seh_endepilogue
    ret
    end

// LR made by hand: it leads to the first instruction of a function's second part, which is where a
// call's return address must not be looked for.
    symbol AsmSoftwareCall
AsmSoftwareCall:
    stp x29, x30, [sp, #-0x20]!
    str x19, [sp, #0x10]
    spoil x19
    adr x30, AsmSoftwareContinuation
    b AsmSoftwareCallee
    .globl AsmSoftwareContinuation
AsmSoftwareContinuation:
    ldr x19, [sp, #0x10]
    ldp x29, x30, [sp], #0x20
    ret
.Lsoftware_end:
    .section .xdata, "dr"
    .p2align 2
.Lsoftware_call_unwind:
    .long (AsmSoftwareContinuation - AsmSoftwareCall) / 4 | 1 << 27
    .byte 0xd0, 0x02, 0x83, 0xe4        // save_reg x19, 0x10; save_fplr_x 0x20; end
.Lsoftware_rest_unwind:         // no prologue; one epilogue, which is all of it
    .long (.Lsoftware_end - AsmSoftwareContinuation) / 4 | 1 << 21 | 1 << 22 | 2 << 27
    .byte 0xe5, 0xd0, 0x02, 0x83, 0xe4, 0xe3, 0xe3, 0xe3
    .section .pdata, "dr"
    .p2align 2
    .rva AsmSoftwareCall, .Lsoftware_call_unwind
    .rva AsmSoftwareContinuation, .Lsoftware_rest_unwind
    .text
    function AsmSoftwareCallee
    .seh_clear_unwound_to_call
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    .seh_endprologue
    bl AsmLeaf
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_clear_unwound_to_call
    .seh_endepilogue
    ret
    end

// An exception, as software makes it: a CONTEXT below the frame, and a dispatcher that goes on from
// it. The first one stands at an instruction, the second one behind a call (CONTEXT_UNWOUND_TO_CALL).
    .macro raise flags, pc
    mov x9, sp
    sub sp, sp, #0x390
    movz w10, #7
    movk w10, #\flags, lsl #16
    str w10, [sp]
    .irp pair, 0,2,4,6,8,10,12,14,16,18,20,22,24,26
    context_pair \pair
    .endr
    stp x28, x29, [sp, #0xe8]
    stp x30, x9, [sp, #0xf8]
    adr x10, \pc
    str x10, [sp, #0x108]
    .endm
    .macro context_pair first
    .irp second, 1,3,5,7,9,11,13,15,17,19,21,23,25,27
    .if \second == \first + 1
    stp x\first, x\second, [sp, #8 + 8 * \first]
    .endif
    .endr
    .endm
    function AsmRaise
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    stp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    spoil x19, x20
    raise 0x40, 1f
    b AsmExceptionDispatcher
1:  raise 0x2040, 2f
    b AsmExceptionDispatcher
2:  add x0, x0, x20
    .seh_startepilogue
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end
    function AsmExceptionDispatcher
    .seh_context
    .seh_endprologue
    spoil x19, x20, x21, x22, x23, x24, x25, x26, x27, x28
    bl AsmLeaf
    ldp x19, x20, [sp, #0xa0]
    ldp x21, x22, [sp, #0xb0]
    ldp x23, x24, [sp, #0xc0]
    ldp x25, x26, [sp, #0xd0]
    ldp x27, x28, [sp, #0xe0]
    ldp x29, x30, [sp, #0xf0]
    ldp x16, x17, [sp, #0x100]
    mov sp, x16
    .globl AsmExceptionDispatcherJump
AsmExceptionDispatcherJump:
    br x17
    end

// Calls back into C through X1.
    function ShapeAsmCallee
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    stp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    .seh_endprologue
    mov x19, x0
    mov x20, x1
    blr x20
    add x0, x0, x19
    mov x1, x19
    blr x20
    .seh_startepilogue
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    end

// Not described although it calls: whoever meets it must say so, not guess.
    symbol AsmUndescribed
AsmUndescribed:
    stp x29, x30, [sp, #-0x10]!
    bl AsmSaveNext
    ldp x29, x30, [sp], #0x10
    ret

    .data
    .globl _fltused  // what the compiler asks for where there is floating point
_fltused:
    .long 0x9875

    .text
    symbol DriverEntry
DriverEntry:
    mov w0, #0
    ret
