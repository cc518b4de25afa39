// The kernel's calls into the driver on x64. Each stub hands its routine the registers of the code
// that called it, and leaves the image by a jump to where the routine's Departure says.
//
// Frame, from rsp: 20 home space; 68 Registers; 18 Departure; 8 to align.
        .set    FRAME, 0x20 + 0x68 + 0x18 + 8
        .set    REGISTERS, 0x20
        .set    DEPARTURE, 0x20 + 0x68

        .macro  SAVE_CALLER
        movq    FRAME(%rsp), %rax               // ip
        movq    %rax, REGISTERS(%rsp)
        leaq    FRAME + 8(%rsp), %rax           // sp
        movq    %rax, REGISTERS + 0x08(%rsp)
        movq    %rbx, REGISTERS + 0x10(%rsp)
        movq    %rbp, REGISTERS + 0x18(%rsp)
        movq    %rsi, REGISTERS + 0x20(%rsp)
        movq    %rdi, REGISTERS + 0x28(%rsp)
        movq    %r12, REGISTERS + 0x30(%rsp)
        movq    %r13, REGISTERS + 0x38(%rsp)
        movq    %r14, REGISTERS + 0x40(%rsp)
        movq    %r15, REGISTERS + 0x48(%rsp)
        xorl    %eax, %eax
        movq    %rax, REGISTERS + 0x50(%rsp)
        movq    %rax, REGISTERS + 0x58(%rsp)
        movq    %rax, REGISTERS + 0x60(%rsp)
        .endm

// routine(first argument, Registers, Departure), then the jump.
        .macro  DEPARTING_STUB name, routine
        .globl  \name
        .def    \name; .scl 2; .type 32; .endef
\name:
        .seh_proc \name
        subq    $FRAME, %rsp
        .seh_stackalloc FRAME
        .seh_endprologue
        SAVE_CALLER
        leaq    REGISTERS(%rsp), %rdx
        leaq    DEPARTURE(%rsp), %r8
        call    \routine
        movq    DEPARTURE(%rsp), %rax
        movq    DEPARTURE + 8(%rsp), %rcx
        xorl    %edx, %edx
        xorl    %r8d, %r8d
        testq   %rax, %rax
        jz      1f
        addq    $FRAME, %rsp
        rex64 jmp *%rax
1:      addq    $FRAME, %rsp
        ret
        .seh_endproc
        .endm

        .text
        DEPARTING_STUB ntstack_apc_stub, ntstack_apc
        DEPARTING_STUB ntstack_rundown_stub, ntstack_rundown

        .globl  ntstack_cancel_stub
        .def    ntstack_cancel_stub; .scl 2; .type 32; .endef
ntstack_cancel_stub:                            // (device, irp)
        movq    %rdx, %rcx
        jmp     ntstack_cancel_of_irp
        DEPARTING_STUB ntstack_cancel_of_irp, ntstack_cancel

        .globl  ntstack_control_stub
        .def    ntstack_control_stub; .scl 2; .type 32; .endef
ntstack_control_stub:                           // (device, irp)
        .seh_proc ntstack_control_stub
        subq    $FRAME, %rsp
        .seh_stackalloc FRAME
        .seh_endprologue
        SAVE_CALLER
        movq    %rdx, %rcx
        leaq    REGISTERS(%rsp), %rdx
        call    ntstack_control
        addq    $FRAME, %rsp
        ret
        .seh_endproc
