// The kernel's calls into the driver on ARM64; see stubs_x64.S.
//
// Frame, from sp: 10 fp and lr; 68 Registers; 18 Departure.
        .set    FRAME, 0x90
        .set    REGISTERS, 0x10
        .set    DEPARTURE, 0x78

        .macro  SAVE_CALLER
        str     x30, [sp, #REGISTERS]           // ip
        add     x9, sp, #FRAME                  // sp
        str     x9, [sp, #REGISTERS + 0x08]
        stp     x19, x20, [sp, #REGISTERS + 0x10]
        stp     x21, x22, [sp, #REGISTERS + 0x20]
        stp     x23, x24, [sp, #REGISTERS + 0x30]
        stp     x25, x26, [sp, #REGISTERS + 0x40]
        stp     x27, x28, [sp, #REGISTERS + 0x50]
        ldr     x9, [sp]                        // the caller's fp
        str     x9, [sp, #REGISTERS + 0x60]
        .endm

        .macro  ENTER name
        .globl  \name
        .def    \name; .scl 2; .type 32; .endef
        .p2align 2
\name:
        .seh_proc \name
        stp     x29, x30, [sp, #-FRAME]!
        .seh_save_fplr_x FRAME
        mov     x29, sp
        .seh_set_fp
        .seh_endprologue
        SAVE_CALLER
        .endm

        .macro  DEPARTING_STUB name, routine
        ENTER   \name
        add     x1, sp, #REGISTERS
        add     x2, sp, #DEPARTURE
        bl      \routine
        ldr     x16, [sp, #DEPARTURE]
        ldr     x0, [sp, #DEPARTURE + 8]
        mov     x1, xzr
        mov     x2, xzr
        cbz     x16, 1f
        .seh_startepilogue
        ldp     x29, x30, [sp], #FRAME
        .seh_save_fplr_x FRAME
        .seh_endepilogue
        br      x16
1:
        .seh_startepilogue
        ldp     x29, x30, [sp], #FRAME
        .seh_save_fplr_x FRAME
        .seh_endepilogue
        ret
        .seh_endfunclet
        .seh_endproc
        .endm

        .text
        DEPARTING_STUB ntstack_apc_stub, ntstack_apc
        DEPARTING_STUB ntstack_rundown_stub, ntstack_rundown

        .globl  ntstack_cancel_stub
        .def    ntstack_cancel_stub; .scl 2; .type 32; .endef
        .p2align 2
ntstack_cancel_stub:                            // (device, irp)
        mov     x0, x1
        b       ntstack_cancel_of_irp
        DEPARTING_STUB ntstack_cancel_of_irp, ntstack_cancel

        ENTER   ntstack_control_stub            // (device, irp)
        mov     x0, x1
        add     x1, sp, #REGISTERS
        bl      ntstack_control
        .seh_startepilogue
        ldp     x29, x30, [sp], #FRAME
        .seh_save_fplr_x FRAME
        .seh_endepilogue
        ret
        .seh_endfunclet
        .seh_endproc
