// The ARM64 kernel's entries and switches, which only an assembler can write. The KTRAP_FRAME is
// that of the public .NET runtime's unwinder, the CONTEXT that of winnt.h. Ours, since no source
// tells: names and ways of the entries, the KEXCEPTION_FRAME of KiSwapContext, and that a stack is
// left over a machine frame {SP, PC} at the new one's end (16 bytes, as a real dump's KDBG has the
// size of KDPC_STACK_FRAME). X18 is the KPCR in kernel mode, SP_EL1 the stack of traps.

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

// What the processor does not save at a trap: a KTRAP_FRAME. `active`: 0 interrupt, 1 exception, 2
// system call.
    .macro make_trap_frame active
    sub sp, sp, #0x150
    stp x0, x1, [sp, #0xa0]
    stp x2, x3, [sp, #0xb0]
    stp x4, x5, [sp, #0xc0]
    stp x6, x7, [sp, #0xd0]
    stp x8, x9, [sp, #0xe0]
    stp x10, x11, [sp, #0xf0]
    stp x12, x13, [sp, #0x100]
    stp x14, x15, [sp, #0x110]
    stp x16, x17, [sp, #0x120]
    stp x18, x30, [sp, #0x130]
    mrs x16, elr_el1
    stp x29, x16, [sp, #0x140]
    mrs x16, spsr_el1
    str w16, [sp, #0x90]
    mov w17, #\active
    strb w17, [sp]
    tst w16, #0xf
    b.eq 1f
    add x17, sp, #0x150
    b 2f
1:  mrs x17, sp_el0
    mrs x18, tpidr_el1
2:  str x17, [sp, #0x98]
    .endm

// System call: the service's number is in ESR_EL1, its arguments are in X0 and on.
    symbol KiSystemServiceVector
KiSystemServiceVector:
    make_trap_frame 2
    function KiSystemService
    .seh_trap_frame
    stp x29, x30, [sp, #-0x30]!
    .seh_save_fplr_x 0x30
    stp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    ldr x19, [x18, #0x988]
    add x8, x29, #0x30
    str x8, [x19, #0x88]
    mrs x8, esr_el1
    and w8, w8, #0xfff
    adrp x9, KiServiceLimit
    ldr w9, [x9, :lo12:KiServiceLimit]
    cmp w8, w9
    b.hs 1f
    adrp x9, KiServiceTable
    add x9, x9, :lo12:KiServiceTable
    ldr x9, [x9, x8, lsl #3]

    .globl KiSystemServiceCopyEnd
KiSystemServiceCopyEnd:
    adrp x10, KiDynamicTraceMask
    ldr w10, [x10, :lo12:KiDynamicTraceMask]
    tbnz w10, #0, 2f
    blr x9
    nop

    .globl KiSystemServiceExit
KiSystemServiceExit:
    str x0, [x29, #0xd0]
    str xzr, [x19, #0x88]
    .seh_startepilogue
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x30
    .seh_save_fplr_x 0x30
    .seh_trap_frame
    .seh_endepilogue
    b KiTrapExit
1:  movz w0, #0x1c
    movk w0, #0xc000, lsl #16
    b KiSystemServiceExit
2:  str x9, [sp, #0x20]
    blr x9
    b KiSystemServiceExit
    .seh_endproc

// Back to where the trap frame at SP says.
    function KiTrapExit
    .seh_trap_frame
    .seh_endprologue
    ldr w16, [sp, #0x90]
    msr spsr_el1, x16
    tst w16, #0xf
    b.ne 1f
    ldr x17, [sp, #0x98]
    msr sp_el0, x17
1:  ldp x29, x16, [sp, #0x140]
    msr elr_el1, x16
    ldp x0, x1, [sp, #0xa0]
    ldp x2, x3, [sp, #0xb0]
    ldp x4, x5, [sp, #0xc0]
    ldp x6, x7, [sp, #0xd0]
    ldp x8, x9, [sp, #0xe0]
    ldp x10, x11, [sp, #0xf0]
    ldp x12, x13, [sp, #0x100]
    ldp x14, x15, [sp, #0x110]
    ldp x16, x17, [sp, #0x120]
    ldp x18, x30, [sp, #0x130]
    add sp, sp, #0x150
    .globl KiTrapExitEret
KiTrapExitEret:
    eret
    .seh_endproc

// A fault: its address is in FAR_EL1.
    symbol KiPageFaultVector
KiPageFaultVector:
    make_trap_frame 1
    function KiPageFault
    .seh_trap_frame
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    mrs x8, far_el1
    str x8, [x29, #0x18]
    ldr w8, [x29, #0xa0]
    tst w8, #0xf
    cset w0, eq
    lsl w0, w0, #2
    ldr x1, [x29, #0x158]
    bl MmAccessFault
    tbnz w0, #31, 1f
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_trap_frame
    .seh_endepilogue
    b KiTrapExit
1:  mov w0, #0xd1
    ldr x1, [x29, #0x18]
    mov w2, #2
    mov x3, #0
    ldr x4, [x29, #0x158]
    bl KiBugCheckDispatch
    nop
    .seh_endproc

// KeBugCheckEx(x0 to x4) with the nonvolatile registers in a KEXCEPTION_FRAME.
    function KiBugCheckDispatch
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
    bl KeBugCheckEx
    .seh_endproc

// Takes the caller's context and stops the machine.
    function KeBugCheckEx
    stp x29, x30, [sp, #-0x40]!
    .seh_save_fplr_x 0x40
    stp x0, x1, [sp, #0x10]
    .seh_nop
    stp x2, x3, [sp, #0x20]
    .seh_nop
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    msr daifset, #2
    ldr x0, [x18, #0x1220]
    bl RtlCaptureContext
    .globl KiBugCheckHalt
KiBugCheckHalt:
    wfi
    b KiBugCheckHalt
    .seh_endproc

    symbol KiInterruptVector
KiInterruptVector:
    make_trap_frame 0
    function KiInterruptDispatch
    .seh_trap_frame
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    add x0, x29, #0x10
    bl KiProcessInterrupt
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_trap_frame
    .seh_endepilogue
    b KiTrapExit
    .seh_endproc

// The software interrupt that DPCs are run by, below DISPATCH_LEVEL.
    symbol KiDpcInterruptVector
KiDpcInterruptVector:
    make_trap_frame 0
    function KiDpcInterrupt
    .seh_trap_frame
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    bl KiDispatchInterrupt
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_trap_frame
    .seh_endepilogue
    b KiTrapExit
    .seh_endproc

// Runs the processor's DPCs on its DPC stack. PRCB.DpcStack is the address of a machine frame at that
// stack's end; it leads back to KiDispatchInterruptContinue on this stack.
    function KiDispatchInterrupt
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    ldr x9, [x18, #0x1478]
    adr x10, KiDispatchInterruptContinue
    mov x11, sp
    stp x11, x10, [x9]
    mov sp, x9
    add x0, x18, #0x980
    b KxRetireDpcList
    .globl KiDispatchInterruptContinue
KiDispatchInterruptContinue:
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    ret
    .seh_endproc

    function KxRetireDpcList
    .seh_pushframe
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    bl KiRetireDpcList
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_pushframe
    .seh_endepilogue
    b KiMachineFrameReturn
    .seh_endproc

// Back over the machine frame at SP.
    function KiMachineFrameReturn
    .seh_pushframe
    .seh_endprologue
    ldp x16, x17, [sp]
    mov sp, x16
    .globl KiMachineFrameReturnJump
KiMachineFrameReturnJump:
    br x17
    .seh_endproc

// Waits for an interrupt.
    function HalProcessorIdle
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    msr daifclr, #2
    .globl HalProcessorIdleWait
HalProcessorIdleWait:
    wfi
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    ret
    .seh_endproc

// Runs x1(x0) on the stack whose frames end at x2 (its InitialStack), leaving this stack's pointer
// in [x3].
    function KeSwitchKernelStackAndCallout
    stp x29, x30, [sp, #-0x20]!
    .seh_save_fplr_x 0x20
    stp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    mov x19, x1
    mov x9, sp
    str x9, [x3]
    adr x10, KiSwitchKernelStackContinue
    sub x11, x2, #0x10
    stp x9, x10, [x11]
    mov sp, x11
    b KySwitchKernelStackCallout
    .globl KiSwitchKernelStackContinue
KiSwitchKernelStackContinue:
    .seh_startepilogue
    ldp x19, x20, [sp, #0x10]
    .seh_save_regp x19, 0x10
    ldp x29, x30, [sp], #0x20
    .seh_save_fplr_x 0x20
    .seh_endepilogue
    ret
    .seh_endproc

    function KySwitchKernelStackCallout
    .seh_pushframe
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    blr x19
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_pushframe
    .seh_endepilogue
    b KiMachineFrameReturn
    .seh_endproc

// KiSwapContext(x0 = the running thread, x1 = the next): everything nonvolatile is saved, then the
// stacks change.
    function KiSwapContext
    stp x19, x20, [sp, #-0xa0]!
    .seh_save_r19r20_x 0xa0
    stp x21, x22, [sp, #0x10]
    .seh_save_regp x21, 0x10
    stp x23, x24, [sp, #0x20]
    .seh_save_next
    stp x25, x26, [sp, #0x30]
    .seh_save_next
    stp x27, x28, [sp, #0x40]
    .seh_save_regp x27, 0x40
    stp x29, x30, [sp, #0x50]
    .seh_save_fplr 0x50
    stp d8, d9, [sp, #0x60]
    .seh_save_fregp d8, 0x60
    stp d10, d11, [sp, #0x70]
    .seh_save_next
    stp d12, d13, [sp, #0x80]
    .seh_save_next
    stp d14, d15, [sp, #0x90]
    .seh_save_next
    add x29, sp, #0x50
    .seh_add_fp 0x50
    .seh_endprologue
    mov x19, x0
    mov x20, x1
    bl SwapContext
    .seh_startepilogue
    ldp d14, d15, [sp, #0x90]
    .seh_save_fregp d14, 0x90
    ldp d12, d13, [sp, #0x80]
    .seh_save_fregp d12, 0x80
    ldp d10, d11, [sp, #0x70]
    .seh_save_fregp d10, 0x70
    ldp d8, d9, [sp, #0x60]
    .seh_save_fregp d8, 0x60
    ldp x29, x30, [sp, #0x50]
    .seh_save_fplr 0x50
    ldp x27, x28, [sp, #0x40]
    .seh_save_regp x27, 0x40
    ldp x25, x26, [sp, #0x30]
    .seh_save_regp x25, 0x30
    ldp x23, x24, [sp, #0x20]
    .seh_save_regp x23, 0x20
    ldp x21, x22, [sp, #0x10]
    .seh_save_regp x21, 0x10
    ldp x19, x20, [sp], #0xa0
    .seh_save_r19r20_x 0xa0
    .seh_endepilogue
    ret
    .seh_endproc

// From X19's stack to X20's. What stays behind is a KSWITCH_FRAME {Fp, Return}.
    function SwapContext
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    .seh_endprologue
    mov x8, sp
    str x8, [x19, #0x58]
    .globl SwapContextSaved
SwapContextSaved:
    str x20, [x18, #0x988]
    ldr x8, [x20, #0x58]
    mov sp, x8
    .seh_startepilogue
    ldp x29, x30, [sp], #0x10
    .seh_save_fplr_x 0x10
    .seh_endepilogue
    ret
    .seh_endproc

// Where a system thread begins: nothing called it. X19 is the routine, X20 its argument.
    function KiStartSystemThread
    stp x29, x30, [sp, #-0x10]!
    .seh_save_fplr_x 0x10
    mov x29, sp
    .seh_set_fp
    .seh_endprologue
    mov x0, x20
    blr x19
    nop
    .globl KiSystemThreadReturned
KiSystemThreadReturned:
    wfi
    .seh_endproc

// RtlCaptureContext(x0): the CONTEXT of the caller as it will be when this returns.
    symbol RtlCaptureContext
RtlCaptureContext:
    stp x0, x1, [x0, #8]
    stp x2, x3, [x0, #0x18]
    stp x4, x5, [x0, #0x28]
    stp x6, x7, [x0, #0x38]
    stp x8, x9, [x0, #0x48]
    stp x10, x11, [x0, #0x58]
    stp x12, x13, [x0, #0x68]
    stp x14, x15, [x0, #0x78]
    stp x16, x17, [x0, #0x88]
    stp x18, x19, [x0, #0x98]
    stp x20, x21, [x0, #0xa8]
    stp x22, x23, [x0, #0xb8]
    stp x24, x25, [x0, #0xc8]
    stp x26, x27, [x0, #0xd8]
    stp x28, x29, [x0, #0xe8]
    mov x1, sp
    stp x30, x1, [x0, #0xf8]
    str x30, [x0, #0x108]
    mov w1, #7
    movk w1, #0x40, lsl #16
    mrs x2, nzcv
    stp w1, w2, [x0]
    ret

    .section .rdata, "dr"
    .p2align 3
KiServiceTable:
    .quad NtCreateFile
    .quad NtQueryFullAttributesFile
    .quad NtClose
KiServiceLimit:
    .long 3
    .data
    .p2align 3
    .globl KiDynamicTraceMask
KiDynamicTraceMask:
    .long 0
